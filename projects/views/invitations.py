"""Inviting by a link, and joining by one."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from projects import invitations
from projects.access import project_page
from projects.errors import WrongState
from projects.forms import InvitationForm, JoinForm
from projects.models import Project, Role
from projects.numbers import whole


@never_cache
@project_page(Role.MANAGER, writes=True)
def manage(request: HttpRequest, project: Project) -> HttpResponse:
    """The list; a new link is shown in the answer itself, once, and never in a message, a session or a log."""
    if request.POST.get("action") == "revoke":
        pk = whole(request.POST.get("invitation", ""))
        if pk is not None and invitations.revoke(project, pk):
            messages.success(request, "The link lets nobody in any more.")
        else:
            messages.error(request, "This invitation is not there, or was revoked before.")
        return redirect("invitations", project.pk)
    form, link = InvitationForm(request.POST or None), ""
    if form.is_valid():
        given = form.cleaned_data
        role, rest = Role(given["role"]), {name: given[name] for name in ("places", "days", "note")}
        _, token = invitations.invite(project, request.user, role, **rest)
        link, form = request.build_absolute_uri(reverse("join", args=[token])), InvitationForm()
    rows = [(row, invitations.state(row)) for row in project.invitations.select_related("created_by")[:100]]
    context = {"project": project, "form": form, "link": link, "rows": rows}
    return render(request, "projects/invitations.html", context, status=400 if form.is_bound else 200)


@never_cache
@login_not_required
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Whoever has the link: a person who is logged in joins; everybody else makes an account, or logs in first."""
    invitation = invitations.find(token)
    if invitation is None:
        return render(
            request, "projects/invite.html", {"refused": "There is no such invitation. Is the link complete?"}, status=404
        )
    known = request.user.is_authenticated
    form = None if known else JoinForm(request.POST or None)
    status = 200
    try:
        if known and request.method == "POST":
            if invitations.join(invitation, request.user):
                messages.success(request, f"You are {invitation.get_role_display().lower()} of this project now.")
            else:
                messages.info(request, "You are a member of this project already.")
            return redirect("project", invitation.project_id)
        invitations.check(invitation)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            user = invitations.join_as_new(invitation, given["username"], given["email"], given["password"])
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("project", invitation.project_id)
    except WrongState as error:
        return render(request, "projects/invite.html", {"refused": str(error)}, status=409)
    except IntegrityError:  # the same name, at the same moment
        form.add_error("username", "This name is taken.")
    if request.method == "POST":
        status = 400
    context = {"invitation": invitation, "project_name": invitation.project.name, "form": form, "login": _login(request)}
    return render(request, "projects/invite.html", context, status=status)


def _login(request: HttpRequest) -> str:
    return reverse("login", query={"next": request.path})
