"""REST of handing out: reserve items for people, take work back, pause somebody, mark gold. By the same functions as the page."""

from dataclasses import asdict

from django.db.models import Count
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from alambic_site.api import Pagination
from annotation import golds, handing_out, training
from annotation.api_frame import ProjectView, attempt
from annotation.models import Gold, Reservation
from annotation.schemas import ERRORS
from projects.models import Project, Role, User
from projects.numbers import whole
from projects.task_types import VALUE_HELP, task_type

CHANGES = ERRORS | {409: OpenApiResponse(OpenApiTypes.OBJECT, description="Not in this state; the sentence says why.")}


class ChoiceSerializer(s.Serializer):
    """Which items: named ones, or those that a search finds."""

    items = s.ListField(child=s.IntegerField(min_value=1), required=False, help_text="Ids of items.")
    filter = s.DictField(required=False, help_text='Instead of items: {"state", "label", "dataset", "search"}, as in items/.')


class NewReservationsSerializer(ChoiceSerializer):
    users = s.ListField(required=False, help_text="Ids or usernames; not with a column.")
    mode = s.CharField(default="share", help_text="share: evenly among them; all: each item for all of them; column.")
    column = s.CharField(required=False, help_text="With mode column: which column of the data says whose each item is.")
    by = s.CharField(default="name", help_text="With mode column: name (username or e-mail address) or skill.")


class HandedOutSerializer(s.Serializer):
    items = s.IntegerField()
    left_out = s.IntegerField(help_text="All whom they are meant for have answered these.")
    people = s.DictField(child=s.IntegerField(), help_text="How many of them each person has.")
    unknown = s.DictField(child=s.IntegerField(), help_text="What stood in the column, and is nobody here.")


class EndedReservationsSerializer(ChoiceSerializer):
    users = s.ListField(required=False, help_text="Only those of these people (ids or usernames).")


class ReservedForSerializer(s.Serializer):
    user = s.IntegerField()
    username = s.CharField()
    items = s.IntegerField()


class RemovedSerializer(s.Serializer):
    removed = s.IntegerField()


class TakeBackSerializer(s.Serializer):
    user = s.CharField(help_text="Whose work: an id or a username.")
    to = s.CharField(
        required=False, allow_null=True, help_text="Who gets it; left out: whoever else it is meant for, or anybody."
    )


class TakenBackSerializer(s.Serializer):
    leases = s.IntegerField()
    reserved = s.IntegerField()


class PauseSerializer(s.Serializer):
    user = s.CharField()
    paused = s.BooleanField()


class QualifySerializer(s.Serializer):
    user = s.CharField(help_text="An id or a username.")
    qualified = s.BooleanField(help_text="true: let in without the test; false: the training begins anew.")


class InTrainingSerializer(s.Serializer):
    user = s.IntegerField()
    username = s.CharField()
    state = s.CharField(help_text="Where they are, in words.")


class NewGoldSerializer(ChoiceSerializer):
    column = s.CharField(required=False, help_text="The column of the data that has the answer; left out: the items' verdicts.")
    training = s.BooleanField(default=False, help_text="Shown to new annotators with its answer; never mixed in.")


class MarkedSerializer(s.Serializer):
    marked = s.IntegerField()
    without_answer = s.IntegerField(help_text="Items without a verdict: they cannot be gold.")
    unknown = s.DictField(child=s.IntegerField(), help_text="What stood in the column, and is no answer here.")


class OneGoldSerializer(s.Serializer):
    item = s.IntegerField()
    key = s.CharField()
    value = s.JSONField(help_text=VALUE_HELP)
    training = s.BooleanField()


class GoldPageSerializer(s.Serializer):
    count = s.IntegerField()
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = OneGoldSerializer(many=True)


class ManagersView(ProjectView):
    minimum = Role.MANAGER

    def given(self, serializer_class: type[s.Serializer]) -> dict:
        """The body, checked; a field that there is not is an error, and not silently nothing."""
        data = self.body_of_any_user()
        serializer = serializer_class(data=data)
        serializer.is_valid(raise_exception=True)
        if unknown := sorted(set(data) - set(serializer.fields)):
            raise ValidationError({unknown[0]: [f"There is no such field; there are: {', '.join(serializer.fields)}."]})
        return serializer.validated_data

    def body_of_any_user(self) -> dict:
        """`user` in these bodies is whom it is about, and not who writes."""
        if not isinstance(self.request.data, dict):
            raise ValidationError({"detail": ["The body must be a JSON object."]})
        return self.request.data


def people_of(project: Project, named: list, field: str = "users") -> list[User]:
    """The members of these ids or usernames, in that order; 400 names who is none."""
    members = {m.user_id: m.user for m in project.memberships.select_related("user")}
    by_name = {user.username.lower(): user for user in members.values()}
    found = []
    for name in named:
        text = str(name).strip()
        user = members.get(whole(text))
        user = user or by_name.get(text.lower())
        if user is None or isinstance(name, bool | dict | list):
            raise ValidationError({field: [f"{text[:100]!r} is no member of this project."]})
        found.append(user)
    return found


def _items(project: Project, given: dict):
    return attempt(handing_out.chosen_items, project, ids=given.get("items"), filter=given.get("filter"))


def _said_which(given: dict) -> None:
    if "items" not in given and "filter" not in given:
        raise ValidationError({"items": ["Say which items: their ids, or a `filter` ({} is every item)."]})


