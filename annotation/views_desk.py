"""The manager's desk: what goes on in a project, and what can be done about it at once."""

import hashlib
import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from annotation import desk, handing_out
from projects.access import project_page
from projects.errors import Refused, WrongState
from projects.models import Project, Role, User
from projects.numbers import whole

# Its mask is a new one every time.
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


@project_page(Role.MANAGER, writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    """The page; with `?version=` its facts alone, or 204 (which htmx leaves alone) while there is nothing new to show."""
    if request.method == "POST":
        try:
            messages.success(request, _act(request, project))
        except (Refused, WrongState) as error:
            messages.error(request, str(error))
        desk.forget()
        return redirect("desk", project.pk)
    context = {"project": project, "quality": _quality(project), **desk.desk(project)}
    facts = render_to_string("annotation/_desk.html", context, request)
    mark = hashlib.sha256(_CSRF.sub("", facts).encode()).hexdigest()[:16]
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    template = "annotation/_desk_live.html" if "version" in request.GET else "annotation/desk.html"
    return render(request, template, {"project": project, "facts": facts, "version": mark})


def _quality(project: Project) -> str:
    """The address of the page on agreement, where there is one."""
    try:
        return reverse("quality", args=[project.pk])
    except NoReverseMatch:
        return ""


def _act(request: HttpRequest, project: Project) -> str:
    given = request.POST
    action = given.get("action", "")
    if action == "message":
        text = " ".join(given.get("message", "").split())
        if len(text) > 500:
            raise Refused("message", f"A message has at most 500 characters; this one has {len(text)}.")
        Project.objects.filter(pk=project.pk).update(message=text)
        return "Everybody who labels sees it from the next page on." if text else "The message is taken away."
    if action not in {"pause", "resume", "take_back"}:
        raise Refused("action", "There is no such action.")
    user = _person(project, given.get("user", ""))
    if action == "pause":
        handing_out.pause_member(project, user)
        return f"{user} is paused: no new items until you let them go on."
    if action == "resume":
        handing_out.resume_member(project, user)
        return f"{user} gets items again."
    to = _person(project, given["to"]) if given.get("to") else None
    taken = handing_out.take_back(project, user, to)
    where = f"It is {to}'s now." if to else "It is free for the others."
    return f"Taken back from {user}: {taken.leases} on the screen, {taken.reserved:,} reserved. {where}"


def _person(project: Project, pk: str) -> User:
    member = project.memberships.select_related("user").filter(user=whole(pk)).first()
    if member is None:
        raise Refused("user", "This person is no member of the project any more.")
    return member.user
