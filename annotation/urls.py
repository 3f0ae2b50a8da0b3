"""The labelling page, and settling a disagreement."""

from django.urls import path

from annotation import views

urlpatterns = [
    path("projects/<int:project_id>/label/", views.label, name="label"),
    path("projects/<int:project_id>/items/<int:item_id>/settle/", views.settle, name="item-settle"),
]
