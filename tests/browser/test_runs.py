"""The pages of runs in a real browser: what moves without a reload, what a lost connection does, what the form shows."""

# ruff: noqa: F811 - a fixture that is imported and used
import os
import re
import shutil

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from learning.models import Run, Trial
from tests.learning.conftest import add_round, items, make_run  # noqa: F401 - fixtures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM and os.environ.get("CI") != "true", reason="no Chromium is installed"),
]
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread; the ORM is not used inside it
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGS)
        yield chromium
        chromium.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, live_server, manager):
    """A page of the logged-in manager; any error in its JavaScript fails the test."""
    session = SessionStore()
    session[SESSION_KEY] = str(manager.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = manager.get_session_auth_hash()
    session.save()
    context = browser.new_context(base_url=live_server.url)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(8000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def test_a_run_moves_before_ones_eyes(page, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2, phase="waiting")
    page.goto(f"/distilling/{run.pk}/")
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    expect(page.locator("time[data-tick]")).to_have_text(re.compile(r"for \d"))
    page.evaluate("window.notReloaded = true")
    add_round(run.trials.get(), 3)
    Trial.objects.filter(run=run).update(round_number=3, n_labeled=14, phase="training")
    expect(page.get_by_text("Training").first).to_be_visible(timeout=2500)
    expect(page.locator("#curve-table tbody tr")).to_have_count(3)
    assert page.evaluate("window.notReloaded") is True
    assert page.locator("#curve").evaluate("e => e.data.at(-1).x.length") == 3


def test_a_lost_connection_is_said_and_the_page_stays(page, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2)
    page.goto(f"/distilling/{run.pk}/")
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_be_visible()
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()


def test_metrics_are_chosen_and_remembered(page, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2)
    page.goto(f"/distilling/{run.pk}/")
    page.get_by_label("F1 (macro)").check()
    expect(page.locator("#curve-table thead th")).to_have_count(4)
    page.reload()
    expect(page.get_by_label("F1 (macro)")).to_be_checked()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename.endswith(".png")


def test_the_list_renews_itself_within_two_seconds_and_only_when_something_changed(page, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2, phase="training")
    page.goto("/distilling/")
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status) if "version=" in response.url else None)
    page.wait_for_event("response", lambda response: "version=" in response.url)
    page.wait_for_event("response", lambda response: "version=" in response.url)
    assert set(answers) == {204}
    Trial.objects.filter(run=run).update(phase="selecting")
    expect(page.get_by_text("Selecting queries")).to_be_visible(timeout=2500)
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_be_visible()
    expect(page.get_by_text("Selecting queries")).to_be_visible()


def test_stop_asks_first(page, make_run):
    from playwright.sync_api import expect

    run = make_run()
    page.goto(f"/distilling/{run.pk}/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Stop").click()
    run.refresh_from_db()
    assert (run.status, run.stop_requested) == ("running", False)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("is stopping")).to_be_visible()
    run.refresh_from_db()
    assert run.stop_requested


def test_the_form_shows_the_settings_of_what_is_chosen_and_what_it_means(page, items, project):
    from playwright.sync_api import expect

    page.goto(f"/projects/{project.pk}/runs/new/")
    expect(page.get_by_text("Settings of Logistic regression")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Random forest")).check()
    expect(page.get_by_text("Settings of Random forest")).to_be_visible()
    expect(page.get_by_text("Settings of Logistic regression")).to_be_hidden()
    page.get_by_label("Test share").fill("0.4")
    expect(page.locator("#forecast")).to_contain_text("20 drawn at random")
    page.get_by_label("Seed size").fill("48")
    expect(page.locator("#forecast")).to_contain_text("Not ready to start")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#field-seed_size .errorlist")).to_be_visible()
    page.get_by_label("Seed size").fill("5")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    configuration = Run.objects.get().configuration
    assert (configuration["learner"]["name"], configuration["seed_size"], configuration["test_ratio"]) == (
        "random_forest",
        5,
        0.4,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/distilling/", "/distilling/{run}/", "/distilling/{run}/results/", "/projects/{project}/runs/new/"]
)
def test_nothing_sticks_out_on_a_phone(page, make_run, project, path, scheme):
    run = make_run(rounds=2)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/" + path.format(run=run.pk, project=project.pk))
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
