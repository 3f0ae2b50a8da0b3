"""REST of a project's quality: agreement, and how each person does."""

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.access import access_project
from projects.models import Role


class QualityView(APIView):
    @extend_schema(
        tags=["quality"],
        operation_id="projects_quality",
        summary="Agreement, and how each person does (annotators: their own row)",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, project_id: int) -> Response:
        from learning.quality.figures import for_reader, quality  # late: the engine is slow to import

        project = access_project(request.user, project_id, Role.ANNOTATOR)
        sees_all = project.role.rank >= Role.REVIEWER.rank
        return Response(for_reader(quality(project), request.user.pk, sees_all=sees_all))


urlpatterns = [path("projects/<int:project_id>/quality/", QualityView.as_view(), name="api-quality")]
