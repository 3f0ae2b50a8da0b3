"""The labelling page."""

from django.urls import path

from annotation import views

urlpatterns = [
    path("projects/<int:project_id>/label/", views.label, name="label"),
]
