"""The form of a new analysis, and how long a draft will take."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from learning.access import access_run
from learning.actions import WrongState
from learning.analysis import estimating
from learning.analysis.form import AnalysisForm
from learning.analysis.settings import forecast
from learning.configuration import ConfigurationError, refusal
from learning.models import Run
from learning.views.submitting import named_run, save
from projects.access import project_page
from projects.models import Project, Role

_SAVED = {
    "start": "{} is started.",
    "draft": "{} is saved as a draft: start it when you like.",
    "measure": "{} is saved as a draft, and a few of its rounds are tried now.",
}


@login_required
@project_page(Role.MANAGER, writes=True)
def analysis_new(request: HttpRequest, project: Project) -> HttpResponse:
    """`?from=<run>` begins with the settings of an earlier analysis; a draft is then replaced by what is saved."""
    if refused := refusal(project, "analysis"):
        messages.warning(request, refused)
        return redirect("runs", project.pk)
    source = named_run(request, project, "from", Run.Kind.ANALYSIS)
    form = _form(request, project, source)
    if form.is_bound and not form.only_adds_a_row and form.is_valid():
        then = request.POST.get("then") if request.POST.get("then") in _SAVED else "start"
        try:
            run = _save(request, project, form, source, start=then == "start")
        except (ConfigurationError, WrongState) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _SAVED[then].format(run))
            return redirect("run", run.pk)
    return render(
        request,
        "learning/analysis_new.html",
        {"project": project, "form": form, "source": source, **_forecast(project, form)},
        status=422 if form.errors else 200,
    )


@login_required
@require_POST
@project_page(Role.MANAGER)
def analysis_forecast(request: HttpRequest, project: Project) -> HttpResponse:
    """How many trials and rounds these settings would be, while they are being chosen; writes nothing."""
    if refused := refusal(project, "analysis"):
        return HttpResponse(refused, status=409, content_type="text/plain; charset=utf-8")
    form = _form(request, project, None)
    form.is_valid()
    return render(request, "learning/_analysis_forecast.html", {"project": project, "form": form, **_forecast(project, form)})


@login_required
def estimate(request: HttpRequest, run_id: int) -> HttpResponse:
    """How long a draft will take, or how far the measuring is; asked every second. POST: measure (again).

    A job that Redis or a worker has lost is made anew by whoever manages the run and looks at it.
    """
    writes = request.method == "POST"
    run = access_run(request.user, run_id, Role.MANAGER if writes else Role.VIEWER, writes=writes)
    manages = run.project.role.rank >= Role.MANAGER.rank and not run.project.archived_at
    is_draft = run.kind == Run.Kind.ANALYSIS and run.status == Run.Status.DRAFT
    if is_draft and (writes or (manages and estimating.state(run)["state"] == "lost")):
        estimating.ask(run, again=writes)
    if not is_draft or "fragment" not in request.GET:
        return redirect("run", run.pk)
    return render(request, "learning/analysis/_estimate.html", {"run": run, "project": run.project, "manages": manages})


def _form(request: HttpRequest, project: Project, source: Run | None) -> AnalysisForm:
    initial = {"name": source.name} if source else None
    data = request.POST if request.method == "POST" else None
    return AnalysisForm(project, data, configuration=source.configuration if source else None, initial=initial)


@transaction.atomic
def _save(request: HttpRequest, project: Project, form: AnalysisForm, source: Run | None, *, start: bool) -> Run:
    run = save(request, project, Run.Kind.ANALYSIS, form, source, start=start)
    if not start:
        estimating.ask(run)
    return run


def _forecast(project: Project, form: AnalysisForm) -> dict:
    if form.is_bound:
        form.is_valid()
    configuration = form.configuration if form.is_bound else form.start_from
    if configuration is None or form.facts.n_usable == 0:
        return {"forecast": None}
    return {"forecast": forecast(project, configuration), "configuration": configuration}
