"""The form of a new run."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from learning.actions import WrongState
from learning.analysis.report_page import cell_of
from learning.analysis.settings import develop_settings
from learning.configuration import ConfigurationError, forecast
from learning.forms import RunForm
from learning.models import Run
from learning.views.submitting import named_run, save
from projects.access import project_page
from projects.models import Project, Role


@login_required
@project_page(Role.MANAGER, writes=True)
def run_new(request: HttpRequest, project: Project) -> HttpResponse:
    """`?from=<run>` begins with the settings of an earlier run; a draft is then replaced by what is saved.

    `?from_analysis=<run>&cell=...` begins with what a cell of an analysis tried.
    """
    source = named_run(request, project, "from", Run.Kind.DEVELOPMENT)
    form = _form(request, project, source, _tried(request, project))
    if request.method == "POST" and form.is_valid():
        start = request.POST.get("then") != "draft"
        try:
            run = save(request, project, Run.Kind.DEVELOPMENT, form, source, start=start)
        except (ConfigurationError, WrongState) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{run} is started." if start else f"{run} is saved as a draft: start it when you like.")
            return redirect("run", run.pk)
    return render(
        request,
        "learning/run_new.html",
        {"project": project, "form": form, "source": source, **_forecast(project, form)},
        status=422 if form.errors else 200,
    )


@login_required
@require_POST
@project_page(Role.MANAGER)
def run_forecast(request: HttpRequest, project: Project) -> HttpResponse:
    """What these settings would mean, while they are being chosen; writes nothing."""
    form = _form(request, project, None)
    form.is_valid()
    return render(request, "learning/_forecast.html", {"project": project, "form": form, **_forecast(project, form)})


def _form(request: HttpRequest, project: Project, source: Run | None, tried: dict | None = None) -> RunForm:
    initial = {"name": source.name} if source else None
    data = request.POST if request.method == "POST" else None
    return RunForm(project, data, configuration=source.configuration if source else tried, initial=initial)


def _tried(request: HttpRequest, project: Project) -> dict | None:
    """The settings of a cell of an analysis of this project. Raises Http404 where there is no such cell."""
    analysis = named_run(request, project, "from_analysis", Run.Kind.ANALYSIS)
    if analysis is None:
        return None
    cell = cell_of(analysis, request.GET.get("cell", ""))
    if cell is None:
        raise Http404("The analysis has no such cell.")
    return develop_settings(analysis.configuration, cell)


def _forecast(project: Project, form: RunForm) -> dict:
    configuration = form.configuration if form.is_bound else form.start_from
    if configuration is None:
        return {"forecast": None}
    return {"forecast": forecast(project, configuration), "configuration": configuration}
