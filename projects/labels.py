"""Labels: their colours and keys, and what may become of one that is in use."""

import re
import string
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from projects.errors import WrongState
from projects.models import Label, Project
from projects.task_types import TaskType, task_type

# Ten colours that stay apart for colour-blind eyes (after Okabe and Ito 2008, and Tol 2021); then they repeat, and the name
# and the key, which are always printed, tell the labels apart.
COLORS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8f7700", "#882255", "#44aa99", "#6a51a3"]
HOTKEYS = "1234567890" + string.ascii_lowercase
# What the labelling page does with a letter (undo, skip, flag, comment, my answers) until a label has it: given to labels
# last. Each has another key that no label can have, so a label that takes the letter takes nothing away.
PAGE_LETTERS = "zsfce"
# No part of a name, which is one line. (C0 and C1 controls, line and paragraph separator; joiners are spelling, and may stay.)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Where a project keeps values, and the field.
_VALUES = (("items", "known"), ("annotations", "value"), ("verdicts", "value"), ("golds", "value"))
_CHUNK = 500


def ensure_labels(project: Project, names: Iterable[str]) -> dict[str, int]:
    """The ids of the labels of these names; those that the project does not have are made, in the order given."""
    existing = dict(project.labels.values_list("name", "pk"))
    missing = [name for name in dict.fromkeys(names) if name not in existing]
    if missing:
        taken = set(project.labels.exclude(hotkey="").values_list("hotkey", flat=True))
        start = (project.labels.aggregate(last=Max("position"))["last"] or 0) + 1
        keys = assign_hotkeys(missing, taken)
        made = [
            Label(project=project, name=name, hotkey=key, position=start + i, color=COLORS[(len(existing) + i) % len(COLORS)])
            for i, (name, key) in enumerate(zip(missing, keys, strict=True))
        ]
        Label.objects.bulk_create(made)
        existing = dict(project.labels.values_list("name", "pk"))
    return existing


def assign_hotkeys(names: list[str], taken: set[str]) -> list[str]:
    """One key per name, "" when they run out. A label that is a single digit or letter gets that key: 7 is pressed as 7."""
    taken = set(taken)
    keys = {}
    for name in names:
        if len(name) == 1 and name.lower() in HOTKEYS and name.lower() not in taken:
            keys[name] = name.lower()
            taken.add(name.lower())
    free = iter(_free(taken))
    return [keys.get(name) or next(free, "") for name in names]


def _free(taken: set[str]) -> list[str]:
    """The keys that are left, the page's own letters at the end."""
    return sorted((key for key in HOTKEYS if key not in taken), key=lambda key: key in PAGE_LETTERS)


