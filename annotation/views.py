"""The labelling page, and the button with which a reviewer settles a disagreement."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from alambic_site.templatetags.alambic import ink
from annotation import training
from annotation.models import Annotation, Query
from annotation.preferences import ACTIONS, PreferenceRefused, change_preferences, preferences_of
from annotation.queue import LEASE
from annotation.reasons import BADGES
from annotation.verdicts import adjudicate
from projects.access import project_page
from projects.guidelines import newest_number
from projects.label_groups import grouped
from projects.models import Project, Role
from projects.task_types import InvalidValue, task_type

# With more labels than this, a search box finds them; buttons alone would fill the screen.
SEARCH_FROM = 21


@require_safe
@ensure_csrf_cookie
@project_page(Role.ANNOTATOR)
def label(request: HttpRequest, project: Project) -> HttpResponse:
    """The frame; its items come by REST, so that going on to the next one never loads a page."""
    labels = list(project.labels.filter(retired_at=None))
    task = task_type(project.task)
    many = len(labels) >= SEARCH_FROM
    newest = newest_number(project)
    preferences = preferences_of(request.user)
    setup = {
        "project": project.pk,
        "user": request.user.pk,
        "urls": {
            name: reverse(f"api-{name}", args=[project.pk])
            for name in ("next", "annotations", "undo", "release", "heartbeat", "progress")
        },
        "login": f"{reverse('login')}?next={request.path}",
        "labels": [
            {"name": label.name, "hotkey": label.hotkey.lower(), "color": label.color, "ink": ink(label.color)}
            for label in labels
        ],
        "search": many,
        "suggestions": project.show_suggestions,
        "telling": reverse("api-telling-words", args=[project.pk]) if project.show_highlights else None,
        "keys": preferences["keys"],
        "leaseSeconds": LEASE.total_seconds(),
        "guidelines": newest,
        "badges": {purpose.value: words for purpose, words in BADGES.items()} | training.BADGES,
    }
    context = {"project": project, "labels": labels, "groups": grouped(labels), "task": task, "many": many, "setup": setup}
    context["before_work"] = training.introduction(request.user, project)
    context["left_handed"] = preferences["left_handed"]
    context["guidelines_changed"] = newest is not None and _seen(request.user.pk, project) not in (None, newest)
    return render(request, "annotation/label.html", context)


def _seen(user_id: int, project: Project) -> int | None:
    """The version of the guidelines under which this person answered last here; None where none was recorded."""
    mine = Annotation.objects.filter(project=project, user=user_id).order_by("-created_at")
    return mine.values_list("guidelines", flat=True).first()


@require_POST
@login_required
def preferences(request: HttpRequest) -> HttpResponse:
    """The account page's section about the labelling page."""
    keys = {action: request.POST[f"key_{action}"] for action in ACTIONS if f"key_{action}" in request.POST}
    try:
        change_preferences(request.user, left_handed="left_handed" in request.POST, keys=keys)
    except PreferenceRefused as error:
        messages.error(request, f"Nothing was saved. {error}")
    else:
        messages.success(request, "Saved: the labelling page is as you like it from its next opening on.")
    return redirect(f"{reverse('account')}#labelling")


@require_POST
@project_page(Role.REVIEWER, writes=True)
def settle(request: HttpRequest, project: Project, item_id: int) -> HttpResponse:
    """A reviewer's word on one item; `value` is the name of a label."""
    item = get_object_or_404(project.items, pk=item_id)
    labels = dict(project.labels.filter(retired_at=None).values_list("name", "pk"))
    disputed, task = item.queries.filter(status=Query.Status.DISPUTED).exists(), task_type(project.task)
    try:
        value = task.read(task.sent(request.POST), labels, item.content)
    except InvalidValue as error:
        messages.error(request, str(error))
    else:
        adjudicate(request.user, project, item, value, request.POST.get("comment", ""))
        name = task.words(value, {pk: name for name, pk in labels.items()}, item.content)
        messages.success(request, f"{'Settled' if disputed else 'Set'}: {item.key} is “{name}”. The answers stay in the history.")
    return redirect("item", project.pk, item.pk)
