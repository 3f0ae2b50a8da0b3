"""REST of the review queue, by the same functions as its page."""

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from alambic_site.api import Pagination
from annotation import review
from annotation.api import item_payload
from annotation.api_frame import ProjectView, attempt, text
from annotation.schemas import ERRORS
from projects.models import Role
from projects.task_types import VALUE_HELP


class ReviewSerializer(s.Serializer):
    action = s.CharField(help_text="decide, ask (one person more) or skip (not decidable)")
    value = s.JSONField(required=False, help_text=f"With decide. {VALUE_HELP}")
    comment = s.CharField(required=False, help_text="Why, for those who answered otherwise.")


class ReviewedSerializer(s.Serializer):
    message = s.CharField()


class AnswerGivenSerializer(s.Serializer):
    person = s.CharField(help_text="A letter where the project hides names.")
    value = s.JSONField(allow_null=True, help_text=f"null: skipped. {VALUE_HELP}")
    text = s.CharField(help_text="The value in words.")
    seconds = s.FloatField(allow_null=True)
    comment = s.CharField()
    flagged = s.BooleanField()
    at = s.DateTimeField()


class ToReviewSerializer(s.Serializer):
    item = s.IntegerField()
    key = s.CharField()
    answers = AnswerGivenSerializer(many=True)
    asked_more = s.BooleanField(help_text="More people were asked than the project wants, and they still disagree.")


class ReviewPageSerializer(s.Serializer):
    count = s.IntegerField()
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = ToReviewSerializer(many=True)


@extend_schema(tags=["review"])
class ReviewView(ProjectView):
    minimum = Role.REVIEWER
    writes = False

    @extend_schema(
        operation_id="projects_review_list",
        summary="Items that wait for a reviewer, with all their answers",
        parameters=[
            OpenApiParameter("kind", str, description="disputed (default), flagged or second"),
            OpenApiParameter("page", int),
        ],
        responses={200: ReviewPageSerializer, **ERRORS},
    )
    def get(self, request: Request, project_id: int) -> Response:
        project = self.project()
        found = attempt(review.waiting, project, request.query_params.get("kind") or "disputed")
        pages = Pagination()
        items = pages.paginate_queryset(found, request, view=self)
        answers, more = review.answers_of(project, items, request.user), review.asked_more(project, items)
        return pages.get_paginated_response(
            [item_payload(project, item) | {"answers": answers[item.pk], "asked_more": item.pk in more} for item in items]
        )


@extend_schema(tags=["review"])
class ReviewItemView(ProjectView):
    minimum = Role.REVIEWER

    @extend_schema(
        operation_id="projects_review_item",
        summary="Decide an item, ask one person more, or set it aside",
        request=ReviewSerializer,
        responses={200: ReviewedSerializer, **ERRORS},
    )
    def post(self, request: Request, project_id: int, item_id: int) -> Response:
        project, data = self.project(), self.body()
        item = project.items.filter(pk=item_id).first()
        if item is None:
            raise Http404("No such item in this project.")
        comment = text(data, "comment", review.MAX_COMMENT)
        action, value = str(data.get("action")), data.get("value")
        said = attempt(review.review, request.user, project, item, action, value=value, comment=comment)
        return Response({"message": said})


urlpatterns = [
    path("projects/<int:project_id>/review/", ReviewView.as_view(), name="api-review"),
    path("projects/<int:project_id>/review/<int:item_id>/", ReviewItemView.as_view(), name="api-review-item"),
]