class LabelRefused(ValueError):
    """A label cannot be called or drawn like this; `field` names what is wrong."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@transaction.atomic
def add_label(project: Project, name: str, color: str = "", hotkey: str | None = None) -> Label:
    """A new label at the end of the list; colour and key are chosen where none are given ("" is no key)."""
    _take_turns(project)
    name = _clean_name(project, name)
    position = (project.labels.aggregate(last=Max("position"))["last"] or 0) + 1
    if hotkey is None:
        taken = set(project.labels.exclude(hotkey="").values_list("hotkey", flat=True))
        [hotkey] = assign_hotkeys([name], taken)
    label = Label(project=project, name=name, position=position, hotkey=_clean_hotkey(project, hotkey))
    label.color = _clean_color(color or COLORS[project.labels.count() % len(COLORS)])
    label.save()
    return label


@transaction.atomic
def change_label(
    label: Label, *, name: str | None = None, color: str | None = None, hotkey: str | None = None, retired: bool | None = None
) -> Label:
    """Rename it, give it another colour or key, retire or restore it. Answers keep the label, whatever it is called."""
    _take_turns(label.project)
    if name is not None:
        before, label.name = label.name, _clean_name(label.project, name, but=label)
        if label.name != before:
            label.former_names = [*(former for former in label.former_names if former not in (before, label.name)), before]
    if color is not None:
        label.color = _clean_color(color)
    if hotkey is not None:
        label.hotkey = _clean_hotkey(label.project, hotkey, but=label)
    label.save(update_fields=["name", "color", "hotkey", "former_names"])
    if retired is not None and retired != (label.retired_at is not None):
        retire_label(label) if retired else restore_label(label)
    return label


def used_labels(project: Project) -> set[int]:
    """The ids that some imported value, answer, verdict (older ones too), gold or run names."""
    task = task_type(project.task)
    found: set[int] = set()
    for relation, field in _VALUES:
        found.update(task.count(getattr(project, relation).all(), field))
    for classes in project.runs.values_list("classes", flat=True):
        found.update(classes)
    return found


@transaction.atomic
def delete_label(label: Label) -> None:
    """Only one that nothing names: an answer never loses its label."""
    _take_turns(label.project)
    if label.pk in used_labels(label.project):
        raise WrongState(f"The label {label.name!r} is in use: rename it, merge it into another label, or retire it.")
    label.delete()


def retire_label(label: Label) -> None:
    """Nobody can choose it any more, and its key is free; what has it keeps it."""
    label.retired_at, label.hotkey = timezone.now(), ""
    label.save(update_fields=["retired_at", "hotkey"])


def restore_label(label: Label) -> None:
    label.retired_at = None
    label.save(update_fields=["retired_at"])


@transaction.atomic
def merge_label(label: Label, into: Label) -> int:
    """Whatever has the first label has the second from now on; how many items that changed.

    The first is removed; where a run knows it by its id it is only retired, so that the run's results still can name it.
    """
    project = label.project
    _take_turns(project)
    if label.pk == into.pk or into.project_id != label.project_id:
        raise LabelRefused("Choose another label of this project to merge it into.", "into")
    if into.retired_at:
        raise LabelRefused(f"The label {into.name!r} is retired: restore it first.", "into")
    under_way = project.runs.filter(status__in=["queued", "running", "paused"]).values_list("pk", "classes")
    if busy := [pk for pk, classes in under_way if not classes or label.pk in classes or into.pk in classes]:
        raise WrongState(f"Run {busy[0]} is learning these labels: stop it first, then merge them.")
    task = task_type(project.task)
    changed = 0
    for relation, field in _VALUES:
        named = getattr(project, relation).order_by().filter(**task.naming(label.pk, field))
        if relation == "verdicts":
            changed = named.filter(current=True).count()
        _replace(task, named, field, label.pk, into.pk)
    into.former_names = list(dict.fromkeys([*into.former_names, *label.former_names, label.name]))
    into.save(update_fields=["former_names"])
    if any(label.pk in classes for classes in project.runs.values_list("classes", flat=True)):
        retire_label(label)
    else:
        label.delete()
    return changed


def _replace(task: TaskType, named: QuerySet, field: str, old: int, new: int) -> None:
    """One label in the place of another in rows that name it."""
    if task.few_values:
        for value in list(named.values_list(field, flat=True).distinct()):
            named.filter(**{field: value}).update(**{field: task.replaced(value, old, new)})
        return
    while rows := list(named.only("pk", field)[:_CHUNK]):
        for row in rows:
            setattr(row, field, task.replaced(getattr(row, field), old, new))
        named.model.objects.bulk_update(rows, [field])


def _take_turns(project: Project) -> None:
    Project.objects.select_for_update().get(pk=project.pk)


def _clean_name(project: Project, name: str, but: Label | None = None) -> str:
    name = name.strip()
    if not name:
        raise LabelRefused("A label needs a name.", "name")
    if len(name) > 200:
        raise LabelRefused(f"A label has at most 200 characters; this one has {len(name)}.", "name")
    if CONTROL.search(name):
        raise LabelRefused("The name of a label is one line, without control characters.", "name")
    if problem := task_type(project.task).name_problem(name):
        raise LabelRefused(problem, "name")
    if project.labels.filter(name=name).exclude(pk=but.pk if but else None).exists():
        raise LabelRefused(f"There is a label {name!r} already.", "name")
    return name


def _clean_color(color: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise LabelRefused("A colour looks like #1f77b4.", "color")
    return color.lower()


def _clean_hotkey(project: Project, hotkey: str, but: Label | None = None) -> str:
    hotkey = hotkey.strip().lower()
    if not hotkey:
        return ""
    others = {label.hotkey: label.name for label in project.labels.exclude(pk=but.pk if but else None).exclude(hotkey="")}
    offer = f" {free[0]!r} is free." if (free := _free(set(others))) else ""
    if len(hotkey) != 1 or hotkey not in HOTKEYS:
        raise LabelRefused(
            "A key is one digit or one letter from a to z, or empty: - ! + . , ? and Backspace are the labelling page's own."
            + offer,
            "hotkey",
        )
    if hotkey in others:
        raise LabelRefused(f"The label {others[hotkey]!r} has the key {hotkey!r} already.{offer}", "hotkey")
    return hotkey
