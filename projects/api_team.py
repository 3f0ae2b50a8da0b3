"""REST of how a team comes together and what it is told: lists of people, invitations, notices, webhooks. As on the pages."""

from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alambic_site.api import Conflict, Pagination
from projects import invitations, members_file, notices, webhook_settings, webhooks
from projects.access import access_project
from projects.errors import WrongState
from projects.models import Delivery, Invitation, Project, Role, Webhook

_ERRORS = {
    403: OpenApiResponse(OpenApiTypes.OBJECT, description="Your role in the project is not enough, or it is archived."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="No such project among yours, or nothing of that id in it."),
}
_CHANGES = _ERRORS | {
    400: OpenApiResponse(OpenApiTypes.OBJECT, description='What is wrong, by field: {"field": ["..."]}.'),
    409: OpenApiResponse(OpenApiTypes.OBJECT, description="Not in this state; the sentence says what to do instead."),
}


class MembersFileSerializer(s.Serializer):
    csv = s.CharField(max_length=1_000_000, trim_whitespace=False, help_text="Columns: user (or e-mail), role, skills.")
    apply = s.BooleanField(default=False, help_text="false: say what would become of each; true: do it, all or nothing.")
    send = s.BooleanField(default=False, help_text="Send the links by mail, where the server can.")


class MembersFileRowSerializer(s.Serializer):
    line = s.IntegerField()
    name = s.CharField()
    role = s.CharField()
    skills = s.ListField(child=s.CharField())
    what = s.CharField(help_text="add, change, same, invite or error")
    text = s.CharField()


class LinkSerializer(s.Serializer):
    name = s.CharField()
    role = s.CharField()
    link = s.CharField()


class MembersFileResultSerializer(s.Serializer):
    applied = s.BooleanField()
    rows = MembersFileRowSerializer(many=True)
    sent = s.IntegerField(help_text="Links that were mailed.")
    links = LinkSerializer(many=True, help_text="Those that were not: shown only now.")


class NewInvitationSerializer(s.Serializer):
    role = s.ChoiceField(choices=Role.choices, default=Role.ANNOTATOR)
    places = s.IntegerField(min_value=1, max_value=invitations.MAX_PLACES, default=1, help_text="How many people may use it.")
    days = s.IntegerField(min_value=1, max_value=invitations.MAX_DAYS, default=7)
    note = s.CharField(max_length=120, required=False, default="", allow_blank=True)


class InvitationSerializer(s.ModelSerializer):
    state = s.SerializerMethodField(help_text="open, used up, expired or revoked")
    created_by = s.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = Invitation
        fields = ["id", "role", "note", "places", "used", "state", "expires_at", "created_at", "created_by"]
        read_only_fields = fields

    def get_state(self, invitation: Invitation) -> str:
        return invitations.state(invitation)


class MadeInvitationSerializer(InvitationSerializer):
    link = s.CharField(help_text="Shown only now.")

    class Meta(InvitationSerializer.Meta):
        fields = [*InvitationSerializer.Meta.fields, "link"]


class NoticesSerializer(s.Serializer):
    events = s.ListField(child=s.ChoiceField(choices=list(notices.EVENTS.items())), help_text="What I am told by mail.")


class NewWebhookSerializer(s.Serializer):
    url = s.CharField(max_length=2000)
    events = s.ListField(
        child=s.ChoiceField(choices=list(notices.EVENTS.items())), required=False, default=list, help_text="Empty: all."
    )


class WebhookChangesSerializer(s.Serializer):
    active = s.BooleanField()


class WebhookSerializer(s.ModelSerializer):
    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "active", "created_at"]
        read_only_fields = fields


class MadeWebhookSerializer(WebhookSerializer):
    secret = s.CharField(help_text="The key of the signatures. Shown only now.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class DeliverySerializer(s.ModelSerializer):
    to = s.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = ["id", "event", "to", "state", "attempts", "due_at", "answer", "created_at"]
        read_only_fields = fields

    def get_to(self, delivery: Delivery) -> str:
        return delivery.webhook.url if delivery.webhook else delivery.user.get_username()


class DeliveryPageSerializer(s.Serializer):
    count = s.IntegerField()
    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)
    results = DeliverySerializer(many=True)


