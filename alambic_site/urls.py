"""Every address of the site: pages per app, REST under /api/."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("projects.urls")),
    path("", include("annotation.urls")),
    path("", include("learning.urls")),
    path("api/", include("alambic_site.api_urls")),
    path("admin/", admin.site.urls),
]

handler404 = "alambic_site.errors.not_found"
handler500 = "alambic_site.errors.broken"
