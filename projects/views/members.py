"""Who works on a project."""

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from projects import project_actions
from projects.access import project_page
from projects.forms import MemberForm, RoleForm
from projects.models import Project, Role, User
from projects.numbers import whole


@project_page()
def members(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        return _change(request, project_id=project.pk)
    return _page(request, project, MemberForm())


def _page(request: HttpRequest, project: Project, form: MemberForm, status: int = 200) -> HttpResponse:
    answers = Q(user__annotations__project=project, user__annotations__current=True, user__annotations__skipped=False)
    found = project.memberships.select_related("user").annotate(
        answers=Count("user__annotations", filter=answers), last=Max("user__annotations__created_at", filter=answers)
    )
    context = {
        "project": project,
        "memberships": found.order_by("user__username"),
        "form": form,
        "roles": [(role.value, role.label, role.help) for role in Role],
        "may_change": project.role == Role.MANAGER and not project.archived_at,
    }
    # Names to choose from are for those who see the page People anyway; everybody else must know the name.
    if context["may_change"] and request.user.is_staff:
        others = User.objects.filter(is_active=True).exclude(memberships__project=project)
        context["usernames"] = others.order_by("username").values_list("username", flat=True)[:1000]
    return render(request, "projects/members.html", context, status=status)


@project_page(Role.MANAGER, writes=True)
def _change(request: HttpRequest, project: Project) -> HttpResponse:
    action = request.POST.get("action")
    try:
        if action == "add":
            form = MemberForm(request.POST)
            if not form.is_valid():
                return _page(request, project, form, status=400)
            user, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
            project_actions.add_member(project, user, role)
            messages.success(request, f"{user} is {role.label.lower()} of this project now.")
        elif action == "role":
            form = RoleForm(project, request.POST)
            if form.is_valid():
                membership, role = form.cleaned_data["membership"], Role(form.cleaned_data["role"])
                project_actions.change_role(membership, role)
                messages.success(request, f"{membership.user} is {role.label.lower()} now.")
            else:
                messages.error(request, "That role could not be given: reload the page and try again.")
        elif action == "remove":
            membership = get_object_or_404(project.memberships, pk=whole(request.POST.get("membership", "")))
            project_actions.remove_member(membership)
            messages.success(request, f"{membership.user} is no longer a member. What they labelled stays.")
            if membership.user == request.user and not request.user.is_superuser:
                return redirect("home")
    except project_actions.WrongState as error:
        messages.error(request, str(error))
    return redirect("members", project.pk)
