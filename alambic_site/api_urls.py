"""REST, in one list; the code of each app's endpoints is in the app (`projects/api.py`, ...)."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny

# YAML, JSON or a page, as the reader asks
_OPEN = {"permission_classes": [AllowAny], "content_negotiation_class": DefaultContentNegotiation}

urlpatterns = [
    path("token/", obtain_auth_token, name="api-token"),
    path("schema/", SpectacularAPIView.as_view(**_OPEN), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema", **_OPEN), name="api-docs"),
    path("", include("projects.api")),
    path("", include("projects.api_team")),
    path("", include("annotation.api")),
    path("", include("annotation.api_desk")),
    path("", include("annotation.api_handing_out")),
    path("", include("annotation.api_review")),
    path("", include("learning.api")),
    path("", include("learning.api_quality")),
]
