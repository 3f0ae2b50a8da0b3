"""The versions of a project's guidelines: an answer names the one it was made under, so none is ever changed."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from projects.models import Guidelines, Project, User


@contextmanager
def versioned(project_id: int, user: User | None) -> Iterator[None]:
    """Around whatever writes a project's guidelines: changed text becomes the next version, in the same transaction.

    The row's lock makes two managers who save at the same moment take turns, so that no number is given twice.
    """
    with transaction.atomic():
        before = Project.objects.select_for_update().values_list("guidelines", flat=True).get(pk=project_id)
        number = _first(project_id, before)
        yield
        after = Project.objects.values_list("guidelines", flat=True).get(pk=project_id)
        if _lines(after) != _lines(before):
            Guidelines.objects.create(project_id=project_id, number=number + 1, text=after, created_by=user)


def versions(project: Project) -> list[Guidelines]:
    """All of them, the newest first. A project from before there were versions gets its first one now."""
    newest_number(project)
    return list(project.guidelines_versions.select_related("created_by"))


def newest_number(project: Project) -> int | None:
    """What an answer that is given now is made under; None: there are no guidelines."""
    number = project.guidelines_versions.values_list("number", flat=True).first()
    if number is None and project.guidelines:
        with transaction.atomic():
            text = Project.objects.select_for_update().values_list("guidelines", flat=True).get(pk=project.pk)
            number = _first(project.pk, text) or None
    return number


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison; `kind`: "added", "removed", "same", or "gap" where lines that are the same are left out."""

    kind: str
    text: str


def difference(old: str, new: str) -> list[Line]:
    """What changed from one text to the other, with three lines around each change."""
    found = []
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "gap"}
    for line in list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=3))[2:]:
        kind = kinds[line[0]]
        if kind != "gap" or found:
            found.append(Line(kind, "" if kind == "gap" else line[1:]))
    return found


def _first(project_id: int, text: str) -> int:
    """The newest version's number; where a text has none yet, it becomes the first. 0: nothing was ever written."""
    newest = Guidelines.objects.filter(project=project_id).order_by("-number").values_list("number", flat=True).first()
    if newest is None and text:
        Guidelines.objects.create(project_id=project_id, number=1, text=text)
        return 1
    return newest or 0


def _lines(text: str) -> list[str]:
    """A browser sends other line ends than REST; that alone is no new version."""
    return text.splitlines()
