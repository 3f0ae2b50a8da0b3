"""The pages of an analysis: live, its report, one of its trials, and several analyses side by side."""

import math

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from learning import actions
from learning.access import access_run, visible_runs
from learning.analysis import pages, report_page
from learning.analysis.report import UnknownMetric, analysis_report
from learning.analysis.report import compare as compared
from learning.metric_names import metric_label
from learning.models import Run, Trial
from learning.state import version
from learning.views.controls import offered
from projects.models import Role
from projects.numbers import whole

PANELS = ("status", "actions", "facts", "notices", "failures", "curves", "log")
# The estimate is made by the form's own code; a page without it still opens.
ESTIMATE = ("learning/analysis/_estimate.html", "learning/analysis/_no_estimate.html")


def page(request: HttpRequest, run: Run) -> HttpResponse:
    """The whole page; what moves in it comes from `state`."""
    metric = _metric(request, run)
    facts, mark, curves = _now(run, metric)
    context = _context(request, run, facts, curves, metric)
    pages.with_cells(run, facts["grid"])
    if facts["over"]:
        context |= _report(request, run)
    data = {
        "version": mark,
        "metric": metric,
        "states": {state.code: {"mark": state.mark, "label": state.label} for state in pages.STATES.values()},
        "codes": facts["grid"]["codes"],
    }
    return render(request, "learning/analysis/run.html", {**context, "data": data})


def state(request: HttpRequest, run: Run) -> HttpResponse:
    """What is new since the reader's last look; 204 where nothing is. The cells of the grid travel as a letter each."""
    metric = _metric(request, run)
    facts, mark, curves = _now(run, metric)
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    context = _context(request, run, facts, curves, metric)
    shown = facts["grid"]
    return JsonResponse(
        {
            "version": mark,
            "now": timezone.now(),
            "over": facts["over"],
            "codes": shown["codes"],
            "done": [f"{row['done']} of {row['n']}" for row in shown["rows"]],
            "panels": {name: render_to_string(f"learning/analysis/_{name}.html", context, request) for name in PANELS},
        }
    )


def _now(run: Run, metric: str) -> tuple[dict, str, list[dict]]:
    """(facts, version, charts) of this moment. What is over has its curves in the report."""
    facts = pages.facts(run)
    drawn, curves = (None, []) if facts["over"] or run.status == Run.Status.DRAFT else pages.curves(run, metric)
    return facts, version(pages.signature(facts, drawn)), curves


def _metric(request: HttpRequest, run: Run) -> str:
    wanted, measured = request.GET.get("metric"), run.configuration.get("metrics", [])
    return wanted if wanted in measured else run.configuration.get("metric", "accuracy")


def _context(request: HttpRequest, run: Run, facts: dict, curves: list[dict], metric: str) -> dict:
    manages = _manages(run)
    return {
        "run": run,
        "project": run.project,
        "r": facts,
        "offered": offered(run, manages=manages, n_failed=facts["n_failed"]),
        "manages": manages,
        "left": pages.about(facts["seconds_left"]),
        "curves": curves,
        "legend": pages.legend(pages.places(run)),
        "metric": metric,
        "metrics": [(name, metric_label(name)) for name in run.configuration["metrics"]],
        "plan": pages.plan_lines(run),
        "again": _again(run),
        "estimate": ESTIMATE,
        "now": timezone.now(),
    }


def _manages(run: Run) -> bool:
    return run.project.role.rank >= Role.MANAGER.rank and not run.project.archived_at


def _again(run: Run) -> str:
    """The form of an analysis, filled in with this one's settings."""
    try:
        return f"{reverse('analysis-new', args=[run.project_id])}?from={run.pk}"
    except NoReverseMatch:
        return ""


# --- The report


