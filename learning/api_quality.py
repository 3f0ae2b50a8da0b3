"""REST of a project's quality: agreement, how each person does, and the labels that a model finds suspicious."""

from django.http import Http404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alambic_site.api import Pagination
from annotation.api import item_payload
from annotation.api_frame import ProjectView, attempt, whole
from annotation.schemas import ERRORS
from learning import suspicious
from learning.models import SuspicionSearch
from projects.access import access_project
from projects.models import Role
from projects.names import hides_names, names_of


class QualityView(APIView):
    @extend_schema(
        tags=["quality"],
        operation_id="projects_quality",
        summary="Agreement, and how each person does (annotators: their own row)",
        description="Where the project hides names, reviewers get `person` (a letter) instead of `user`, and letters in `pairs`.",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, project_id: int) -> Response:
        from learning.quality.figures import for_reader, quality, without_ids  # late: the engine is slow to import

        project = access_project(request.user, project_id, Role.ANNOTATOR)
        sees_all = project.role.rank >= Role.REVIEWER.rank
        found = for_reader(quality(project), request.user.pk, sees_all=sees_all)
        if sees_all and hides_names(project):
            found = without_ids(found, names_of(project, [row["user"] for row in found["people"]], request.user))
        return Response(found)


class SearchSerializer(s.ModelSerializer):
    class Meta:
        model = SuspicionSearch
        fields = ("status", "n_labels", "n_all", "noise", "learner", "error", "started_at", "finished_at")


class SuspicionSerializer(s.Serializer):
    item = s.IntegerField()
    key = s.CharField()
    label = s.CharField()
    suggested = s.CharField(help_text="What the model would say, which has not learnt from this label.")
    probability = s.FloatField(help_text="Of `suggested`, by the model.")
    own_probability = s.FloatField(help_text="Of `label`, by the model.")
    source = s.CharField(help_text="Of `label`: imported, people or adjudicated (settled by a reviewer).")
    people = s.ListField(child=s.CharField(), help_text="Who gave the label: letters where the project hides names.")
    asked = s.BooleanField(help_text="Further people are being asked.")


class SuspicionPageSerializer(s.Serializer):
    count = s.IntegerField()
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    search = SearchSerializer(allow_null=True, help_text="null: nobody has looked yet.")
    results = SuspicionSerializer(many=True)


class SuspicionDeedSerializer(s.Serializer):
    action = s.ChoiceField(["ask", "right"], help_text="ask (further people) or right (not listed again while it is the same)")


class LookSerializer(s.Serializer):
    ask_first = s.IntegerField(required=False, help_text="Instead of looking: ask again for so many of the list, its first.")


class SaidSerializer(s.Serializer):
    message = s.CharField()


@extend_schema(tags=["quality"])
class SuspiciousView(ProjectView):
    minimum = Role.REVIEWER
    writes = False

    @extend_schema(
        operation_id="projects_suspicious_list",
        summary="Labels that a model finds suspicious, the most suspicious first",
        parameters=[OpenApiParameter("page", int)],
        responses={200: SuspicionPageSerializer, **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        project = self.project()
        pages = Pagination()
        rows = pages.paginate_queryset(suspicious.waiting(project), request, view=self)
        results = [
            item_payload(project, row["suspicion"].item)
            | {key: row[key] for key in ("label", "suggested", "people")}
            | {"source": row["line"].source}
            | {key: getattr(row["suspicion"], key) for key in ("probability", "own_probability", "asked")}
            for row in suspicious.describe(project, rows, request.user)
        ]
        search = suspicious.search_of(project)
        answer = pages.get_paginated_response(results)
        answer.data["search"] = SearchSerializer(search).data if search else None
        return answer

    @extend_schema(
        operation_id="projects_suspicious_look",
        summary="Look for suspicious labels, in the background; or ask again for the first of the list",
        request=LookSerializer,
        responses={202: SearchSerializer, 200: SaidSerializer, **ERRORS},
    )
    def post(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id, self.minimum, writes=True)
        n = whole(self.body(), "ask_first", None, 1, suspicious.MOST_ASKED)
        if n is not None:
            return Response({"message": attempt(suspicious.ask_again_first, project, n)})
        return Response(SearchSerializer(attempt(suspicious.start, project, request.user)).data, 202)


@extend_schema(tags=["quality"])
class SuspiciousItemView(ProjectView):
    minimum = Role.REVIEWER

    @extend_schema(
        operation_id="projects_suspicious_item",
        summary="Ask again about a suspicious label, or say that it is right",
        request=SuspicionDeedSerializer,
        responses={200: SaidSerializer, **ERRORS},
    )
    def post(self, request: Request, project_id: int, item_id: int) -> Response:
        project, data = self.project(), self.body()
        item = project.items.filter(pk=item_id).first()
        if item is None:
            raise Http404("No such item in this project.")
        deed = SuspicionDeedSerializer(data=data)
        deed.is_valid(raise_exception=True)
        if deed.validated_data["action"] == "ask":
            return Response({"message": attempt(suspicious.ask_again, project, item)})
        return Response({"message": attempt(suspicious.call_right, request.user, project, item)})


urlpatterns = [
    path("projects/<int:project_id>/quality/", QualityView.as_view(), name="api-quality"),
    path("projects/<int:project_id>/suspicious/", SuspiciousView.as_view(), name="api-suspicious"),
    path("projects/<int:project_id>/suspicious/<int:item_id>/", SuspiciousItemView.as_view(), name="api-suspicious-item"),
]
