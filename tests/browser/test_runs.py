"""The pages of runs in a real browser: what moves without a reload, what a lost connection does, what the form shows."""

# ruff: noqa: F811 - a fixture that is imported and used
import re

import pytest

from learning.models import Run, Trial
from tests.learning.conftest import add_round, items, make_run  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def go(page, live_server, session_of, manager):
    """`go("/distilling/")`: the manager opens a page."""
    session_of(page.context, manager)
    return lambda path: page.goto(live_server.url + path)


def test_a_run_moves_before_ones_eyes(page, go, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2, phase="waiting")
    go(f"/distilling/{run.pk}/")
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    expect(page.locator("time[data-tick]")).to_have_text(re.compile(r"for \d"))
    page.evaluate("window.notReloaded = true")
    add_round(run.trials.get(), 3)
    Trial.objects.filter(run=run).update(round_number=3, n_labeled=14, phase="training")
    expect(page.get_by_text("Training").first).to_be_visible(timeout=2500)
    expect(page.locator("#curve-table tbody tr")).to_have_count(3)
    assert page.evaluate("window.notReloaded") is True
    assert page.locator("#curve").evaluate("e => e.data.at(-1).x.length") == 3


def test_a_lost_connection_is_said_and_the_page_stays(page, go, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2)
    go(f"/distilling/{run.pk}/")
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_be_visible()
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()


def test_metrics_are_chosen_and_remembered(page, go, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2)
    go(f"/distilling/{run.pk}/")
    page.get_by_label("F1 (macro)").check()
    expect(page.locator("#curve-table thead th")).to_have_count(4)
    page.reload()
    expect(page.get_by_label("F1 (macro)")).to_be_checked()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.suggested_filename.endswith(".png")


def test_the_list_renews_itself_within_two_seconds_and_only_when_something_changed(page, go, make_run):
    from playwright.sync_api import expect

    run = make_run(rounds=2, phase="training")
    go("/distilling/")
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


def test_stop_asks_first(page, go, make_run):
    from playwright.sync_api import expect

    run = make_run()
    go(f"/distilling/{run.pk}/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Stop").click()
    run.refresh_from_db()
    assert (run.status, run.stop_requested) == ("running", False)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("is stopping")).to_be_visible()
    run.refresh_from_db()
    assert run.stop_requested


def test_the_form_shows_the_settings_of_what_is_chosen_and_what_it_means(page, go, items, project):
    from playwright.sync_api import expect

    go(f"/projects/{project.pk}/runs/new/")
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


def test_nothing_sticks_out_on_a_phone(page, go, make_run, project):
    run = make_run(rounds=2)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("distilling/", f"distilling/{run.pk}/", f"distilling/{run.pk}/results/", f"projects/{project.pk}/runs/new/"):
        go("/" + path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
