"""The page on how far people agree, and how each of them does; annotators see their own row."""

import csv
import io
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from annotation import suggestions
from learning import suspicious
from learning.analysis import charts
from projects.access import project_page
from projects.exporting import neutralised
from projects.models import Project, Role
from projects.names import names_of
from projects.task_types import label_name

COLUMNS = ("person", "answers", "seconds", "agreement", "agreement_low", "agreement_high", "agreement_n") + tuple(
    f"gold_{part}" for part in ("share", "low", "high", "n")
)


@require_safe
@project_page(Role.ANNOTATOR)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    found = _read(request, project)
    labels = dict(project.labels.values_list("pk", "name"))

    def said(label: int) -> str:
        return label_name(label, labels)

    names = _names(request, project, found)
    context = {
        "project": project,
        "sees_all": _sees_all(project),
        "found": found,
        "meaning": meaning(found["alpha"] and found["alpha"]["value"], "labels" if found["measure"] else "confusions"),
        "people": _people(found, names),
        "pairs": _pairs(found, names),
        "labels": [row | {"name": said(row["value"])} for row in found["labels"]],
        "confusions": [row | {"one": said(row["first"]), "other": said(row["second"])} for row in found["confusions"]],
        "matrix": _matrix(found["matrix"], said),
        "chart": chart(found["windows"]),
        "doubts": _doubts(project),
        "followed": suggestions.followed(project) if _sees_all(project) else None,
    }
    return render(request, "learning/quality.html", context)


def _doubts(project: Project) -> dict[str, Any] | None:
    """What is known of suspicious labels, for whoever may look at them."""
    if project.task != "single" or not _sees_all(project):
        return None
    search = suspicious.search_of(project)
    return {"search": search, "n": suspicious.waiting(project).count() if search else 0}


@require_safe
@project_page(Role.ANNOTATOR)
def people(request: HttpRequest, project: Project) -> HttpResponse:
    """The table of people as CSV."""
    found = _read(request, project)
    names = _names(request, project, found)
    buffer = io.StringIO()
    rows = csv.writer(buffer)
    rows.writerow(COLUMNS)
    for row in _people(found, names):
        cells = [row["name"], row["answers"], row["seconds"]]
        for share, parts in ((row["agreement"], ("share", "low", "high", "n")), (row["gold"], ("share", "low", "high", "n"))):
            cells += [share[part] for part in parts]
        rows.writerow(neutralised(cells))
    response = HttpResponse(buffer.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="project-{project.pk}-people.csv"'
    return response


def meaning(alpha: float | None, see: str) -> str:
    """What Krippendorff (2004) makes of an alpha, in one line; `see`: what the page shows that may explain it."""
    if alpha is None:
        return ""
    if alpha >= 0.8:
        return "People agree well: such labels can be relied on."
    if alpha >= 0.667:
        return "People agree fairly: enough for first conclusions, not for final ones."
    if alpha > 0:
        return f"People agree too little to rely on single answers: look at the {see} and make the guidelines clearer."
    return "People agree no more than by chance: do they understand the labels alike?"


def chart(windows: list[dict[str, Any]]) -> SafeString | str:
    """Alpha over the answers; nothing where fewer than two windows have one."""
    known = [row for row in windows if row["alpha"] is not None]
    if len(known) < 2:
        return ""
    columns = [[row[part] for row in known] for part in ("alpha", "low", "high")]
    curve = charts.Curve("alpha", 1, [row["end"] for row in known], *columns)
    title = "Krippendorff's alpha over the answers"
    return charts.curve_chart(
        [curve], title=title, x_label="Answers", y_label="Alpha", bounds=(-1.0, 1.0), whole_bands=True, height=280
    )


def _sees_all(project: Project) -> bool:
    return project.role.rank >= Role.REVIEWER.rank


def _read(request: HttpRequest, project: Project) -> dict[str, Any]:
    from learning.quality.figures import for_reader, quality  # late: the engine is slow to import

    return for_reader(quality(project), request.user.pk, sees_all=_sees_all(project))


def _names(request: HttpRequest, project: Project, found: dict[str, Any]) -> dict[int, str]:
    return names_of(project, [row["user"] for row in found["people"]], request.user)


def _people(found: dict[str, Any], names: dict[int, str]) -> list[dict[str, Any]]:
    """By name: the order of the ids would tell who is who where names are hidden."""
    return sorted((row | {"name": names[row["user"]]} for row in found["people"]), key=lambda row: row["name"])


def _pairs(found: dict[str, Any], names: dict[int, str]) -> list[dict[str, Any]]:
    """The pairs with most items in common: a table of all would grow with the square of the people."""
    rows = []
    for row in found["pairs"]:
        one, other = sorted([names[row["first"]], names[row["second"]]])
        rows.append(row | {"one": one, "other": other})
    return sorted(rows, key=lambda row: (-row["items"], row["one"], row["other"]))[:50]


def _matrix(matrix: dict[str, Any] | None, said) -> list[dict[str, Any]]:
    """[{name, cells: [{n, share (of its row), same}]}]."""
    if matrix is None:
        return []
    names = [said(value) for value in matrix["values"]]
    return [
        {
            "name": name,
            "cells": [{"n": n, "share": n / max(1, sum(row)), "same": i == j, "other": names[j]} for j, n in enumerate(row)],
        }
        for i, (name, row) in enumerate(zip(names, matrix["rows"], strict=True))
    ]
