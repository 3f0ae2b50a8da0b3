"""The history of a project's guidelines."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from projects import guidelines
from projects.access import project_page
from projects.models import Project


@require_GET
@project_page()
def history(request: HttpRequest, project: Project) -> HttpResponse:
    """One version (`?version=`, the newest otherwise), and what it changed."""
    versions = guidelines.versions(project)
    asked = request.GET.get("version", "")
    shown = versions[0] if versions else None
    if asked:
        shown = next((version for version in versions if str(version.number) == asked), None)
        if shown is None:
            raise Http404("There is no such version.")
    before = next((version for version in versions if shown and version.number == shown.number - 1), None)
    context = {
        "project": project,
        "versions": versions,
        "shown": shown,
        "before": before,
        "changes": guidelines.difference(before.text, shown.text) if before else [],
    }
    return render(request, "projects/guidelines.html", context)
