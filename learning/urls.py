"""Pages of runs: /distilling/ says what each learner does now."""

from django.urls import path

from learning.views import analysis, analysis_form, distilling, forms, labeling, live, quality, results, suspicious

urlpatterns = [
    path("distilling/", distilling.distilling, name="distilling"),
    path("distilling/<int:run_id>/", distilling.run, name="run"),
    path("distilling/<int:run_id>/state/", distilling.state, name="run-state"),
    path("distilling/<int:run_id>/results/", results.results, name="results"),
    path("distilling/<int:run_id>/download/<str:what>", results.download, name="run-download"),
    path("distilling/<int:run_id>/label-the-rest/", labeling.new, name="labeling-new"),
    path("distilling/<int:run_id>/label-the-rest/needs/", labeling.needs, name="labeling-needs"),
    path("distilling/<int:run_id>/labels/accept/", labeling.accept, name="labeling-accept"),
    path("distilling/<int:run_id>/labels/undo/", labeling.undo, name="labeling-undo"),
    path("distilling/compare/", analysis.compare, name="analysis-compare"),
    path("distilling/<int:run_id>/report/", analysis.report, name="analysis-report"),
    path("distilling/<int:run_id>/trials/<int:trial_id>/", analysis.trial, name="trial"),
    path("distilling/<int:run_id>/trials/<int:trial_id>/retry/", analysis.retry, name="trial-retry"),
    path("distilling/<int:run_id>/estimate/", analysis_form.estimate, name="run-estimate"),
    path("distilling/<int:run_id>/replay/", live.replay, name="run-replay"),
    path("distilling/<int:run_id>/<slug:action>/", distilling.act, name="run-action"),
    path("projects/<int:project_id>/quality/", quality.page, name="quality"),
    path("projects/<int:project_id>/quality/people.csv", quality.people, name="quality-people"),
    path("projects/<int:project_id>/quality/suspicious/", suspicious.page, name="suspicious"),
    path("projects/<int:project_id>/runs/", distilling.runs, name="runs"),
    path("projects/<int:project_id>/runs/new/", forms.run_new, name="run-new"),
    path("projects/<int:project_id>/runs/new/forecast/", forms.run_forecast, name="run-forecast"),
    path("projects/<int:project_id>/analyses/new/", analysis_form.analysis_new, name="analysis-new"),
    path("projects/<int:project_id>/analyses/new/forecast/", analysis_form.analysis_forecast, name="analysis-forecast"),
]
