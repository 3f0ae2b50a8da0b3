"""The labelling page, and settling a disagreement."""

from django.urls import path

from annotation import views, views_desk, views_handing_out, views_review

urlpatterns = [
    path("account/labelling/", views.preferences, name="preferences"),
    path("projects/<int:project_id>/label/", views.label, name="label"),
    path("projects/<int:project_id>/items/<int:item_id>/settle/", views.settle, name="item-settle"),
    path("projects/<int:project_id>/desk/", views_desk.page, name="desk"),
    path("projects/<int:project_id>/handing-out/", views_handing_out.page, name="handing-out"),
    path("projects/<int:project_id>/items/<int:item_id>/gold/", views_handing_out.item_gold, name="item-gold"),
    path("projects/<int:project_id>/review/", views_review.page, name="review"),
    path("projects/<int:project_id>/my-answers/feedback/", views_review.feedback, name="feedback"),
]
