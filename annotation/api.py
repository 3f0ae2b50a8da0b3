"""REST of labelling: get items, answer, undo. By the same functions as the labelling page (which is a client of this).

The hot endpoints build plain dicts: serializer classes here only describe them for the schema (annotation/schemas.py).
"""

import json
from datetime import timedelta
from typing import Any

from django.http import Http404
from django.urls import path, reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alambic_site.api import Pagination
from annotation import queue, schemas, suggestions, training
from annotation.api_frame import ProjectView, flag, id_in, seconds_in, text, time_in, whole
from annotation.models import Annotation, Assignment, TellingWords
from annotation.preferences import PreferenceRefused, change_preferences, preferences_of
from annotation.progress import progress, why_empty
from annotation.reasons import why
from projects.models import Item, Modality, Project, Role, User
from projects.names import hides_names, names_of
from projects.task_types import InvalidValue, task_type

MAX_COUNT = 50
# Of an item in the list of my answers: one line.
EXCERPT = 120
# After an answer, only leases that were not renewed for a minute are: one write fewer for each answer.
_RENEW_AFTER = timedelta(minutes=1)


def item_payload(
    project: Project, item: Item, query=None, assignment: Assignment | None = None, names: dict[int, str] | None = None
) -> dict:
    """One item to answer, as the labelling page and REST clients get it. `names`: of the labels that may be suggested."""
    payload = {
        "assignment": assignment.pk if assignment else None,
        "item": item.pk,
        "key": item.key,
        "modality": project.modality,
        "purpose": query.purpose if query else None,
        "why": why(query),
        "lease_until": assignment.leased_until.isoformat() if assignment else None,
        "suggestion": names.get(suggestions.suggestion(query, assignment)) if names else None,
    }
    if project.modality == Modality.IMAGE:
        payload["image_url"] = reverse("item-image", args=[project.pk, item.pk])
    else:
        payload["content"] = _row(item.content) if project.modality == Modality.TABLE else item.content
    return payload


def next_items(user: User, project: Project, count: int, *, renew_after: timedelta = timedelta(0)) -> list[dict]:
    if project.training and training.awaiting(user, project):
        return [item_payload(project, item) | about for item, about in training.next_items(user, project, count)]
    leased = queue.lease_next(user, project, count, renew_after=renew_after)
    names = suggestions.label_names(project) if leased else {}
    return [item_payload(project, a.item, a.query, a, names) for a in leased]


