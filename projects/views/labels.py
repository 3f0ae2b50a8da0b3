"""The labels of a project: their names, colours, keys and order, and what becomes of one that is not wanted any more."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from projects import labels as rules
from projects.access import project_page
from projects.errors import WrongState
from projects.models import Label, Project, Role
from projects.numbers import whole
from projects.project_actions import move_label
from projects.summaries import label_counts


@project_page()
def labels(request: HttpRequest, project: Project) -> HttpResponse:
    if request.method == "POST":
        return _change(request, project_id=project.pk)
    return _page(request, project)


def _page(request: HttpRequest, project: Project, status: int = 200, **more) -> HttpResponse:
    may_change = project.role == Role.MANAGER and not project.archived_at
    used, counts = (rules.used_labels(project) if may_change else set()), label_counts(project)
    found = list(project.labels.all())
    for label in found:
        label.n_items, label.is_used = counts[label.pk], label.pk in used
    context = {
        "project": project,
        "labels": [label for label in found if not label.retired_at],
        "retired": [label for label in found if label.retired_at],
        "may_change": may_change,
        **more,
    }
    return render(request, "projects/labels.html", context, status=status)


@project_page(Role.MANAGER, writes=True)
def _change(request: HttpRequest, project: Project) -> HttpResponse:
    given = request.POST
    try:
        done = _do(project, given.get("action", ""), given)
    except (rules.LabelRefused, WrongState) as error:
        # What was typed stays on the page, beside the sentence that says what is wrong with it.
        messages.error(request, str(error))
        return _page(request, project, status=400 if isinstance(error, rules.LabelRefused) else 409, typed=given)
    if done:
        messages.success(request, done)
    return redirect("labels", project.pk)


def _do(project: Project, action: str, given) -> str:
    """Do it, and say what was done."""
    if action == "add":
        label = rules.add_label(project, given.get("name", ""))
        return f"Added {label.name}" + (f", key {label.hotkey}." if label.hotkey else ".")
    label = _label(project, given.get("label", ""))
    if action == "change":
        rules.change_label(label, name=given.get("name"), color=given.get("color"), hotkey=given.get("hotkey"))
        return f"Saved {label.name}."
    if action in {"up", "down"}:
        move_label(label, -1 if action == "up" else 1)
        return ""
    if action == "retire":
        rules.retire_label(label)
        return f"{label.name} is retired: nobody can choose it any more, and what has it keeps it."
    if action == "restore":
        rules.restore_label(label)
        return f"{label.name} can be chosen again."
    if action == "delete":
        rules.delete_label(label)
        return f"Deleted {label.name}."
    if action == "merge":
        into = _label(project, given.get("into", ""))
        changed = rules.merge_label(label, into)
        return f"{label.name} is merged into {into.name}: {changed:,} item{'' if changed == 1 else 's'} changed."
    return ""


def _label(project: Project, pk: str) -> Label:
    return get_object_or_404(project.labels.select_related("project"), pk=whole(pk))