@extend_schema(tags=["handing out"])
class ReservationsView(ManagersView):
    @extend_schema(
        operation_id="projects_reservations_list",
        summary="How many items are reserved for whom (manager)",
        responses={200: ReservedForSerializer(many=True), **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        self.writes = False
        found = Reservation.objects.filter(project=self.project()).order_by()
        rows = found.values_list("user_id", "user__username").annotate(n=Count("pk")).order_by("user__username")
        return Response([{"user": user, "username": name, "items": n} for user, name, n in rows])

    @extend_schema(
        operation_id="projects_reservations_create",
        summary="Reserve items for people (manager)",
        description="While an item is reserved, only those people are asked for it. Earlier reservations of these items end.",
        request=NewReservationsSerializer,
        responses={201: HandedOutSerializer, **CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(NewReservationsSerializer)
        _said_which(given)
        if given["mode"] == "column":
            column = given.get("column", "")
            result = attempt(handing_out.reserve_by_column, project, _items(project, given), column, given["by"])
        else:
            people = people_of(project, given.get("users") or [])
            result = attempt(handing_out.reserve, project, _items(project, given), people, given["mode"])
        return Response(asdict(result), status=201)

    @extend_schema(
        operation_id="projects_reservations_delete",
        summary="End reservations (manager)",
        description="Of these items, of these people, or (an empty object) of the whole project.",
        request=EndedReservationsSerializer,
        responses={200: RemovedSerializer, **CHANGES},
    )
    def delete(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(EndedReservationsSerializer)
        items = _items(project, given) if "items" in given or "filter" in given else None
        people = people_of(project, given["users"]) if "users" in given else None
        return Response({"removed": handing_out.release_reserved(project, items, people)})


@extend_schema(tags=["handing out"])
class TakeBackView(ManagersView):
    @extend_schema(
        operation_id="projects_take_back",
        summary="Take back all that a person has, or give it to another (manager)",
        request=TakeBackSerializer,
        responses={200: TakenBackSerializer, **CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(TakeBackSerializer)
        (user,) = people_of(project, [given["user"]], "user")
        to = people_of(project, [given["to"]], "to")[0] if given.get("to") else None
        return Response(asdict(attempt(handing_out.take_back, project, user, to)))


@extend_schema(tags=["handing out"])
class PauseView(ManagersView):
    @extend_schema(
        operation_id="projects_pause_member",
        summary="Pause a person, or let them go on (manager)",
        request=PauseSerializer,
        responses={200: PauseSerializer, **CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(PauseSerializer)
        (user,) = people_of(project, [given["user"]], "user")
        (handing_out.pause_member if given["paused"] else handing_out.resume_member)(project, user)
        return Response({"user": user.username, "paused": given["paused"]})


@extend_schema(tags=["handing out"])
class TrainingView(ManagersView):
    @extend_schema(
        operation_id="projects_training_list",
        summary="Who has not passed the training, and where they are (manager)",
        responses={200: InTrainingSerializer(many=True), **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        self.writes = False
        project = self.project()
        states = training.states(project)
        people = project.memberships.select_related("user").order_by("user__username")
        rows = [(m.user_id, m.user.username) for m in people if m.user_id in states]
        return Response([{"user": pk, "username": name, "state": states[pk]} for pk, name in rows])

    @extend_schema(
        operation_id="projects_training_qualify",
        summary="Let somebody in without the test, or let them begin anew (manager)",
        request=QualifySerializer,
        responses={200: QualifySerializer, **CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(QualifySerializer)
        (user,) = people_of(project, [given["user"]], "user")
        (training.let_in if given["qualified"] else training.begin_anew)(project, user)
        return Response({"user": user.username, "qualified": given["qualified"]})


@extend_schema(tags=["handing out"])
class GoldsView(ManagersView):
    @extend_schema(
        operation_id="projects_golds_list",
        summary="The items whose answer is known for certain (manager)",
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses={200: GoldPageSerializer, **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        self.writes = False
        project = self.project()
        pages = Pagination()
        rows = Gold.objects.filter(project=project).select_related("item").order_by("item_id")
        names, task = dict(project.labels.values_list("pk", "name")), task_type(project.task)
        found = [
            {"item": g.item_id, "key": g.item.key, "value": task.raw(g.value, names), "training": g.training}
            for g in pages.paginate_queryset(rows, request, view=self)
        ]
        return pages.get_paginated_response(found)

    @extend_schema(
        operation_id="projects_golds_create",
        summary="Make items gold: by their verdict, or by a column of the data (manager)",
        request=NewGoldSerializer,
        responses={201: MarkedSerializer, **CHANGES},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(NewGoldSerializer)
        _said_which(given)
        items, to_train = _items(project, given), given["training"]
        if column := given.get("column"):
            result = attempt(golds.mark_by_column, project, items, column, request.user, training=to_train)
        else:
            result = attempt(golds.mark, project, items, request.user, training=to_train)
        return Response(asdict(result), status=201)

    @extend_schema(
        operation_id="projects_golds_delete",
        summary="These items are gold no more (manager)",
        request=ChoiceSerializer,
        responses={200: RemovedSerializer, **CHANGES},
    )
    def delete(self, request: Request, project_id: int) -> Response:
        project = self.project()
        given = self.given(ChoiceSerializer)
        _said_which(given)
        return Response({"removed": golds.unmark(project, _items(project, given))})


_project = "projects/<int:project_id>/"
urlpatterns = [
    path(f"{_project}reservations/", ReservationsView.as_view(), name="api-reservations"),
    path(f"{_project}take-back/", TakeBackView.as_view(), name="api-take-back"),
    path(f"{_project}pause-member/", PauseView.as_view(), name="api-pause-member"),
    path(f"{_project}training/", TrainingView.as_view(), name="api-training"),
    path(f"{_project}golds/", GoldsView.as_view(), name="api-golds"),
]
