"""Results of a run, and its files."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from learning.access import access_run
from learning.downloads import DOWNLOADS, NothingYet, as_response
from learning.models import Run
from learning.reports import report
from learning.state import rounds_since

# A table of more classes is a picture that nobody can read: those get a heat map to hover over.
TABLE_CLASSES = 24


@login_required
def results(request: HttpRequest, run_id: int) -> HttpResponse:
    run = access_run(request.user, run_id)
    if run.kind != Run.Kind.DEVELOPMENT:
        return redirect("run", run.pk)
    found = report(run)
    names = [label["name"] for label in found["classes"]]
    data = {
        "rounds": rounds_since(run),
        "main_metric": found["main_metric"],
        "metrics": [{"name": m["name"], "label": m["label"]} for m in found["last"]["metrics"]] if found["last"] else [],
        "classes": names,
        "confusion": found["confusion"] if len(found["confusion"]) > TABLE_CLASSES else [],
    }
    table = heat_table(found["confusion"], names) if 0 < len(found["confusion"]) <= TABLE_CLASSES else []
    context = {"run": run, "project": run.project, "report": found, "data": data, "table": table, "scores": score_rows(found)}
    return render(request, "learning/results.html", context)


def score_rows(found: dict) -> list[dict]:
    """Last and best side by side, a row per metric."""
    if not found["last"]:
        return []
    best = {score["name"]: score for score in found["best"]["metrics"]} if found["best"] else {}
    return [{"label": score["label"], "last": score, "best": best.get(score["name"])} for score in found["last"]["metrics"]]


def heat_table(confusion: list[list[int]], names: list[str]) -> list[dict]:
    """Rows for the template: each cell with its share of the true class, which is how dark it is drawn."""
    rows = []
    for i, counts in enumerate(confusion):
        total = sum(counts)
        cells = [
            {"n": n, "share": n / total if total else 0, "hit": i == j, "predicted": names[j] if j < len(names) else ""}
            for j, n in enumerate(counts)
        ]
        rows.append({"name": names[i] if i < len(names) else f"class {i}", "total": total, "cells": cells})
    return rows


@login_required
def download(request: HttpRequest, run_id: int, what: str) -> HttpResponse:
    run = access_run(request.user, run_id)
    if what not in DOWNLOADS:
        raise Http404("No such file.")
    try:
        return as_response(DOWNLOADS[what](run))
    except NothingYet as error:
        messages.warning(request, str(error))
        return redirect("results", run.pk)
