"""The page of labels that a model finds suspicious: look for them, ask again, or say that they are right."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from learning import suspicious
from projects.access import project_page
from projects.errors import Refused, WrongState
from projects.models import Project, Role, User
from projects.numbers import whole

PER_PAGE = 25


@project_page(Role.REVIEWER, writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        try:
            messages.success(request, _do(request.user, project, request.POST))
        except (Refused, WrongState) as error:
            messages.error(request, str(error))
        number = whole(request.POST.get("page", ""))
        return redirect(reverse("suspicious", args=[project.pk]) + (f"?page={number}" if (number or 0) > 1 else ""))
    search = suspicious.search_of(project)
    shown = Paginator(suspicious.waiting(project), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "search": search,
        "shown": shown,
        "n": shown.paginator.count,
        "rows": suspicious.describe(project, list(shown), request.user),
        "can_look": project.task == "single",
        "most": min(suspicious.MOST_ASKED, shown.paginator.count),
        "proposed": min(PER_PAGE, shown.paginator.count),
    }
    return render(request, "learning/suspicious.html", context)


def _do(user: User, project: Project, data) -> str:
    action = data.get("action", "")
    if action == "look":
        suspicious.start(project, user)
        return "Looking for suspicious labels. The page shows them when that is done."
    if action == "ask_first":
        return suspicious.ask_again_first(project, whole(data.get("n", "")) or 0)
    item = project.items.filter(pk=whole(data.get("item", ""))).first()
    if item is None:
        raise Refused("item", "There is no such item in this project any more.")
    if action == "ask":
        return suspicious.ask_again(project, item)
    if action == "right":
        return suspicious.call_right(user, project, item)
    raise Refused("action", "There is no such action; there are: look, ask, ask_first, right.")
