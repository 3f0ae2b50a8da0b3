"""A CSV of people: what would become of each, then all of it at once."""

import csv
import io
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from projects import members_file
from projects.access import project_page
from projects.errors import WrongState
from projects.models import Project, Role


@never_cache
@project_page(Role.MANAGER, writes=True)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    """Nothing is kept between the two steps: the second brings the text along, and is checked again. Links are shown once."""
    context = {"project": project, "roles": Role, "mail": members_file.has_mail_server(), "max": members_file.MAX_ROWS}
    if request.method != "POST":
        return render(request, "projects/members_file.html", context)
    try:
        text = request.POST.get("text", "")
        if given := request.FILES.get("file"):
            text = members_file.decode(given.read(members_file.MAX_BYTES + 1))
        if request.POST.get("action") == "apply":
            return _apply(request, project, text, context)
        rows = members_file.read(project, text)
    except (members_file.BadFile, WrongState) as error:
        return render(request, "projects/members_file.html", context | {"refused": str(error)}, status=400)
    wrong = sum(row.what == members_file.ERROR for row in rows)
    counts = {what: sum(row.what == what for row in rows) for what in ("add", "change", "same", "invite")}
    context |= {"rows": rows, "text": text, "wrong": wrong, "counts": counts}
    return render(request, "projects/members_file.html", context, status=400 if wrong else 200)


def _apply(request: HttpRequest, project: Project, text: str, context: dict) -> HttpResponse:
    rows, links = members_file.apply(project, request.user, text)
    messages.success(request, summary(rows))
    if not links:
        return redirect("members", project.pk)

    def address(token: str) -> str:
        return request.build_absolute_uri(reverse("join", args=[token]))

    unsent = links
    if context["mail"] and request.POST.get("send") == "yes":
        unsent = members_file.send(project, request.user, links, address)
    addressed = [(link.name, link.role, address(link.token)) for link in unsent]
    context |= {"links": addressed, "n_links": len(links), "n_sent": len(links) - len(unsent), "download": _download(addressed)}
    return render(request, "projects/members_file.html", context)


def summary(rows: list[members_file.Row]) -> str:
    said = []
    for what, words in (("add", "added"), ("change", "changed"), ("invite", "invited"), ("same", "as before")):
        if n := sum(row.what == what for row in rows):
            said.append(f"{n} {words}")
    return f"Done: {', '.join(said)}."


def _download(links: list[tuple[str, str, str]]) -> str:
    """The list as a file inside the page: what is shown once is stored nowhere on the server."""
    out = io.StringIO()
    csv.writer(out).writerows([("e-mail", "role", "link"), *((_cell(name), role, link) for name, role, link in links)])
    return f"data:text/csv;charset=utf-8,{quote(out.getvalue())}"


def _cell(text: str) -> str:
    """An address like =1+1@x.org is no formula."""
    return f"'{text}" if text[:1] in "=+-@" else text
