"""What a member is told by e-mail, and, for managers, the project's webhooks and what became of every notice."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from projects import notices, webhook_settings, webhooks
from projects.access import project_page
from projects.models import Project, Role
from projects.numbers import whole

_LOG = 50


@never_cache
@project_page(writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    """A new webhook's secret is shown in the answer itself, once."""
    if request.method == "POST":
        action = request.POST.get("action", "")
        if action == "mine":
            webhook_settings.choose_notices(project, request.user, request.POST.getlist("events"))
            messages.success(request, "Saved.")
            return redirect("notices", project.pk)
        if project.role != Role.MANAGER:
            raise PermissionDenied(f"This needs the role manager; yours here is {project.role.label.lower()}.")
        if action == "add":
            return _add(request, project)
        messages.success(request, _change(project, action, request.POST))
        return redirect("notices", project.pk)
    return _page(request, project)


def _page(request: HttpRequest, project: Project, status: int = 200, **more) -> HttpResponse:
    manages = project.role == Role.MANAGER
    context = {
        "project": project,
        "events": notices.EVENTS.items(),
        "membership": project.memberships.filter(user=request.user).first(),
        "manages": manages,
        "hooks": project.webhooks.all() if manages else [],
        "log": project.deliveries.select_related("webhook", "user")[:_LOG] if manages else [],
        **more,
    }
    return render(request, "projects/webhooks.html", context, status=status)


def _add(request: HttpRequest, project: Project) -> HttpResponse:
    url = request.POST.get("url", "")
    try:
        hook = webhook_settings.add_webhook(project, request.user, url, request.POST.getlist("events"))
    except webhooks.Refused as error:
        return _page(request, project, 400, refused=str(error), url=url[:500])
    return _page(request, project, secret=hook.secret)


def _change(project: Project, action: str, given) -> str:
    pk = whole(given.get("pk", ""))
    if action == "again":
        notices.send_again(get_object_or_404(project.deliveries, pk=pk))
        return "It is sent again."
    hook = get_object_or_404(project.webhooks, pk=pk)
    if action == "test":
        notices.send_test(hook)
        return "A test is on its way: its answer stands in the list below in a moment."
    if action == "remove":
        hook.delete()
        return "The webhook is removed."
    webhook_settings.switch_webhook(hook, not hook.active)
    return "The webhook is switched on." if hook.active else "The webhook is switched off."
