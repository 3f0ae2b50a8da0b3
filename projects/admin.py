"""Users, projects, memberships and labels in the Django admin: to look and to mend. Work is done on the site's own pages."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from projects.models import Dataset, Item, Label, Membership, Project, User

admin.site.site_header = admin.site.site_title = "ALAMBIC"
admin.site.index_title = "Administration"


class ReadOnlyAdmin(admin.ModelAdmin):
    """To look: what happened is changed by nobody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    raw_id_fields = ["user"]


class LabelInline(admin.TabularInline):
    model = Label
    extra = 0
    fields = ["name", "color", "hotkey", "position"]
    # A label that is in use must not go: the page Labels knows which are.
    can_delete = False


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ["username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    fieldsets = (*UserAdmin.fieldsets, ("ALAMBIC", {"fields": ["must_change_password"]}))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """An account with answers is closed (not active), never deleted: the answers need their author."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and obj is not None and not obj.annotations.exists()


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ["name", "modality", "task", "annotators_per_item", "is_demo", "archived_at", "created_by", "created_at"]
    list_filter = ["modality", "is_demo", ("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["created_by"]
    search_fields = ["name", "description"]
    readonly_fields = ["is_demo", "archived_at", "created_at", "created_by"]
    inlines = [MembershipInline, LabelInline]

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """On its settings page, which deletes its files too and keeps what people have labelled."""
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["project", "user", "role"]
    list_filter = ["role", "project"]
    list_select_related = ["project", "user"]
    search_fields = ["user__username", "project__name"]
    raw_id_fields = ["project", "user"]


@admin.register(Label)
class LabelAdmin(admin.ModelAdmin):
    list_display = ["name", "project", "color", "hotkey", "position", "retired_at"]
    list_filter = ["project", ("retired_at", admin.EmptyFieldListFilter)]
    list_select_related = ["project"]
    search_fields = ["name", "project__name"]
    raw_id_fields = ["project"]
    readonly_fields = ["retired_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Label | None = None) -> bool:
        """On the page Labels, which knows whether it is in use."""
        return False


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    list_display = ["name", "project", "status", "rows", "imported", "labeled", "skipped", "created_by", "created_at"]
    list_filter = ["status", "project"]
    list_select_related = ["project", "created_by"]
    search_fields = ["name", "project__name"]


@admin.register(Item)
class ItemAdmin(ReadOnlyAdmin):
    list_display = ["key", "project", "dataset"]
    list_filter = ["project"]
    list_select_related = ["project", "dataset"]
    search_fields = ["key"]
    show_full_result_count = False
