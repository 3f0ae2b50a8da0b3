"""The only way from a request to a project: every look-up starts from the user's memberships.

A stranger gets 404 (that the project exists is nobody's business), a member without the role 403 with a sentence.
"""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from projects import rows
from projects.models import Membership, Project, Role, User

# One statement: it stands before everything that anybody does in a project.
_MINE = (
    f"SELECT {rows.columns(Project, 'p')}, m.role FROM {Project._meta.db_table} p "
    f"JOIN {Membership._meta.db_table} m ON m.project_id = p.id WHERE p.id = %s AND m.user_id = %s"
)


def visible_projects(user: User) -> QuerySet[Project]:
    """Every project that this user is a member of; a superuser manages all of them."""
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user)


def access_project(user: User, project_id: int, minimum: Role = Role.VIEWER, *, writes: bool = False) -> Project:
    """The project, if this user has at least the role `minimum` there; `writes` also refuses an archived project.

    The project carries `.role`, the user's role in it. Raises Http404 for a stranger, PermissionDenied for a member without
    the role.
    """
    row = rows.first(_MINE, project_id, user.pk) if abs(project_id) <= rows.MAX_ID else None
    project = rows.instance(Project, row[:-1]) if row else None
    if project is None and user.is_superuser:
        project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise Http404("No such project.")
    role = Role.MANAGER if user.is_superuser else Role(row[-1])
    if role.rank < minimum.rank:
        raise PermissionDenied(f"This needs the role {minimum.label.lower()}; yours here is {role.label.lower()}.")
    if writes and project.archived_at:
        raise PermissionDenied("This project is archived: restore it first, on its settings page.")
    project.role = role
    return project


def project_page(minimum: Role = Role.VIEWER, *, writes: bool = False) -> Callable:
    """Decorator of a page view `view(request, project, ...)` whose URL names `project_id`."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapper(request: HttpRequest, project_id: int, *args, **kwargs) -> HttpResponse:
            project = access_project(request.user, project_id, minimum, writes=writes and request.method != "GET")
            return view(request, project, *args, **kwargs)

        return wrapper

    return decorate