def _row(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content


@extend_schema(tags=["labelling"])
class NextView(ProjectView):
    @extend_schema(
        operation_id="projects_next",
        summary="Lease the next items for me",
        description="First what I hold already (its leases are renewed), then the next open queries. An empty list: see "
        "`empty` of `progress/` for why.",
        request=schemas.NextSerializer,
        responses={200: schemas.ItemToLabelSerializer(many=True), **schemas.ERRORS},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        count = whole(self.body(), "count", 1, 1, MAX_COUNT)
        return Response(next_items(request.user, project, count))


@extend_schema(tags=["labelling"])
class AnnotationsView(ProjectView):
    @extend_schema(
        operation_id="projects_annotations_list",
        summary="Answers: managers and reviewers see all, others their own",
        parameters=[
            OpenApiParameter("user", int, description="Only of this person (id)."),
            OpenApiParameter("item", int, description="Only to this item (id)."),
            OpenApiParameter(
                "mine",
                bool,
                description="true: what I answered and did not take back, each with an `excerpt` of its "
                "item; with `item`, the item itself as `to_label`.",
            ),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
        ],
        responses={200: schemas.AnnotationPageSerializer, **schemas.ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        self.writes = False
        project = self.project()
        rows = Annotation.objects.filter(project=project).select_related("item", "query").order_by("-pk")
        rows = rows.exclude(**training.answers_of_training())
        if project.role.rank < Role.REVIEWER.rank:
            rows = rows.filter(user=request.user)
        for field in ("user", "item"):
            if (wanted := id_in(request.query_params, field)) is not None:
                if field == "user" and wanted != request.user.pk and hides_names(project):
                    raise ValidationError({"user": ["This project hides who answered what: only managers may ask for a person."]})
                rows = rows.filter(**{f"{field}_id": wanted})
        mine = request.query_params.get("mine") in {"1", "true"}
        if mine:
            rows = rows.filter(user=request.user, current=True, withdrawn_at=None)
        pages = Pagination()
        names = dict(project.labels.values_list("pk", "name"))
        page = pages.paginate_queryset(rows, request, view=self)
        people = names_of(project, {row.user_id for row in page}, request.user)
        found = [_annotation(project, row, names, people) for row in page]
        for given, row in zip(found, page, strict=True) if hides_names(project) else ():
            given["user"] = row.user_id if row.user_id == request.user.pk else None
        for given, row in zip(found, page, strict=True) if mine else ():
            if "item" in request.query_params:
                given["to_label"] = item_payload(project, row.item, row.query)
            else:
                given["excerpt"] = "" if project.modality == Modality.IMAGE else row.item.content[:EXCERPT]
        return pages.get_paginated_response(found)

    @extend_schema(
        operation_id="projects_annotations_create",
        summary="Answer an item",
        description="Name the `assignment` (or the `item`). Choose a new random `token` for every answer: sent again after a "
        "lost connection, it is stored once. An answer is never refused because its lease ran out.",
        request=schemas.AnswerSerializer,
        responses={201: schemas.SubmissionSerializer, 200: schemas.SubmissionSerializer, **schemas.CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        data = self.body()
        assignment, item = id_in(data, "assignment"), id_in(data, "item")
        if assignment is None and item is None:
            raise ValidationError({"assignment": ["Say which item is answered: its `assignment`, or its `item`."]})
        ahead = whole(data, "next", 0, 0, MAX_COUNT)
        submission = _submit(request.user, project, data, assignment, item)
        answer = {
            "id": submission.annotation.pk,
            "outcome": submission.outcome,
            "message": submission.message,
            "training": _of_training(project, submission.training),
            "next": next_items(request.user, project, ahead, renew_after=_RENEW_AFTER) if ahead else [],
            "progress": progress(request.user, project),
        }
        return Response(answer, status=200 if submission.outcome == "repeated" else 201)


def _submit(user: User, project: Project, data: dict, assignment: int | None, item: int | None) -> queue.Submission:
    token = data.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= 64:
        raise ValidationError({"token": ["Must be a text of 1 to 64 characters, a new random one for every answer."]})
    fields = {
        "token": token, "seconds": seconds_in(data), "skipped": flag(data, "skipped"), "flagged": flag(data, "flagged"),
        "comment": text(data, "comment", 10_000), "value": data.get("value"), "guidelines": _guidelines(project, data),
        "suggested": _suggested(data),
    }  # fmt: skip
    try:
        try:
            return queue.submit(user, project, assignment=assignment, item=item, **fields)
        except Http404:
            if assignment is None or item is None:
                raise
            # The lease was given back meanwhile; which item it was for is still known.
            return queue.submit(user, project, item=item, **fields)
    except training.NotYet as error:
        raise ValidationError({"item": [str(error)]}) from error
    except InvalidValue as error:
        field = "token" if "token" in str(error).lower().split(".")[0] and not data.get("value") else "value"
        raise ValidationError({field: [str(error)]}) from error


def _of_training(project: Project, told: dict | None) -> dict | None:
    if not told or told["answer"] is None:
        return told
    return told | {"answer": task_type(project.task).display(told["answer"], dict(project.labels.values_list("pk", "name")))}


def _guidelines(project: Project, data: dict) -> int | None:
    """The version of the guidelines that the client showed; it may be older than the newest, never one that was not written."""
    number = whole(data, "guidelines", None, 1, 2**31 - 1)
    if number is not None and not project.guidelines_versions.filter(number=number).exists():
        raise ValidationError({"guidelines": [f"This project's guidelines have no version {number}."]})
    return number


def _suggested(data: dict) -> str | None:
    """The suggestion that the client showed; a client that does not say showed what it was given."""
    said = data.get("suggested", suggestions.AS_GIVEN)
    if said is not None and not isinstance(said, str):
        raise ValidationError({"suggested": ["Must be the label that was suggested, or null."]})
    return said


def _annotation(project: Project, row: Annotation, names: dict[int, str], people: dict[int, str]) -> dict:
    return {
        "id": row.pk,
        "item": row.item_id,
        "key": row.item.key,
        "user": row.user_id,
        "username": people[row.user_id],
        "value": task_type(project.task).raw(row.value, names),
        "skipped": row.skipped,
        "extra": row.extra,
        "flagged": row.flagged,
        "comment": row.comment,
        "guidelines": row.guidelines,
        "suggestion": names.get(row.suggestion),
        "seconds": row.seconds,
        "current": row.current,
        "withdrawn": row.withdrawn_at is not None,
        "purpose": row.query.purpose if row.query else None,
        "why": why(row.query),
        "created_at": row.created_at.isoformat(),
    }


@extend_schema(tags=["labelling"])
class UndoView(ProjectView):
    @extend_schema(
        operation_id="projects_annotations_undo",
        summary="Take back my last answer, or a named one",
        description="Name the answer (`annotation` or its `token`) so that a repeated request undoes nothing more. `undone` is "
        "null where there was nothing to undo; otherwise the item is leased to me again.",
        request=schemas.UndoSerializer,
        responses={200: schemas.UndoneSerializer, **schemas.CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        data = self.body()
        named, token = id_in(data, "annotation"), text(data, "token", 64)
        if named is None and token:
            mine = Annotation.objects.filter(user=request.user, project=project, token=token)
            named = mine.values_list("pk", flat=True).first() or 0
        undone = queue.undo(request.user, project, named)
        answer: dict[str, Any] = {"undone": None, "item": None, "value": None, "progress": progress(request.user, project)}
        if undone:
            place = Assignment.objects.filter(item=undone.item, user=request.user).select_related("query").first()
            names = dict(project.labels.values_list("pk", "name"))
            answer["undone"] = undone.pk
            query = place.query if place else None
            answer["item"] = item_payload(project, undone.item, query, place, suggestions.label_names(project))
            answer["value"] = task_type(project.task).raw(undone.value, names)
        return Response(answer)


@extend_schema(tags=["labelling"])
class ReleaseView(ProjectView):
    @extend_schema(
        operation_id="projects_release",
        summary="Give back what I hold: I am leaving",
        request=schemas.ReleaseSerializer,
        responses={200: schemas.ReleasedSerializer, **schemas.ERRORS},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        return Response({"released": queue.release(request.user, project, renewed_until=time_in(self.body(), "lease_until"))})


@extend_schema(tags=["labelling"])
class HeartbeatView(ProjectView):
    @extend_schema(
        operation_id="projects_heartbeat",
        summary="I am still at it: renew what I hold",
        request=None,
        responses={200: schemas.HeartbeatSerializer, **schemas.ERRORS},
    )
    def post(self, request: Request, project_id: int) -> Response:
        now = timezone.now()
        renewed = queue.touch(request.user, self.project(), now)
        return Response({"renewed": renewed, "lease_until": (now + queue.LEASE).isoformat()})


@extend_schema(tags=["labelling"])
class ProgressView(ProjectView):
    minimum = Role.VIEWER
    writes = False

    @extend_schema(
        operation_id="projects_progress",
        summary="How far we are; and why nothing is open for me, if so",
        parameters=[OpenApiParameter("empty", bool, description="true: say also why nothing is open for me.")],
        responses={200: schemas.ProjectProgressSerializer, **schemas.ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        project = self.project()
        facts = progress(request.user, project)
        if request.query_params.get("empty") in {"1", "true"}:
            facts = facts | {"empty": why_empty(request.user, project)}
        return Response(facts)


@extend_schema(tags=["labelling"])
class TellingWordsView(ProjectView):
    writes = False

    @extend_schema(
        operation_id="projects_telling_words",
        summary="The words that the newest model finds telling, to be marked in items of purpose `query`",
        description="None where the project does not mark them. Which label a word speaks for is not told.",
        responses={200: schemas.TellingWordsSerializer, **schemas.ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        project = self.project()
        found = TellingWords.objects.filter(project=project).first() if project.show_highlights else None
        return Response({"round": found.round_number if found else None, "words": found.words if found else []})


@extend_schema(tags=["labelling"])
class PreferencesView(APIView):
    @extend_schema(
        operation_id="me_preferences", summary="How I like the labelling page", responses={200: schemas.PreferencesSerializer}
    )
    def get(self, request: Request) -> Response:
        return Response(preferences_of(request.user))

    @extend_schema(
        operation_id="me_preferences_change",
        summary="Change how I like the labelling page",
        description='`keys` takes {action: key}, like {"skip": "x"}; an empty key is the usual one again. Two actions never '
        "get the same key (400).",
        request=schemas.ChangedPreferencesSerializer,
        responses={200: schemas.PreferencesSerializer, 400: schemas.ERRORS[400]},
    )
    def patch(self, request: Request) -> Response:
        data = request.data
        if not isinstance(data, dict):
            raise ValidationError({"detail": ["The body must be a JSON object."]})
        try:
            return Response(change_preferences(request.user, left_handed=data.get("left_handed"), keys=data.get("keys")))
        except PreferenceRefused as error:
            raise ValidationError({error.field: [str(error)]}) from error


urlpatterns = [
    path("me/preferences/", PreferencesView.as_view(), name="api-preferences"),
    path("projects/<int:project_id>/next/", NextView.as_view(), name="api-next"),
    path("projects/<int:project_id>/annotations/", AnnotationsView.as_view(), name="api-annotations"),
    path("projects/<int:project_id>/annotations/undo/", UndoView.as_view(), name="api-undo"),
    path("projects/<int:project_id>/release/", ReleaseView.as_view(), name="api-release"),
    path("projects/<int:project_id>/heartbeat/", HeartbeatView.as_view(), name="api-heartbeat"),
    path("projects/<int:project_id>/telling-words/", TellingWordsView.as_view(), name="api-telling-words"),
    path("projects/<int:project_id>/progress/", ProgressView.as_view(), name="api-progress"),
]
