"""What the forms of a new run and of a new analysis share: the run to begin with, and the saving."""

from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from learning.actions import create_run, delete_draft, start_run
from learning.declared_form import LearningForm
from learning.models import Run
from projects.models import Project
from projects.numbers import whole


def named_run(request: HttpRequest, project: Project, parameter: str, *kinds: Run.Kind) -> Run | None:
    """The run of this project that `?parameter=<id>` names; None where it names none. Raises Http404 for an unknown one."""
    wanted = whole(request.GET.get(parameter, ""))
    if wanted is None:
        return None
    return get_object_or_404(Run, pk=wanted, project=project, kind__in=kinds)


@transaction.atomic
def save(request: HttpRequest, project: Project, kind: Run.Kind, form: LearningForm, source: Run | None, *, start: bool) -> Run:
    """A new run of a valid form; a draft that it began with is replaced. Raises ConfigurationError and WrongState."""
    run = create_run(request.user, project, kind, form.configuration, form.cleaned_data["name"])
    if start:
        start_run(run, request.user)
    if source and source.status == Run.Status.DRAFT:
        delete_draft(source, request.user)
    return run
