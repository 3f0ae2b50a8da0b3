"""The page on which a reviewer decides, and the one that tells people which of their answers were decided otherwise."""

import json
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation import review
from projects.access import project_page
from projects.errors import Refused, WrongState
from projects.item_search import describe
from projects.models import Modality, Project, Role
from projects.numbers import whole
from projects.task_types import InvalidValue, task_type


@project_page(Role.REVIEWER, writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    """One item at a time; `after` (an item's id) goes on without deciding."""
    task = task_type(project.task)
    kind, after = request.GET.get("kind", ""), whole(request.GET.get("after", "")) or 0
    if request.method == "POST":
        data = request.POST
        item = project.items.filter(pk=whole(data.get("item", ""))).first()
        try:
            if item is None:
                raise Refused("item", "There is no such item in this project any more.")
            said = review.review(
                request.user, project, item, data.get("action", ""), value=task.sent(data), comment=data.get("comment", "")
            )
        except (Refused, InvalidValue, WrongState) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said)
        place = {"kind": kind} if kind in review.KINDS else {}
        if after:  # what was passed over stays passed over
            place["after"] = after
        return redirect(f"{reverse('review', args=[project.pk])}{f'?{urlencode(place)}' if place else ''}")
    counts = review.counts(project)
    if kind not in review.KINDS:
        kind = next((name for name in review.KINDS if counts[name]), "disputed")
    items = review.waiting(project, kind)
    item = items.filter(pk__gt=after).first() or items.first()
    more = bool(item) and bool(review.asked_more(project, [item]))
    context = {
        "project": project,
        "task": task,
        "asked_more": more,
        "meanwhile": review.meanwhile(project),
        "label_now": describe(project, [item])[0].verdict if item and kind == "second" else "",
        "imported": describe(project, [item])[0].imported if item and kind == "disputed" else "",
        "may_ask": not (more and project.consensus == "unanimous"),
        "kind": kind,
        "kinds": [(name, words, counts[name]) for name, words in review.KINDS.items()],
        "item": item,
        "after": after,
        "n": counts[kind],
        "answers": review.answers_of(project, [item], request.user)[item.pk] if item else [],
        "labels": project.labels.filter(retired_at=None),
        "row": _row(item.content) if item and project.modality == Modality.TABLE else {},
    }
    return render(request, "annotation/review.html", context)


@require_safe
@project_page(Role.ANNOTATOR)
def feedback(request: HttpRequest, project: Project) -> HttpResponse:
    context = {"project": project, "overruled": review.feedback(request.user, project)}
    return render(request, "annotation/review_feedback.html", context)


def _row(content: str) -> dict:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
