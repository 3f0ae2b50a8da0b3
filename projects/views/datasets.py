"""Pages of data sets: upload, look at it, import it, see what became of every row."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from projects.access import project_page
from projects.importing import ImportRefused, begin, preview, receive, retry
from projects.importing.receive import discard
from projects.importing.rows import DELIMITERS
from projects.models import Dataset, Modality, Project, Role
from projects.task_types import task_type

_ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "cp1252",
    "latin-1",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp874",
    "shift_jis",
    "gb18030",
]
_ACCEPT = {Modality.IMAGE: ".zip,.png,.jpg,.jpeg,.gif,.webp,.bmp,.tif,.tiff", Modality.TABLE: ".csv,.tsv,.jsonl,.ndjson"}
_ACCEPT[Modality.TEXT] = _ACCEPT[Modality.TABLE] + ",.txt"


class UploadForm(forms.Form):
    file = forms.FileField(label="File")
    labels_file = forms.FileField(
        label="Labels (optional)",
        required=False,
        help_text="A CSV with the columns file and label. One inside the zip is found by itself.",
    )

    def __init__(self, project: Project, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if project.modality != Modality.IMAGE:
            del self.fields["labels_file"]
        self.fields["file"].widget.attrs["accept"] = _ACCEPT[project.modality]
        self.fields["file"].error_messages["empty"] = "The file is empty: choose another one."


@login_required
@project_page()
def datasets(request: HttpRequest, project: Project) -> HttpResponse:
    found = project.datasets.select_related("created_by").defer("errors", "mapping")
    return render(request, "projects/datasets.html", {"project": project, "datasets": found})


@login_required
@project_page(Role.MANAGER, writes=True)
def dataset_new(request: HttpRequest, project: Project) -> HttpResponse:
    form = UploadForm(project, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = receive(project, request.user, form.cleaned_data["file"], form.cleaned_data.get("labels_file"))
        except ImportRefused as error:
            form.add_error(error.field if error.field in form.fields else "file", error.message)
        else:
            return redirect("dataset", project.pk, made.pk)
    context = {"project": project, "form": form, "limit": settings.UPLOAD_LIMIT_MB}
    return render(request, "projects/dataset_new.html", context, status=422 if form.errors else 200)


@login_required
@project_page()
def dataset(request: HttpRequest, project: Project, dataset_id: int) -> HttpResponse:
    """A draft: the preview. After that: how far it is, then what became of it. `?part=progress`: only what moves."""
    found = get_object_or_404(Dataset.objects.select_related("project"), pk=dataset_id, project=project)
    if request.method == "POST":
        return _change(request, project, found)
    if request.GET.get("part") == "progress":
        if found.status not in {"queued", "running"}:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "projects/_dataset_progress.html", {"dataset": found, "workers": _workers()})
    if found.status == Dataset.Status.DRAFT:
        return _draft(request, project, found, None)
    context = {"project": project, "dataset": found, "workers": _workers(), "task": task_type(project.task)}
    return render(request, "projects/dataset.html", context)


def _change(request: HttpRequest, project: Project, found: Dataset) -> HttpResponse:
    project_page(Role.MANAGER, writes=True)(lambda request, project: None)(request, project.pk)
    do = request.POST.get("do", "preview")
    try:
        if do == "retry":
            retry(found)
        elif do == "delete":
            discard(found)
            messages.success(request, f"“{found.name}” is removed.")
            return redirect("datasets", project.pk)
        elif do == "import":
            begin(found, _choices(request, found))
        else:
            return _draft(request, project, found, _choices(request, found))
    except ImportRefused as error:
        if found.status == Dataset.Status.DRAFT:
            return _draft(request, project, found, _choices(request, found), error)
        messages.error(request, error.message)
    return redirect("dataset", project.pk, found.pk)


def _choices(request: HttpRequest, found: Dataset) -> dict:
    """What the form says; an empty column name is a choice too ("none")."""
    given = {name: request.POST[name] for name in ("text_column", "label_column", "key_column") if name in request.POST}
    given |= {name: request.POST[name] for name in ("encoding", "delimiter") if request.POST.get(name)}
    if found.project.modality == Modality.TABLE:
        given["columns"] = request.POST.getlist("columns")
    if found.project.modality == Modality.IMAGE:
        given = {"folder_labels": request.POST.get("folder_labels") == "on"}
        given |= {"label_column": request.POST["label_column"]} if "label_column" in request.POST else {}
    if task_type(found.project.task).empty_cells:
        given["empty_is_none"] = request.POST.get("empty_is_none") == "on"
    return given


def _draft(request, project: Project, found: Dataset, chosen: dict | None, error: ImportRefused | None = None) -> HttpResponse:
    shown, problem = None, error
    try:
        shown = preview(found, chosen)
    except ImportRefused as refused:
        problem = refused
        if chosen:  # the choice is at fault: show the file as it was guessed, with the message
            try:
                shown = preview(found)
            except ImportRefused:
                shown = None
    context = {
        "project": project, "dataset": found, "preview": shown, "problem": problem,
        "encodings": sorted({*_ENCODINGS, *([shown.mapping["encoding"]] if shown and shown.mapping.get("encoding") else [])}),
        "task": task_type(project.task),
        "delimiters": [("tab" if key == "\t" else key, name) for key, name in DELIMITERS.items()],
    }  # fmt: skip
    if shown:
        context["rows"] = [{**row, "values": [row["cells"].get(name, "") for name in shown.columns]} for row in shown.rows]
    return render(request, "projects/dataset_draft.html", context, status=422 if problem else 200)


@login_required
@project_page()
def report(request: HttpRequest, project: Project, dataset_id: int) -> HttpResponse:
    """Every row that was left out, with its reason, as CSV."""
    found = get_object_or_404(Dataset, pk=dataset_id, project=project)
    if not found.report:
        raise Http404("No row of this data set was left out, so there is no report.")
    return FileResponse(found.report.open("rb"), as_attachment=True, filename=found.report.name.rpartition("/")[2])


def _workers() -> int | None:
    """How many workers take imports; None where Redis does not answer."""
    import django_rq
    from redis.exceptions import RedisError
    from rq import Worker

    try:
        return Worker.count(queue=django_rq.get_queue("imports"))
    except RedisError:
        return None
