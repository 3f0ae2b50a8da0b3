"""What the learners do right now: all runs, one run, and the buttons."""

import math

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST

from learning import actions, workers
from learning.access import access_run, visible_runs
from learning.configuration import ConfigurationError
from learning.metric_names import metric_label
from learning.models import Round, Run
from learning.reports import class_labels
from learning.state import live, main_metric, rounds_since, version
from learning.targets import strategy_named
from learning.views import analysis, labeling
from learning.views.controls import ACTIONS, actions_of, offered
from learning.views.live import panel
from projects.access import project_page
from projects.models import Project, Role
from projects.numbers import whole

_OVER = [Run.Status.FINISHED, Run.Status.STOPPED]
# What moves first, then what needs somebody, then what was not begun.
_ORDER = ["running", "queued", "failed", "paused", "draft"]
_PER_PAGE = 25
_EVENTS = 50
_BATCHES = 8


@login_required
def distilling(request: HttpRequest) -> HttpResponse:
    return _list(request, visible_runs(request.user), "learning/distilling.html", {})


@login_required
@project_page()
def runs(request: HttpRequest, project: Project) -> HttpResponse:
    return _list(request, project.runs.all(), "learning/runs.html", {"project": project})


def _list(request: HttpRequest, found, template: str, context: dict) -> HttpResponse:
    """The page; with `?version=` the list alone, or 204 (which htmx leaves alone) while there is nothing new to show."""
    found = found.select_related("project").defer("traceback", "versions", "classes")
    # What moves is always in sight; what is over is paged.
    current = sorted(found.exclude(status__in=_OVER), key=lambda run: (_ORDER.index(run.status), -run.pk))
    over = Paginator(found.filter(status__in=_OVER), _PER_PAGE).get_page(request.GET.get("page"))
    facts = live([*current, *over])
    now = {
        "current": [facts[run.pk] for run in current],
        "over": [facts[run.pk] for run in over],
        "workers": workers.alive(),
        "page": over.number,
    }
    mark = version(now)
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    context = {
        **context,
        **now,
        "pages": over,
        "version": mark,
        "now": timezone.now(),
        "needs_worker": any(r["active"] for r in now["current"]),
    }
    partial = "version" in request.GET
    return render(request, "learning/_runs.html" if partial else template, context)


@login_required
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    run = access_run(request.user, run_id)
    if run.kind == Run.Kind.LABELING:
        return labeling.page(request, run)
    if run.kind == Run.Kind.ANALYSIS:
        return analysis.page(request, run)
    state = _state(run)
    data = {
        "rounds": rounds_since(run, 0),
        "main_metric": main_metric(run),
        "metrics": state["metrics"],
        "version": version(state),
    }
    return render(request, "learning/run.html", {**_context(request, run, state), **panel(run), "data": data})


@login_required
def state(request: HttpRequest, run_id: int) -> HttpResponse:
    """What is new since the reader's last look: rounds after `since`, and the panels of the page, unless `version` is current."""
    run = access_run(request.user, run_id)
    if run.kind == Run.Kind.ANALYSIS:
        return analysis.state(request, run)
    facts = _state(run)
    mark = version(facts)
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    context, panels, seen = _context(request, run, facts), PANELS, whole(request.GET.get("since", "")) or 0
    if facts["round"] > seen:  # what reads all labels is read again for a new round, not for every answer
        context, panels = context | panel(run), (*PANELS, "live")
    return JsonResponse(
        {
            "version": mark,
            "now": timezone.now(),
            "state": facts,
            "rounds": rounds_since(run, seen),
            "panels": {name: render_to_string(_template(name), context, request) for name in panels},
        }
    )


def _template(name: str) -> str:
    return "learning/_live.html" if name == "live" else f"learning/run/_{name}.html"


PANELS = ("status", "actions", "facts", "notices", "side", "log")


@login_required
@require_POST
def act(request: HttpRequest, run_id: int, action: str) -> HttpResponse:
    if action not in ACTIONS:
        raise Http404("No such action.")
    run = access_run(request.user, run_id, Role.MANAGER, writes=True)
    function, _, _, done = actions_of(run)[action]
    try:
        function(run, request.user)
    except (actions.WrongState, ConfigurationError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{run} is {done}.")
        if action == "delete":
            return redirect("runs", run.project_id)
    return redirect("run", run.pk)


def batches_of(run: Run) -> list[dict]:
    """The last rounds' batches: what the learner expected in them, and which classes had come in before, newest first."""
    rows = list(Round.objects.filter(trial__run=run).order_by("-number")[:_BATCHES])
    if not rows:
        return []
    labels = class_labels(run)
    most = math.log(max(2, len(labels)))
    found = []
    for row in rows:
        batch = row.batch
        strategy = batch.get("strategy", "")
        found.append(
            {
                "round": row.number,
                "size": batch.get("size"),
                "strategy": strategy,
                "strategy_label": entry.label if (entry := strategy_named(strategy)) else strategy,
                **{kind: _histogram(batch.get(kind), labels) for kind in ("predicted", "arrived")},
                **{f"{kind}_evenness": _share(batch.get(f"{kind}_entropy"), most) for kind in ("predicted", "arrived")},
            }
        )
    return found


def _histogram(counts: list[int] | None, labels: list[dict]) -> list[dict]:
    top = max(counts or [0])
    shown = zip(counts or [], labels, strict=False)
    return [{"name": label["name"], "color": label["color"], "n": n, "share": n / top} for n, label in shown] if top else []


def _share(value: float | None, most: float) -> float | None:
    return None if value is None else value / most


def _state(run: Run) -> dict:
    """All that the page of one run shows, but for the rounds of the chart."""
    facts = live([run])[run.pk]
    last = Round.objects.filter(trial__run=run).order_by("number").last()
    events = run.events.select_related("user")[:_EVENTS]
    return facts | {
        "workers": workers.alive(),
        "stopping": [c for c in (last.stopping if last else []) if c["met"] or c["name"] != "pool_empty"],
        "metrics": [{"name": name, "label": metric_label(name)} for name in (last.metrics if last else {})],
        "test_scored": last.n_test if last else 0,
        "advice": last.advice if last else "",
        "batches": batches_of(run),
        "traceback": run.traceback,
        "stop_requested": run.stop_requested,
        "events": [
            {"id": e.pk, "level": e.level, "message": e.message, "at": e.created_at, "user": e.user.username if e.user else ""}
            for e in events
        ],
    }


def _context(request: HttpRequest, run: Run, facts: dict) -> dict:
    manages = run.project.role.rank >= Role.MANAGER.rank and not run.project.archived_at
    return {
        "run": run,
        "project": run.project,
        "r": facts,
        "offered": offered(run, manages=manages),
        "manages": manages,
        "may_label": run.project.role.rank >= Role.ANNOTATOR.rank and facts["open"] > 0 and facts["active"],
        "now": timezone.now(),
    }
