"""Runs in the Django admin: to look, and to mend a name; they are controlled on their own pages."""

from django.contrib import admin
from django.http import HttpRequest

from learning.models import Event, Round, Run, Trial


class _ReadOnlyInline(admin.TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


class TrialInline(_ReadOnlyInline):
    model = Trial
    fields = ["strategy", "batch_size", "fold", "repeat", "phase", "phase_since", "round_number", "n_labeled", "heartbeat_at"]


class EventInline(_ReadOnlyInline):
    model = Event
    fields = ["created_at", "level", "message", "user"]


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):
    list_display = ["__str__", "project", "kind", "status", "created_by", "created_at", "finished_at"]
    list_filter = ["status", "kind", "project"]
    list_select_related = ["project", "created_by"]
    search_fields = ["name", "project__name"]
    inlines = [TrialInline, EventInline]
    fields = [
        "project", "kind", "name", "status", "stop_reason", "error", "traceback", "configuration", "n_items", "fingerprint",
        "versions", "created_by", "created_at", "started_at", "finished_at",
    ]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Run | None = None) -> list[str]:
        return [name for name in self.fields if name != "name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Round)
class RoundAdmin(admin.ModelAdmin):
    list_display = ["trial", "number", "n_labeled", "n_pool", "n_test", "created_at"]
    list_select_related = ["trial"]
    list_filter = ["trial__run__project"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
