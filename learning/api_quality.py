"""REST of a project's quality: agreement, and how each person does."""

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

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


urlpatterns = [path("projects/<int:project_id>/quality/", QualityView.as_view(), name="api-quality")]
