"""Label the rest: the form, the page of a labelling run, and its buttons."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from learning import actions, engine
from learning.access import access_run
from learning.configuration import ConfigurationError, refusal
from learning.labeling import actions as labeling
from learning.labeling.facts import audit_facts
from learning.labeling.form import LabelingForm
from learning.labeling.settings import risk_of, spent_on
from learning.models import ModelFile, Run
from projects.errors import WrongState
from projects.models import Role


@login_required
def new(request: HttpRequest, run_id: int) -> HttpResponse:
    """The form for labelling the rest by the model of this run."""
    source = access_run(request.user, run_id, Role.MANAGER, writes=True)
    if refused := refusal(source.project, "labeling"):
        messages.warning(request, refused)
        return redirect("results", source.pk)
    if not ModelFile.objects.filter(trial__run=source).exists():
        messages.warning(request, "This run has no model yet: it has one when it is over.")
        return redirect("results", source.pk)
    form = LabelingForm(source, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                run = actions.create_run(request.user, source.project, Run.Kind.LABELING, form.configuration, "")
                actions.start_run(run, request.user)
        except (ConfigurationError, WrongState) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{run} is started: the checks go into your team's queue.")
            return redirect("run", run.pk)
    context = {"source": source, "project": source.project, "form": form, "needs": _needs(source, form)}
    return render(request, "learning/labeling_new.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def needs(request: HttpRequest, run_id: int) -> HttpResponse:
    """How many checks the promise needs, while it is being chosen; writes nothing."""
    source = access_run(request.user, run_id, Role.MANAGER)
    if refused := refusal(source.project, "labeling"):
        return HttpResponse(refused, status=409, content_type="text/plain; charset=utf-8")
    form = LabelingForm(source, request.POST)
    form.is_valid()
    return render(request, "learning/labeling/_needs.html", {"source": source, "form": form, "needs": _needs(source, form)})


def _needs(source: Run, form: LabelingForm) -> dict | None:
    accuracy, certainty = form.value("accuracy"), form.value("certainty")
    if accuracy is None or certainty is None:
        return None
    delta = risk_of(source, certainty, form.value("risk") or "whole")
    return {
        "accuracy": accuracy,
        "certainty": certainty,
        "spent": spent_on(source),
        "delta": delta,
        "least": engine.checks_needed(accuracy, 1 - delta) if delta > 0 else None,
        "likely": engine.checks_for_power(accuracy, 1 - delta) if delta > 0 else None,
        "checks": form.value("checks"),
    }


def page(request: HttpRequest, run: Run) -> HttpResponse:
    """Of a labelling run; `?version=` as on the other pages of runs."""
    from learning.state import version

    facts = audit_facts(run)
    mark = version([facts, run.status, run.trials.values_list("phase", "detail").first()])
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    context = {
        "run": run,
        "project": run.project,
        "a": facts,
        "version": mark,
        "manages": run.project.role == Role.MANAGER,
        "trial": run.trials.first(),
        "events": run.events.select_related("user")[:50],
    }
    partial = "version" in request.GET
    return render(request, "learning/labeling/_page.html" if partial else "learning/labeling.html", context)


@login_required
@require_POST
def accept(request: HttpRequest, run_id: int) -> HttpResponse:
    run = access_run(request.user, run_id, Role.MANAGER, writes=True)
    try:
        labeling.accept(run, request.user)
    except WrongState as error:
        messages.error(request, str(error))
    return redirect("run", run.pk)


@login_required
@require_POST
def undo(request: HttpRequest, run_id: int) -> HttpResponse:
    run = access_run(request.user, run_id, Role.MANAGER, writes=True)
    try:
        count = labeling.undo(run, request.user)
    except WrongState as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{count:,} labels are taken back.")
    return redirect("run", run.pk)
