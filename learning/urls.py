"""Pages of runs: /distilling/ says what each learner does now."""

from django.urls import path

from learning import views

urlpatterns = [
    path("distilling/", views.distilling, name="distilling"),
    path("distilling/<int:run_id>/", views.run, name="run"),
    path("distilling/<int:run_id>/state/", views.state, name="run-state"),
    path("distilling/<int:run_id>/results/", views.results, name="results"),
    path("distilling/<int:run_id>/<slug:action>/", views.act, name="run-action"),
    path("projects/<int:project_id>/runs/", views.runs, name="runs"),
    path("projects/<int:project_id>/runs/new/", views.run_new, name="run-new"),
]
