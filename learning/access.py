"""The only way from a request to a run: through its project, and so through the user's memberships."""

from django.db.models import QuerySet
from django.http import Http404

from learning.models import Run
from projects.access import access_project, visible_projects
from projects.models import Role, User


def visible_runs(user: User) -> QuerySet[Run]:
    return Run.objects.filter(project__in=visible_projects(user))


def access_run(user: User, run_id: int, minimum: Role = Role.VIEWER, *, writes: bool = False) -> Run:
    """The run, with `.project.role` set. Raises Http404 for a stranger, PermissionDenied for a member without the role."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise Http404("No such run.")
    try:
        run.project = access_project(user, run.project_id, minimum, writes=writes)
    except Http404:
        # The same words as for a run that does not exist: a stranger learns nothing.
        raise Http404("No such run.") from None
    return run
