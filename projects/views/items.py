"""The items of a project: the list, one item with all that happened to it, its picture, and the export."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from projects import exporting
from projects.access import project_page
from projects.export_response import export_response
from projects.item_search import STATES, describe, find_items, row_of, story
from projects.marks import marked
from projects.models import Modality, Project, Role
from projects.numbers import whole
from projects.pictures import picture_response
from projects.task_types import task_type

PER_PAGE = 50
_FORMATS = [
    ("csv", "CSV", "One line per item; opens in every spreadsheet and data tool."),
    ("jsonl", "JSON lines", "One JSON object per item, with its answers as a list."),
    ("parquet", "Parquet", "Compact and typed; for pandas, polars, DuckDB, Spark."),
]


@require_GET
@project_page()
def items(request: HttpRequest, project: Project) -> HttpResponse:
    """Keyset pages: page 20,000 of a million items comes as fast as the first."""
    state = request.GET.get("state", "")
    chosen = {
        "state": state if state in STATES else "",
        "label_id": whole(request.GET.get("label", "")),
        "dataset_id": whole(request.GET.get("dataset", "")),
        "search": request.GET.get("search", "").strip()[:200],
    }
    found = find_items(project, **chosen)
    after, before = whole(request.GET.get("after", "")), whole(request.GET.get("before", ""))
    if before is not None:
        page = list(found.filter(pk__lt=before).order_by("-pk")[: PER_PAGE + 1])
        more_before, more_after = len(page) > PER_PAGE, True
        page = page[:PER_PAGE][::-1]
    else:
        page = list(found.filter(pk__gt=after or 0).order_by("pk")[: PER_PAGE + 1])
        more_before, more_after = bool(after), len(page) > PER_PAGE
        page = page[:PER_PAGE]
    kept = {name: request.GET[name] for name in ("state", "label", "dataset", "search") if request.GET.get(name)}
    context = {
        "project": project,
        "lines": describe(project, page),
        "chosen": chosen,
        "filtered": bool(kept),
        "states": STATES.items(),
        "labels": project.labels.all(),
        "datasets": project.datasets.filter(status="finished"),
        "total": found.count(),
        "previous": urlencode({**kept, "before": page[0].pk}) if page and more_before else "",
        "next": urlencode({**kept, "after": page[-1].pk}) if page and more_after else "",
        "query": urlencode(kept),
    }
    return render(request, "projects/items.html", context)


@require_GET
@project_page()
def item(request: HttpRequest, project: Project, item_id: int) -> HttpResponse:
    item = get_object_or_404(project.items.select_related("dataset"), pk=item_id)
    history = story(project, item, request.user)
    line = describe(project, [item])[0]
    context = {
        "project": project,
        "task": task_type(project.task),
        "item": item,
        "marked": marked(item.content, line.verdict_raw, project.labels.all()) if task_type(project.task).needs_content else [],
        "line": line,
        "row": row_of(item.content) if project.modality == Modality.TABLE else {},
        "story": history,
        "labels": project.labels.filter(retired_at=None),
        "may_settle": project.role.rank >= Role.REVIEWER.rank and not project.archived_at,
        "previous": project.items.filter(pk__lt=item.pk).order_by("-pk").values_list("pk", flat=True).first(),
        "next": project.items.filter(pk__gt=item.pk).order_by("pk").values_list("pk", flat=True).first(),
    }
    return render(request, "projects/item.html", context)


@require_GET
@project_page()
def image(request: HttpRequest, project: Project, item_id: int) -> HttpResponseBase:
    return picture_response(request, project, get_object_or_404(project.items, pk=item_id))


@require_GET
@project_page()
def export(request: HttpRequest, project: Project) -> HttpResponseBase:
    errors, status = {}, 200
    if format := request.GET.get("format", ""):
        try:
            return export_response(
                request, project, format, request.GET.get("run", ""), bool(request.GET.get("spreadsheet_safe"))
            )
        except ValidationError as error:
            errors, status = error.message_dict, 400
    runs = project.runs.filter(kind="development").exclude(status="draft").defer("traceback", "configuration", "versions")
    columns = dict(exporting.COLUMNS)
    if project.modality != Modality.IMAGE:
        columns.pop("image_url")
    context = {
        "project": project,
        "errors": errors,
        "formats": _FORMATS,
        "runs": runs[:200],
        "columns": columns.items(),
        "run_columns": exporting.RUN_COLUMNS.items(),
        "n_items": project.items.count(),
        "chosen_format": format if format in exporting.FORMATS else "csv",
        "chosen_run": whole(request.GET.get("run", "")),
        "spreadsheet_safe": bool(request.GET.get("spreadsheet_safe")),
    }
    return render(request, "projects/export.html", context, status=status)