@login_required
def report(request: HttpRequest, run_id: int) -> HttpResponse:
    """The report alone, so far or final, with another metric or target: for htmx, and as a page of its own without it."""
    run = access_run(request.user, run_id)
    if run.kind != Run.Kind.ANALYSIS or run.status == Run.Status.DRAFT:
        return redirect("results", run.pk)
    context = {"run": run, "project": run.project, "manages": _manages(run), "again": _again(run), **_report(request, run)}
    partial = request.headers.get("HX-Request") == "true"
    return render(request, "learning/analysis/_report.html" if partial else "learning/analysis/report.html", context)


def _report(request: HttpRequest, run: Run) -> dict:
    metric, target = request.GET.get("metric") or None, _number(request.GET.get("target"))
    try:
        shown = report_page.view(run, metric, target)
    except UnknownMetric:
        shown = report_page.view(run)
    facts = analysis_report(run, shown["metric"], target)
    return {
        "report": shown,
        "facts": facts,
        "unfinished": not facts["final"],
        "plan": pages.plan_lines(run),
        **report_page.methods(shown, run),
    }


def _number(text: str | None) -> float | None:
    """None for whatever is no number: then the report chooses."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# --- One trial


@login_required
def trial(request: HttpRequest, run_id: int, trial_id: int) -> HttpResponse:
    """What one trial did, or why it failed."""
    run = access_run(request.user, run_id)
    found = get_object_or_404(Trial, pk=trial_id, run=run)
    if run.kind != Run.Kind.ANALYSIS:
        return redirect("run", run.pk)
    metrics = [(name, metric_label(name)) for name in run.configuration["metrics"]]
    rounds = [
        {"number": row.number, "labels": row.n_labeled, "scores": [row.metrics.get(name, {}).get("value") for name, _ in metrics]}
        | {"seconds": sum(row.timings.values())}
        for row in found.rounds.order_by("number").only("number", "n_labeled", "metrics", "timings")
    ]
    context = {"run": run, "project": run.project, "trial": found, "about": pages.failure(run, found), "rounds": rounds}
    return render(request, "learning/analysis/trial.html", {**context, "metrics": metrics, "manages": _manages(run)})


@login_required
@require_POST
def retry(request: HttpRequest, run_id: int, trial_id: int) -> HttpResponse:
    """Do one failed trial again; the others are left alone."""
    run = access_run(request.user, run_id, Role.MANAGER, writes=True)
    try:
        actions.retry_trials(run, request.user, trial_id)
    except actions.WrongState as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The trial is tried again.")
    return redirect("run", run.pk)


# --- Several analyses


@login_required
def compare(request: HttpRequest) -> HttpResponse:
    """`?run=1&run=2`: several analyses as data sets of one comparison; without runs, the choice among mine."""
    wanted = [pk for pk in map(whole, dict.fromkeys(request.GET.getlist("run"))) if pk is not None]
    runs = [access_run(request.user, pk) for pk in wanted]
    if any(run.kind != Run.Kind.ANALYSIS or not run.started_at for run in runs):
        raise Http404("No such analysis.")
    mine = visible_runs(request.user).filter(kind=Run.Kind.ANALYSIS, started_at__isnull=False).select_related("project")
    context = {"runs": runs, "mine": mine.defer("traceback")[:200], "chosen": wanted, "target": request.GET.get("target", "")}
    if len(runs) > 1:
        context |= _comparison(request, runs)
    return render(request, "learning/analysis/compare.html", context)


def _comparison(request: HttpRequest, runs: list[Run]) -> dict:
    metric, target = request.GET.get("metric") or None, _number(request.GET.get("target"))
    try:
        found = compared(runs, metric, target)
    except UnknownMetric as error:
        return {"error": str(error)}
    shown = report_page.arranged(found["results"], report_page.shared_places(runs))
    shared = [name for name in runs[0].configuration["metrics"] if all(name in run.configuration["metrics"] for run in runs)]
    return {
        "report": shown | {"metrics": [(name, metric_label(name)) for name in shared]},
        "data_sets": found["runs"],
        "one_project": len({run.project_id for run in runs}) < len(runs),
        "unfinished": not all(Run.Status(run.status).is_over for run in runs),
        **report_page.methods(shown, None),
    }
