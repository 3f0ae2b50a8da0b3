"""No page keeps anybody out: names, headings, landmarks, contrast and focus of every page, in light and in dark."""

# ruff: noqa: F811 - a fixture that is imported and used
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation import queue
from annotation.models import Verdict
from annotation.queries import ask
from learning.models import Suspicion, SuspicionSearch
from projects.models import Project
from tests.annotation.asking import asked
from tests.learning.conftest import items, make_run  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FAULTS = Path(__file__).with_name("accessibility.js").read_text()
# A chart draws itself again, a moment later, when dark becomes light.
CHARTS_DRAWN = """() => [...document.querySelectorAll("#curve .xtitle, #phases .xtitle")].every(
    (title) => getComputedStyle(title).fill === getComputedStyle(document.documentElement).color)"""
GUIDELINES = "# What is ham\n\nEverything that is **wanted**; see [the list](https://example.org/).\n\n## In doubt\n\n* skip it"


@pytest.fixture
def site(project, make_run, items, manager, annotator, colleague) -> dict[str, str]:
    """A project in the middle of its work, with something on every page: {name: path}."""
    Project.objects.filter(pk=project.pk).update(
        consensus="unanimous", annotators_per_item=2, guidelines=GUIDELINES, message="Lunch is at **one**."
    )
    project.refresh_from_db()
    run, finished = make_run(rounds=3, name="Ham or spam"), make_run(rounds=2, status="finished", phase="finished")
    ask(project, run.trials.get(), 3, asked(items[5:25]), wanted=2)
    for item in items[5:11]:
        queue.submit(annotator, project, item=item, value="ham", token=f"a{item.pk}", seconds=3.0)
        other = "spam" if item.pk % 2 else "ham"
        queue.submit(colleague, project, item=item, value=other, token=f"b{item.pk}", seconds=4.0, comment="It sells something.")
    ham, spam = project.labels.values_list("pk", flat=True)
    Verdict.objects.create(project=project, item=items[30], value=ham, source="imported")
    SuspicionSearch.objects.create(project=project, status="finished", started_at=timezone.now(), finished_at=timezone.now())
    Suspicion.objects.create(
        project=project, item=items[30], value=ham, suggested=spam, probability=0.9, own_probability=0.1, rank=1
    )
    here = [project.pk]
    pages = ("project", "label", "run-new", "analysis-new", "project-settings", "members", "labels", "handing-out", "review")
    return {
        "home": reverse("home"),
        "account": reverse("account"),
        "run": reverse("run", args=[run.pk]),
        "results": reverse("results", args=[finished.pk]),
        **{name: reverse(name, args=here) for name in (*pages, "quality", "suspicious", "desk", "items", "notices")},
    }


def faults_of(page) -> set[str]:
    """In light and in dark, each found once."""
    page.keyboard.press("Tab")
    found = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(CHARTS_DRAWN)
        found |= {f"{scheme}: {fault}" if "contrast" in fault or "pale" in fault else fault for fault in page.evaluate(FAULTS)}
    return found


def test_every_page_has_names_headings_contrast_and_a_visible_focus(page, site, project, manager, session_of, live_server):
    page.goto(f"{live_server.url}/login/")
    found = {"login": faults_of(page)}
    session_of(page.context, manager)
    for name, path in site.items():
        answer = page.goto(live_server.url + path)
        assert answer.status == 200, path
        if name == "label":
            page.wait_for_selector("#item:not([hidden])")
        if name in ("run", "results"):
            page.wait_for_selector("#curve .xtitle")
        found[name] = faults_of(page)
        for dialog, key in (("help-dialog", "?"), ("skip-dialog", "-")) if name == "label" else ():
            page.keyboard.press("Escape")
            page.keyboard.press(key)
            page.wait_for_selector(f"#{dialog}[open]")
            found[dialog] = faults_of(page)
    for task in ("multiple", "spans"):  # the panels of the other tasks
        Project.objects.filter(pk=project.pk).update(task=task)
        page.goto(live_server.url + site["label"])
        page.wait_for_selector("#item:not([hidden])")
        page.keyboard.press("1")
        found[task] = faults_of(page)
    faults = [f"{name}: {fault}" for name, some in found.items() for fault in sorted(some)]
    assert not faults, "\n".join(faults)
