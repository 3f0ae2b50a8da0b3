"""REST of the manager's desk: the page's facts. What can be done there: pause-member/, take-back/, and the project's message."""

from dataclasses import asdict

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import desk
from annotation.api_frame import ProjectView
from annotation.schemas import ERRORS
from projects.models import Role


class DeskPersonSerializer(s.Serializer):
    user = s.IntegerField(source="membership.user_id")
    username = s.CharField(source="membership.user.username")
    paused = s.SerializerMethodField()
    working = s.BooleanField(help_text="Answered, or held items, within the last five minutes.")
    leased = s.IntegerField(help_text="Items on the screen.")
    waiting = s.IntegerField(help_text="Items that are reserved for this person, and not answered yet.")
    today = s.IntegerField()
    week = s.IntegerField(help_text="Answers of the last seven days.")
    per_hour = s.FloatField(allow_null=True, help_text="In the hours of these days in which the person answered.")
    last = s.DateTimeField(allow_null=True)

    def get_paused(self, person: desk.Person) -> bool:
        return person.membership.paused_at is not None


class DeskQueueSerializer(s.Serializer):
    open = s.IntegerField()
    leased = s.IntegerField()
    disputed = s.IntegerField()
    held = s.IntegerField(help_text="Of a paused run.")


class DeskAgreementSerializer(s.Serializer):
    items = s.IntegerField(help_text="Items with several answers.")
    alike = s.IntegerField(help_text="Of them, those that all answered alike.")
    share = s.FloatField()


class DeskLabelSerializer(s.Serializer):
    label = s.CharField(source="label.name")
    count = s.IntegerField()


class DeskForecastSerializer(s.Serializer):
    """Hours of work to go, and the end as in the last seven days; each with what 19 in 20 such stretches would give."""

    labels = s.IntegerField()
    answers = s.IntegerField()
    what = s.CharField()
    rate = s.FloatField(help_text="Answers per hour of work.")
    hours = s.FloatField()
    low = s.FloatField()
    high = s.FloatField(allow_null=True)
    end = s.DateTimeField()
    end_low = s.DateTimeField()
    end_high = s.DateTimeField(allow_null=True)
    n_hours = s.IntegerField(help_text="How many hours it was measured in.")


class DeskSerializer(s.Serializer):
    n_working = s.IntegerField()
    people = DeskPersonSerializer(many=True)
    queue = DeskQueueSerializer()
    agreement = DeskAgreementSerializer(allow_null=True)
    labels = DeskLabelSerializer(many=True)
    forecast = DeskForecastSerializer(allow_null=True, help_text="null: too little was answered yet, or nothing is to do.")


@extend_schema(tags=["labelling"])
class DeskView(ProjectView):
    minimum = Role.MANAGER
    writes = False

    @extend_schema(
        operation_id="projects_desk",
        summary="Who labels now, how fast, until when, and what is open (manager)",
        responses={200: DeskSerializer, **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        facts = desk.desk(self.project())
        forecast = asdict(facts["forecast"]) if facts["forecast"] else None
        return Response(DeskSerializer(facts | {"forecast": forecast}).data)


urlpatterns = [path("projects/<int:project_id>/desk/", DeskView.as_view(), name="api-desk")]
