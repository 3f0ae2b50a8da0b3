"""REST of projects, members and labels; by the same functions as the pages. Items and data sets: projects/api_data.py."""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Count
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alambic_site.api import Conflict
from projects import guidelines, labels, project_actions
from projects.access import access_project, visible_projects
from projects.api_data import data_urls
from projects.forms import MemberForm
from projects.models import Item, Label, Membership, Project, Role
from projects.serializers import (
    LabelChangesSerializer,
    LabelSerializer,
    MemberChangesSerializer,
    MemberSerializer,
    MergedSerializer,
    MergeSerializer,
    NewLabelSerializer,
    NewMemberSerializer,
    NewProjectSerializer,
    ProjectChangesSerializer,
    ProjectSerializer,
)

T = TypeVar("T")
ERRORS = {
    403: OpenApiResponse(OpenApiTypes.OBJECT, description="Your role in the project is not enough, or it is archived."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such project among yours, or nothing of that id in it."),
}
CHANGES = ERRORS | {
    400: OpenApiResponse(OpenApiTypes.OBJECT, description='What is wrong, by field: {"field": ["..."]}.'),
    409: OpenApiResponse(OpenApiTypes.OBJECT, description="Not in this state; the sentence says what to do instead."),
}


def checked(serializer_class: type[serializers.Serializer], request: Request, **kwargs) -> dict:
    """The request's data, or 400; a field that is not known is an error too, and not silently nothing."""
    given = serializer_class(data=request.data, **kwargs)
    given.is_valid(raise_exception=True)
    if unknown := sorted(set(request.data) - set(given.fields)):
        known = ", ".join(given.fields)
        raise serializers.ValidationError({name: [f"There is no such field; there are: {known}."] for name in unknown})
    return given.validated_data


def attempt(function: Callable[..., T], *args, **kwargs) -> T:
    """Its result; a state that forbids it is 409, a label that cannot be is 400."""
    try:
        return function(*args, **kwargs)
    except project_actions.WrongState as error:
        raise Conflict(str(error)) from error
    except labels.LabelRefused as error:
        raise serializers.ValidationError({error.field: [str(error)]}) from error


def with_numbers(projects: list[Project]) -> dict:
    """For ProjectSerializer: how many items and labels each has."""
    pks = [project.pk for project in projects]
    verdict = Project._meta.get_field("verdicts").related_model
    items = Item.objects.filter(project__in=pks).order_by().values_list("project").annotate(n=Count("pk"))
    labeled = verdict.objects.filter(project__in=pks, current=True).order_by().values_list("project").annotate(n=Count("pk"))
    return {"items": dict(items), "labeled": dict(labeled)}


@extend_schema(tags=["projects"])
class ProjectViewSet(viewsets.GenericViewSet):
    queryset = Project.objects.none()
    serializer_class = ProjectSerializer

    def _shown(self, project: Project) -> dict:
        return ProjectSerializer(project, context=with_numbers([project])).data

    @extend_schema(operation_id="projects_list", summary="My projects", responses=ProjectSerializer(many=True))
    def list(self, request: Request) -> Response:
        projects = self.paginate_queryset(visible_projects(request.user))
        roles = dict(Membership.objects.filter(user=request.user, project__in=projects).values_list("project_id", "role"))
        for project in projects:
            project.role = Role.MANAGER if request.user.is_superuser else roles[project.pk]
        return self.get_paginated_response(ProjectSerializer(projects, many=True, context=with_numbers(projects)).data)

    @extend_schema(
        operation_id="projects_create", summary="Make a project (staff); its maker is its manager",
        request=NewProjectSerializer, responses={201: ProjectSerializer, **CHANGES},
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        if not (request.user.is_staff or request.user.is_superuser):
            self.permission_denied(request, "Projects are made by staff. Ask a member of staff for one.")
        project = project_actions.create_project(request.user, **checked(NewProjectSerializer, request))
        project.role = Role.MANAGER
        return Response(self._shown(project), status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="projects_retrieve", summary="One project", responses={200: ProjectSerializer, **ERRORS})
    def retrieve(self, request: Request, project_id: int) -> Response:
        return Response(self._shown(access_project(request.user, project_id)))

    @extend_schema(
        operation_id="projects_update", summary="Change its settings, archive it, or restore it (manager)",
        request=ProjectChangesSerializer, responses={200: ProjectSerializer, **CHANGES},
    )  # fmt: skip
    def partial_update(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id, Role.MANAGER)
        changes = checked(ProjectChangesSerializer, request, instance=project, partial=True)
        archived = changes.pop("archived", None)
        if archived is False:
            project_actions.restore_project(project)
        if changes:
            access_project(request.user, project_id, Role.MANAGER, writes=True)
            with guidelines.versioned(project_id, request.user):
                Project.objects.filter(pk=project_id).update(**changes)
        if archived:
            attempt(project_actions.archive_project, project)
        return Response(self._shown(access_project(request.user, project_id)))


@extend_schema(tags=["members"])
class MemberViewSet(viewsets.GenericViewSet):
    queryset = Membership.objects.none()
    serializer_class = MemberSerializer

    def _membership(self, project_id: int, member_id: int) -> Membership:
        project = access_project(self.request.user, project_id, Role.MANAGER, writes=True)
        return get_object_or_404(project.memberships.select_related("user"), pk=member_id)

    @extend_schema(
        operation_id="projects_members_list", summary="Who works here", responses={200: MemberSerializer(many=True), **ERRORS}
    )
    def list(self, request: Request, project_id: int) -> Response:
        found = access_project(request.user, project_id).memberships.select_related("user")
        return self.get_paginated_response(MemberSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(
        operation_id="projects_members_create", summary="Add a member (manager)",
        request=NewMemberSerializer, responses={201: MemberSerializer, **CHANGES},
    )  # fmt: skip
    def create(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id, Role.MANAGER, writes=True)
        given = checked(NewMemberSerializer, request)
        form = MemberForm(given)
        if not form.is_valid():
            raise serializers.ValidationError(form.errors)
        membership = attempt(project_actions.add_member, project, form.cleaned_data["username"], Role(given["role"]))
        return Response(MemberSerializer(membership).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="projects_members_retrieve", summary="One membership", responses={200: MemberSerializer, **ERRORS}
    )
    def retrieve(self, request: Request, project_id: int, member_id: int) -> Response:
        found = access_project(request.user, project_id).memberships.select_related("user")
        return Response(MemberSerializer(get_object_or_404(found, pk=member_id)).data)

    @extend_schema(
        operation_id="projects_members_update", summary="Give a member another role, or skills (manager)",
        request=MemberChangesSerializer, responses={200: MemberSerializer, **CHANGES},
    )  # fmt: skip
    def partial_update(self, request: Request, project_id: int, member_id: int) -> Response:
        membership = self._membership(project_id, member_id)
        changes = checked(MemberChangesSerializer, request)
        if "skills" in changes:
            project_actions.set_skills(membership, changes["skills"])
        if "role" in changes:
            attempt(project_actions.change_role, membership, Role(changes["role"]))
        return Response(MemberSerializer(membership).data)

    @extend_schema(
        operation_id="projects_members_delete", summary="Remove a member (manager); their answers stay",
        responses={204: None, **CHANGES},
    )  # fmt: skip
    def destroy(self, request: Request, project_id: int, member_id: int) -> Response:
        attempt(project_actions.remove_member, self._membership(project_id, member_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["labels"])
class LabelViewSet(viewsets.GenericViewSet):
    queryset = Label.objects.none()
    serializer_class = LabelSerializer

    def _label(self, project_id: int, label_id: int) -> Label:
        project = access_project(self.request.user, project_id, Role.MANAGER, writes=True)
        return get_object_or_404(project.labels, pk=label_id)

    @extend_schema(
        operation_id="projects_labels_list", summary="The labels", responses={200: LabelSerializer(many=True), **ERRORS}
    )
    def list(self, request: Request, project_id: int) -> Response:
        found = access_project(request.user, project_id).labels.all()
        return self.get_paginated_response(LabelSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(
        operation_id="projects_labels_create", summary="Add a label (manager)",
        request=NewLabelSerializer, responses={201: LabelSerializer, **CHANGES},
    )  # fmt: skip
    def create(self, request: Request, project_id: int) -> Response:
        project = access_project(request.user, project_id, Role.MANAGER, writes=True)
        label = attempt(labels.add_label, project, **checked(NewLabelSerializer, request))
        return Response(LabelSerializer(label).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="projects_labels_retrieve", summary="One label", responses={200: LabelSerializer, **ERRORS})
    def retrieve(self, request: Request, project_id: int, label_id: int) -> Response:
        found = access_project(request.user, project_id).labels
        return Response(LabelSerializer(get_object_or_404(found, pk=label_id)).data)

    @extend_schema(
        operation_id="projects_labels_update", summary="Rename it, change its colour or key, retire or restore it (manager)",
        request=LabelChangesSerializer, responses={200: LabelSerializer, **CHANGES},
    )  # fmt: skip
    def partial_update(self, request: Request, project_id: int, label_id: int) -> Response:
        label = self._label(project_id, label_id)
        changes = checked(LabelChangesSerializer, request)
        label = attempt(labels.change_label, label, **changes)
        return Response(LabelSerializer(label).data)

    @extend_schema(
        operation_id="projects_labels_delete", summary="Remove a label that nothing uses (manager)",
        responses={204: None, **CHANGES},
    )  # fmt: skip
    def destroy(self, request: Request, project_id: int, label_id: int) -> Response:
        attempt(labels.delete_label, self._label(project_id, label_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="projects_labels_merge", summary="Merge it into another label (manager)",
        request=MergeSerializer, responses={200: MergedSerializer, **CHANGES},
    )  # fmt: skip
    def merge(self, request: Request, project_id: int, label_id: int) -> Response:
        label = self._label(project_id, label_id)
        into = label.project.labels.filter(pk=checked(MergeSerializer, request)["into"]).first()
        if into is None:
            raise serializers.ValidationError({"into": ["There is no label of this id in the project."]})
        changed = attempt(labels.merge_label, label, into)
        return Response({"label": LabelSerializer(into).data, "changed": changed})


_many = {"get": "list", "post": "create"}
_one = {"get": "retrieve", "patch": "partial_update"}
_project = "projects/<int:project_id>/"
urlpatterns = [
    path("projects/", ProjectViewSet.as_view(_many), name="api-projects"),
    path(_project, ProjectViewSet.as_view(_one), name="api-project"),
    path(f"{_project}members/", MemberViewSet.as_view(_many), name="api-members"),
    path(f"{_project}members/<int:member_id>/", MemberViewSet.as_view(_one | {"delete": "destroy"}), name="api-member"),
    path(f"{_project}labels/", LabelViewSet.as_view(_many), name="api-labels"),
    path(f"{_project}labels/<int:label_id>/", LabelViewSet.as_view(_one | {"delete": "destroy"}), name="api-label"),
    path(f"{_project}labels/<int:label_id>/merge/", LabelViewSet.as_view({"post": "merge"}), name="api-label-merge"),
    *data_urls,
]
