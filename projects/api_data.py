"""REST of a project's data: items, imports, export."""

import json

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from projects import exporting
from projects.access import access_project
from projects.export_response import export_response
from projects.importing import ImportRefused, begin, preview, receive
from projects.importing.receive import discard
from projects.item_search import ItemLine, describe, find_items, story
from projects.models import Dataset, Item, Modality, Project, Role, User
from projects.numbers import whole
from projects.pictures import picture_response
from projects.serializers import DatasetSerializer, FullItemSerializer, ItemSerializer, NewDatasetSerializer

_ERRORS = {
    403: OpenApiResponse(OpenApiTypes.OBJECT, description="Your role in the project is not enough, or it is archived."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such project among yours, or nothing of that id in it."),
}
_REFUSED = {400: OpenApiResponse(OpenApiTypes.OBJECT, description='What is wrong, by field: {"field": ["..."]}.')}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def boolean(request: Request, name: str) -> bool | None:
    value = request.query_params.get(name, "").lower()
    if value and value not in _BOOLEANS:
        raise serializers.ValidationError({name: ["Must be true or false."]})
    return _BOOLEANS.get(value)


def _item(project: Project, line: ItemLine, request: Request) -> dict:
    item = line.item
    is_image = project.modality == Modality.IMAGE
    return {
        "id": item.pk,
        "key": item.key,
        "content": None if is_image else line.row if project.modality == Modality.TABLE else item.content,
        "image_url": reverse("api-item-image", args=[project.pk, item.pk], request=request) if is_image else None,
        "metadata": item.metadata,
        "dataset": item.dataset_id,
        "imported_label": line.imported_raw,
        "verdict": line.verdict_raw,
        "verdict_source": line.source or None,
        "verdict_probability": line.probability,
        "n_annotations": line.n_annotations,
        "disputed": line.disputed,
    }


@extend_schema(tags=["items"])
class ItemViewSet(viewsets.GenericViewSet):
    queryset = Item.objects.none()
    serializer_class = ItemSerializer

    @extend_schema(
        operation_id="projects_items_list",
        summary="The items",
        parameters=[
            OpenApiParameter("labeled", bool, description="true: with a label; false: without one. Also as `labelled`."),
            OpenApiParameter("disputed", bool, description="true: only those that people do not agree on."),
            OpenApiParameter("label", str, description="Whose label this is: its name, or its id."),
            OpenApiParameter("dataset", int, description="The id of the import that they came with."),
            OpenApiParameter("search", str, description="A part of the content or of the key."),
        ],
        responses={200: ItemSerializer(many=True), **_REFUSED, **_ERRORS},
    )
    def list(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id)
        labeled = boolean(request, "labelled" if "labelled" in request.query_params else "labeled")
        state = {True: "labeled", False: "unlabeled", None: ""}[labeled]
        found = find_items(
            project,
            state=state,
            label_id=self._label(project),
            dataset_id=self._dataset(project),
            search=request.query_params.get("search", ""),
        )
        if boolean(request, "disputed"):
            found = found.filter(pk__in=find_items(project, state="disputed").values("pk"))
        page = self.paginate_queryset(found)
        return self.get_paginated_response([_item(project, line, request) for line in describe(project, page)])

    def _label(self, project: Project) -> int | None:
        value = self.request.query_params.get("label", "")
        if not value:
            return None
        labels = list(project.labels.values_list("pk", "name"))
        for pk, name in labels:  # a label that is called "7" is meant before the one with the id 7
            if name == value:
                return pk
        if (pk := whole(value)) in dict(labels):
            return pk
        raise serializers.ValidationError({"label": [f"There is no label {value!r} in this project."]})

    def _dataset(self, project: Project) -> int | None:
        value = self.request.query_params.get("dataset", "")
        if not value:
            return None
        if not project.datasets.filter(pk=(pk := whole(value))).exists():
            raise serializers.ValidationError({"dataset": [f"There is no data set {value!r} in this project."]})
        return pk

    @extend_schema(
        operation_id="projects_items_retrieve",
        summary="One item with its answers",
        responses={200: FullItemSerializer, **_ERRORS},
    )
    def retrieve(self, request: Request, project_id: int, item_id: int) -> Response:
        project = access_project(request.user, project_id)
        item = get_object_or_404(project.items, pk=item_id)
        answers = [
            {
                "annotator": row.person, "label": row.raw, "skipped": row.skipped, "flagged": row.flagged,
                "comment": row.comment, "seconds": row.seconds, "current": row.current and row.withdrawn_at is None,
                "at": row.created_at.isoformat(), "suggestion": row.suggested or None,
            }
            for row in story(project, item, request.user).annotations
        ]  # fmt: skip
        return Response(_item(project, describe(project, [item])[0], request) | {"annotations": answers})


class ItemImageView(APIView):
    @extend_schema(
        operation_id="projects_items_image", summary="The picture of an item", tags=["items"],
        responses={(200, "image/*"): OpenApiTypes.BINARY, **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int, item_id: int) -> HttpResponseBase:
        project = access_project(request.user, project_id)
        return picture_response(request, project, get_object_or_404(project.items, pk=item_id))


def import_at_once(project: Project, user: User, file: UploadedFile, labels_file: UploadedFile | None, mapping: dict) -> Dataset:
    """Store the file and queue it, with nobody there to look at a preview: what is refused leaves nothing behind."""
    dataset = receive(project, user, file, labels_file, mapping)
    try:
        preview(dataset).check_sure()
        begin(dataset)
    except ImportRefused:
        discard(dataset)
        raise
    return dataset


@extend_schema(tags=["data sets"])
class DatasetViewSet(viewsets.GenericViewSet):
    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="projects_datasets_list", summary="The imports, newest first",
        responses={200: DatasetSerializer(many=True), **_ERRORS},
    )  # fmt: skip
    def list(self, request: Request, project_id: int) -> Response:
        found = self.paginate_queryset(access_project(request.user, project_id).datasets.all())
        return self.get_paginated_response(self.get_serializer(found, many=True).data)

    @extend_schema(
        operation_id="projects_datasets_create",
        summary="Import a file (manager)",
        description="Answers at once; a worker imports the file. Ask for the data set until its status is finished or failed.",
        request={"multipart/form-data": NewDatasetSerializer},
        responses={201: DatasetSerializer, **_REFUSED, **_ERRORS},
    )
    def create(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id, Role.MANAGER, writes=True)
        given = NewDatasetSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if unknown := sorted(set(request.data) - set(given.fields)):
            known = ", ".join(given.fields)
            raise serializers.ValidationError({name: [f"There is no such field; there are: {known}."] for name in unknown})
        sent = {name: value for name, value in given.validated_data.items() if name in request.data}
        file, labels_file = sent.pop("file"), sent.pop("labels_file", None)
        if "columns" in sent:
            sent["columns"] = _columns(request.data.getlist("columns"))
        try:
            dataset = import_at_once(project, request.user, file, labels_file, sent)
        except ImportRefused as error:
            raise serializers.ValidationError({error.field or "file": [error.message]}) from error
        return Response(self.get_serializer(dataset).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="projects_datasets_retrieve", summary="One import, as far as it is",
        responses={200: DatasetSerializer, **_ERRORS},
    )  # fmt: skip
    def retrieve(self, request: Request, project_id: int, dataset_id: int) -> Response:
        found = access_project(request.user, project_id).datasets
        return Response(self.get_serializer(get_object_or_404(found, pk=dataset_id)).data)


def _columns(values: list[str]) -> list[str]:
    """Sent as a JSON list, as several fields, or as names with commas between."""
    if len(values) > 1:
        return values
    if values[0].lstrip().startswith("["):
        try:
            names = json.loads(values[0])
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise serializers.ValidationError({"columns": ["Must be a JSON list of names, or names with commas between."]})
        return names
    return [name.strip() for name in values[0].split(",") if name.strip()]


class DatasetReportView(APIView):
    @extend_schema(
        operation_id="projects_datasets_report", summary="Every row that was left out, and why", tags=["data sets"],
        responses={(200, "text/csv"): OpenApiTypes.STR, **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int, dataset_id: int) -> HttpResponseBase:
        dataset = get_object_or_404(access_project(request.user, project_id).datasets, pk=dataset_id)
        if not dataset.report:
            raise Http404("No row of this import was left out, so there is no report.")
        name = f"import-{dataset.pk}-report.csv"
        return FileResponse(dataset.report.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


class ExportView(APIView):
    @extend_schema(
        operation_id="projects_export",
        summary="All items with every label and where it came from",
        tags=["items"],
        parameters=[
            OpenApiParameter("format", str, enum=exporting.FORMATS, description="csv if it is left out."),
            OpenApiParameter("run", int, description="Adds why this run asked for each item, and what its model predicts."),
            OpenApiParameter("spreadsheet_safe", bool, description="CSV: texts that begin like a formula are disarmed."),
        ],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            **_REFUSED,
            **_ERRORS,
        },
    )
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        project = access_project(request.user, project_id)
        format, run_id = request.query_params.get("format") or "csv", request.query_params.get("run", "")
        try:
            return export_response(request, project, format, run_id, bool(boolean(request, "spreadsheet_safe")))
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error


_project = "projects/<int:project_id>/"
_many = {"get": "list", "post": "create"}
data_urls = [
    path(f"{_project}items/", ItemViewSet.as_view({"get": "list"}), name="api-items"),
    path(f"{_project}items/<int:item_id>/", ItemViewSet.as_view({"get": "retrieve"}), name="api-item"),
    path(f"{_project}items/<int:item_id>/image/", ItemImageView.as_view(), name="api-item-image"),
    path(f"{_project}datasets/", DatasetViewSet.as_view(_many), name="api-datasets"),
    path(f"{_project}datasets/<int:dataset_id>/", DatasetViewSet.as_view({"get": "retrieve"}), name="api-dataset"),
    path(f"{_project}datasets/<int:dataset_id>/report/", DatasetReportView.as_view(), name="api-dataset-report"),
    path(f"{_project}export/", ExportView.as_view(), name="api-export"),
]
