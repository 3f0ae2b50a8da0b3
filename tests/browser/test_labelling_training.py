"""A new annotator learns and is tested on the labelling page, by keyboard alone."""

import pytest

from annotation import golds
from annotation.models import Annotation, Verdict
from annotation.queries import ask
from projects.models import Membership
from tests.annotation.asking import asked, items_of, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def course(project):
    """One training item and two of gold, all "ham"; both of the test must be right."""
    items = items_of(project, 3, "gold")
    ham = project.labels.get(name="ham").pk
    for item in items:
        Verdict.objects.create(project=project, item=item, value=ham, source="adjudicated", comment="It is pink.")
    golds.mark(project, project.items.all(), None)
    golds.share_out(project, 1)
    project.training = {"shown": 1, "test": 2, "pass_mark": 1.0, "tries": 3}
    project.save()
    ask(project, running(project), 1, asked(items_of(project, 5)), wanted=1)


def test_the_right_answer_stays_until_the_next_key_and_who_passes_goes_on_to_work(
    page, course, project, annotator, session_of, live_server
):
    def lesson():
        page.wait_for_selector("#lesson:not([hidden])")
        assert not page.is_visible("#answer")
        page.wait_for_timeout(260)  # a double press is not read as "go on"
        return page.inner_text("#lesson")

    def at(words):
        page.wait_for_function("words => document.getElementById('why').textContent.startsWith(words)", arg=words)

    session_of(page.context, annotator)
    page.goto(f"{live_server.url}/projects/{project.pk}/label/")
    at("Item 1 of 1: the right answer")
    page.keyboard.press("2")
    said = lesson()
    assert "You said “spam”. It is “ham”." in said and "It is pink." in said and "Now the test" in said
    page.keyboard.press("2")  # answers nothing: it goes on
    at("Item 1 of 2: 2 must be right")
    page.keyboard.press("1")
    at("Item 2 of 2")
    page.context.set_offline(True)
    page.keyboard.press("2")  # waits in the browser, and is counted once
    page.wait_for_timeout(100)
    page.keyboard.press("1")
    page.context.set_offline(False)
    assert "1 of 2 were right; 2 are needed." in lesson()
    page.keyboard.press(" ")
    at("Try 2 of 3, item 1 of 1")
    page.keyboard.press("1")
    assert "Right" in lesson()
    page.keyboard.press("Enter")
    at("Try 2 of 3, item 1 of 2")
    page.keyboard.press("1")
    at("Try 2 of 3, item 2 of 2")
    page.keyboard.press("Backspace")  # an answer stands
    assert "an answer stands" in page.inner_text("#said")
    page.keyboard.press("1")
    assert "You have passed" in lesson()
    page.keyboard.press("x")
    page.wait_for_function("document.getElementById('purpose').textContent === 'Query'")
    assert not page.is_visible("#training-note") and page.inner_text("#mine-total") == "0"
    assert Membership.objects.get(user=annotator).qualified_at
    assert Annotation.objects.count() == 6 and not Annotation.objects.filter(current=True).exists()
