"""For looking, in an emergency: nothing here is added, changed or deleted by hand, the rules live in queue.py and verdicts.py."""

from django.contrib import admin

from annotation.models import Annotation, Assignment, Query, Verdict


class ReadOnly(admin.ModelAdmin):
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Query)
class QueryAdmin(ReadOnly):
    list_display = ["id", "project", "item", "trial", "round_number", "purpose", "rank", "status", "wanted"]
    list_filter = ["status", "purpose", "project"]
    list_select_related = ["project", "item", "trial"]


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ["id", "item", "user", "slot", "state", "leased_until"]
    list_filter = ["state", "item__project"]
    list_select_related = ["item", "user"]


@admin.register(Annotation)
class AnnotationAdmin(ReadOnly):
    list_display = ["id", "project", "item", "user", "value", "skipped", "flagged", "current", "created_at"]
    list_filter = ["project", "current", "skipped", "flagged"]
    list_select_related = ["project", "item", "user"]
    search_fields = ["item__key", "token"]


@admin.register(Verdict)
class VerdictAdmin(ReadOnly):
    list_display = ["id", "project", "item", "value", "source", "current", "created_at"]
    list_filter = ["project", "source", "current"]
    list_select_related = ["project", "item"]