class TeamView(APIView):
    """A view of one project; its managers', unless it says otherwise."""

    minimum = Role.MANAGER

    def project(self) -> Project:
        writes = self.request.method not in {"GET", "HEAD", "OPTIONS"}
        return access_project(self.request.user, self.kwargs["project_id"], self.minimum, writes=writes)

    def given(self, serializer_class: type[s.Serializer]) -> dict:
        """The body, checked; a field that there is not is an error, and not silently nothing."""
        if not isinstance(self.request.data, dict):
            raise ValidationError({"detail": ["The body must be a JSON object."]})
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        if unknown := sorted(set(self.request.data) - set(serializer.fields)):
            raise ValidationError({unknown[0]: [f"There is no such field; there are: {', '.join(serializer.fields)}."]})
        return serializer.validated_data

    def address(self, token: str) -> str:
        return self.request.build_absolute_uri(reverse("join", args=[token]))


@extend_schema(tags=["members"])
class MembersFileView(TeamView):
    @extend_schema(
        operation_id="projects_members_file", summary="A list of people as a CSV: look at it, or take it (manager)",
        description="Who has an account becomes a member; an e-mail address without one gets a link. Nothing is changed "
        "while a line is wrong.",
        request=MembersFileSerializer, responses={200: MembersFileResultSerializer, **_CHANGES},
    )  # fmt: skip
    def post(self, request: Request, project_id: int) -> Response:
        project, given = self.project(), self.given(MembersFileSerializer)
        links, sent = [], 0
        try:
            if given["apply"]:
                rows, links = members_file.apply(project, request.user, given["csv"])
            else:
                rows = members_file.read(project, given["csv"])
        except members_file.BadFile as error:
            raise ValidationError({"csv": [str(error)]}) from error
        except WrongState as error:
            raise Conflict(str(error)) from error
        if given["send"] and links and members_file.has_mail_server():
            left = members_file.send(project, request.user, links, self.address)
            links, sent = left, len(links) - len(left)
        shown = [{"name": link.name, "role": link.role, "link": self.address(link.token)} for link in links]
        rows = MembersFileRowSerializer(rows, many=True).data
        return Response({"applied": given["apply"], "rows": rows, "sent": sent, "links": shown})


