"""Home, and the pages of a project itself."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from projects import guidelines, project_actions, summaries
from projects.access import project_page
from projects.forms import NewProjectForm, SettingsForm
from projects.models import Project, Role
from projects.task_types import task_type


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    lines = summaries.home_lines(request.user)
    current = [line for line in lines if not line.project.archived_at]
    # What waits for me comes first.
    current.sort(key=lambda line: (line.waiting == 0, line.project.name.lower()))
    context = {
        "lines": current,
        "archived": [line for line in lines if line.project.archived_at],
        "waiting": sum(line.waiting for line in current),
        "runs": [run for line in current for run in line.runs],
    }
    return render(request, "projects/home.html", context)


def project_new(request: HttpRequest) -> HttpResponse:
    if not request.user.is_staff:
        raise PermissionDenied("Projects are made by staff. Ask a member of staff for one, or your manager to add you to theirs.")
    form = NewProjectForm(request.POST or None)
    if form.is_valid():
        project = project_actions.create_project(request.user, **form.cleaned_data)
        messages.success(request, f"The project {project.name} is made. Next: import its items.")
        return redirect("project", project.pk)
    return render(request, "projects/project_new.html", {"form": form}, status=400 if form.is_bound else 200)


@require_GET
@project_page()
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    context = {"project": project, **summaries.overview(project, request.user)}
    context["steps"] = _next_steps(project, context) if project.role == Role.MANAGER and not project.archived_at else []
    return render(request, "projects/overview.html", context)


def _next_steps(project: Project, facts: dict) -> list[dict]:
    """What a new project still needs, in order; empty once a run has been started (where none can be: once somebody labels)."""
    task = task_type(project.task)
    if any(run.status != "draft" for run in facts["runs"]) or (task.not_learned and project.annotations.exists()):
        return []
    last = {"title": "Start a run", "url": "run-new", "done": False,
            "text": "The learner then asks for the labels that help it most. Every setting has a sound default."}  # fmt: skip
    if task.not_learned:
        last = {"title": "Label", "url": "label", "done": False, "text": f"Items come one after another. {task.not_learned}"}
    steps = [
        {"title": "Import items", "url": "dataset-new", "done": facts["n_items"] > 0,
         "text": "A file of texts, a zip of images or a table. Some rows may be labelled already."},
        {"title": "Check the labels", "url": "labels", "done": len(facts["histogram"]) >= task.least_labels,
         "text": f"At least {'two' if task.least_labels == 2 else 'one'}, with colours and keys. "
         "Those in the file are there already."},
        {"title": "Invite people", "url": "members", "done": facts["n_members"] > 1,
         "text": "Annotators label, reviewers settle. You can also label alone."},
        last,
    ]  # fmt: skip
    optional = {"members"}
    for step in steps:
        step["current"] = False
    for step in steps:
        if not step["done"] and step["url"] not in optional:
            step["current"] = True
            break
    return steps


@project_page(Role.MANAGER, writes=True)
def settings(request: HttpRequest, project: Project) -> HttpResponse:
    role = project.role
    form = SettingsForm(request.POST or None, instance=project)
    if form.is_valid():
        with guidelines.versioned(project.pk, request.user):
            form.save()
        messages.success(request, "Saved.")
        return redirect("project-settings", project.pk)
    if form.is_bound:  # the form has written its values into the project: show the stored name above the errors
        project = Project.objects.get(pk=project.pk)
        project.role = role
    context = {"project": project, "form": form, "may_delete": project_actions.may_delete(project)}
    return render(request, "projects/settings.html", context, status=400 if form.is_bound else 200)


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Guidelines as they will look."""
    return render(request, "projects/_preview.html", {"text": request.POST.get("guidelines", "")[:100_000]})


@require_POST
@project_page(Role.MANAGER)
def archive(request: HttpRequest, project: Project) -> HttpResponse:
    """`restore=1` takes it out of the archive again."""
    try:
        if request.POST.get("restore"):
            project_actions.restore_project(project)
            messages.success(request, f"{project.name} is back from the archive.")
            return redirect("project", project.pk)
        project_actions.archive_project(project)
    except project_actions.WrongState as error:
        messages.error(request, str(error))
        return redirect("project-settings", project.pk)
    messages.success(request, f"{project.name} is archived: all of it can be read, nothing changes.")
    return redirect("home")


@require_POST
@project_page(Role.MANAGER)
def delete(request: HttpRequest, project: Project) -> HttpResponse:
    try:
        project_actions.delete_project(project)
    except project_actions.WrongState as error:
        messages.error(request, str(error))
        return redirect("project-settings", project.pk)
    messages.success(request, f"{project.name} is deleted.")
    return redirect("home")
