"""The page of an analysis in a real browser: it grows by itself and leaves the reader in peace."""

import pytest
from django.urls import reverse

from tests.learning.runs import fill
from tests.learning.test_analysis import started, work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PLAN = {"strategies": ["random", "margin"], "batch_sizes": [10], "learner": "naive_bayes"}


@pytest.fixture
def run(project):
    fill(project, 150)
    return started(project, **PLAN)


def test_the_page_grows_by_itself_until_the_report_is_there(run, page, session_of, viewer, live_server):
    work(run, most=2)
    session_of(page.context, viewer)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(live_server.url + reverse("run", args=[run.pk]))
    assert page.locator("#trials td.td").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    metric = page.locator("#live-metric")
    metric.select_option("mcc")
    page.locator(".chart-svg text", has_text="Matthews correlation").first.wait_for()
    metric.focus()
    page.evaluate("scrollTo(0, 150)")
    work(run, most=3)
    page.locator("#trials td.td >> nth=4").wait_for()
    assert metric.evaluate("select => select === document.activeElement") and metric.input_value() == "mcc"
    assert page.evaluate("scrollY") == 150
    work(run)
    page.locator("#report-body").wait_for()
    assert "In words" in page.locator("#report").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_target_is_moved_with_the_keyboard(run, page, session_of, viewer, live_server):
    work(run)
    session_of(page.context, viewer)
    page.goto(live_server.url + reverse("run", args=[run.pk]))
    slider, shown = page.locator("#report-target"), page.locator("#target-shown")
    before = float(shown.inner_text())
    page.locator("#report-body summary").first.click()
    with page.expect_response(lambda response: "/report/" in response.url):
        slider.press("ArrowLeft")
        slider.press("ArrowLeft")
    after = float(shown.inner_text())
    assert after < before
    page.locator("th", has_text=f"Labels to {after:g}").wait_for()
    assert slider.evaluate("input => input === document.activeElement")
    assert page.locator("#report-body details").first.evaluate("details => details.open")
