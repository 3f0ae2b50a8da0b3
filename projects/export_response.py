"""An export as a download, for the page and for REST."""

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, StreamingHttpResponse

from projects import exporting
from projects.models import Project
from projects.numbers import whole


def export_response(
    request: HttpRequest, project: Project, format: str, run_id: str = "", spreadsheet_safe: bool = False
) -> StreamingHttpResponse:
    """The file, streamed; ValidationError names the choice at fault."""
    run = _run(project, run_id) if run_id else None
    base_url = request.build_absolute_uri("/").rstrip("/")
    try:
        body = exporting.export(project, format, run=run, spreadsheet_safe=spreadsheet_safe, base_url=base_url)
    except exporting.UnknownFormat as error:
        raise ValidationError({"format": [str(error)]}) from error
    response = StreamingHttpResponse(body, content_type=exporting.CONTENT_TYPES[format])
    response["Content-Disposition"] = f'attachment; filename="{exporting.file_name(project, format, run)}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _run(project: Project, run_id: str) -> Model:
    run = project.runs.filter(pk=whole(run_id)).first()
    if run is None:
        raise ValidationError({"run": [f"There is no run {run_id!r} in this project."]})
    if run.kind != "development":
        what = {
            "analysis": "is an analysis: it has many curves, and its results are in its report",
            "labeling": "labelled the rest by the model of another run: its labels are in the export without a run",
        }[run.kind]
        text = f"This run {what}. Choose a development run."
        raise ValidationError({"run": [text]})
    return run