@extend_schema(tags=["members"])
class InvitationsView(TeamView):
    @extend_schema(
        operation_id="projects_invitations_list", summary="The newest 100 invitations (manager)",
        responses={200: InvitationSerializer(many=True), **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int) -> Response:
        found = self.project().invitations.select_related("created_by")[:100]
        return Response(InvitationSerializer(found, many=True).data)

    @extend_schema(
        operation_id="projects_invitations_create", summary="A link that lets people in (manager)",
        request=NewInvitationSerializer, responses={201: MadeInvitationSerializer, **_CHANGES},
    )  # fmt: skip
    def post(self, request: Request, project_id: int) -> Response:
        project, given = self.project(), self.given(NewInvitationSerializer)
        made, token = invitations.invite(project, request.user, Role(given.pop("role")), **given)
        return Response(InvitationSerializer(made).data | {"link": self.address(token)}, status=201)


@extend_schema(tags=["members"])
class InvitationView(TeamView):
    @extend_schema(
        operation_id="projects_invitations_revoke", summary="It lets nobody in any more (manager)",
        responses={204: None, **_CHANGES},
    )  # fmt: skip
    def delete(self, request: Request, project_id: int, invitation_id: int) -> Response:
        found = get_object_or_404(self.project().invitations, pk=invitation_id)
        if not invitations.revoke(found.project, found.pk):
            raise Conflict("This invitation was revoked before.")
        return Response(status=204)


@extend_schema(tags=["notices"])
class NoticesView(TeamView):
    minimum = Role.VIEWER

    @extend_schema(
        operation_id="projects_notices", summary="What I am told by mail",
        responses={200: NoticesSerializer, **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int) -> Response:
        mine = self.project().memberships.filter(user=request.user).values_list("notices", flat=True).first()
        return Response({"events": webhook_settings.chosen_events(mine or [])})

    @extend_schema(
        operation_id="projects_notices_change", summary="Choose what I am told by mail",
        request=NoticesSerializer, responses={200: NoticesSerializer, **_CHANGES},
    )  # fmt: skip
    def put(self, request: Request, project_id: int) -> Response:
        project, given = self.project(), self.given(NoticesSerializer)
        chosen = webhook_settings.choose_notices(project, request.user, given["events"])
        if chosen is None:
            raise Conflict("Notices are for members: you manage this project without being one.")
        return Response({"events": chosen})


@extend_schema(tags=["notices"])
class WebhooksView(TeamView):
    @extend_schema(
        operation_id="projects_webhooks_list", summary="Addresses that are told what happens (manager)",
        responses={200: WebhookSerializer(many=True), **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int) -> Response:
        return Response(WebhookSerializer(self.project().webhooks.all(), many=True).data)

    @extend_schema(
        operation_id="projects_webhooks_create", summary="Add an address (manager)",
        request=NewWebhookSerializer, responses={201: MadeWebhookSerializer, **_CHANGES},
    )  # fmt: skip
    def post(self, request: Request, project_id: int) -> Response:
        project, given = self.project(), self.given(NewWebhookSerializer)
        try:
            hook = webhook_settings.add_webhook(project, request.user, given["url"], given["events"])
        except webhooks.Refused as error:
            raise ValidationError({"url": [str(error)]}) from error
        return Response(MadeWebhookSerializer(hook).data, status=201)


@extend_schema(tags=["notices"])
class WebhookView(TeamView):
    def hook(self) -> Webhook:
        return get_object_or_404(self.project().webhooks, pk=self.kwargs["webhook_id"])

    @extend_schema(
        operation_id="projects_webhooks_update", summary="Switch it off or on (manager)",
        request=WebhookChangesSerializer, responses={200: WebhookSerializer, **_CHANGES},
    )  # fmt: skip
    def patch(self, request: Request, project_id: int, webhook_id: int) -> Response:
        hook = self.hook()
        webhook_settings.switch_webhook(hook, self.given(WebhookChangesSerializer)["active"])
        return Response(WebhookSerializer(hook).data)

    @extend_schema(
        operation_id="projects_webhooks_delete", summary="Remove it, with its log (manager)", responses={204: None, **_CHANGES}
    )
    def delete(self, request: Request, project_id: int, webhook_id: int) -> Response:
        self.hook().delete()
        return Response(status=204)

    @extend_schema(
        operation_id="projects_webhooks_test", summary="Send it a test (manager)", request=None,
        responses={201: DeliverySerializer, **_CHANGES},
    )  # fmt: skip
    def post(self, request: Request, project_id: int, webhook_id: int) -> Response:
        return Response(DeliverySerializer(notices.send_test(self.hook())).data, status=201)


@extend_schema(tags=["notices"])
class DeliveriesView(TeamView):
    @extend_schema(
        operation_id="projects_deliveries_list", summary="What was sent, and what came back (manager)",
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses={200: DeliveryPageSerializer, **_ERRORS},
    )  # fmt: skip
    def get(self, request: Request, project_id: int) -> Response:
        pages = Pagination()
        found = pages.paginate_queryset(self.project().deliveries.select_related("webhook", "user"), request, view=self)
        return pages.get_paginated_response(DeliverySerializer(found, many=True).data)


@extend_schema(tags=["notices"])
class DeliveryView(TeamView):
    @extend_schema(
        operation_id="projects_deliveries_again", summary="Send it again (manager)", request=None,
        responses={200: DeliverySerializer, **_CHANGES},
    )  # fmt: skip
    def post(self, request: Request, project_id: int, delivery_id: int) -> Response:
        found = get_object_or_404(self.project().deliveries, pk=delivery_id)
        notices.send_again(found)
        found.refresh_from_db()
        return Response(DeliverySerializer(found).data)


_project = "projects/<int:project_id>/"
urlpatterns = [
    path(f"{_project}members/file/", MembersFileView.as_view(), name="api-members-file"),
    path(f"{_project}invitations/", InvitationsView.as_view(), name="api-invitations"),
    path(f"{_project}invitations/<int:invitation_id>/", InvitationView.as_view(), name="api-invitation"),
    path(f"{_project}notices/", NoticesView.as_view(), name="api-notices"),
    path(f"{_project}webhooks/", WebhooksView.as_view(), name="api-webhooks"),
    path(f"{_project}webhooks/<int:webhook_id>/", WebhookView.as_view(), name="api-webhook"),
    path(f"{_project}deliveries/", DeliveriesView.as_view(), name="api-deliveries"),
    path(f"{_project}deliveries/<int:delivery_id>/", DeliveryView.as_view(), name="api-delivery"),
]
