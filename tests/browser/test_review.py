"""The review page by keyboard: a key decides the item that is on the screen, and no other."""

import time

import pytest

from annotation import queue, review
from annotation.models import Verdict
from annotation.queries import ask
from tests.annotation.asking import asked, items_of, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def on_the_screen(page, key: str) -> None:
    page.wait_for_function("key => document.querySelector('.cols h2 a')?.textContent === key", arg=key)
    page.wait_for_load_state()  # the script that listens to keys too


def test_a_key_that_is_pressed_while_the_next_item_is_on_its_way_decides_nothing(
    page, live_server, session_of, project, annotator, colleague, reviewer, monkeypatch
):
    project.annotators_per_item, project.consensus = 2, "unanimous"
    project.save()
    items = items_of(project, 3)
    ask(project, running(project), 1, asked(items), wanted=2)
    for item in items:
        for user, value in ((annotator, "ham"), (colleague, "spam")):
            queue.submit(user, project, item=item, value=value, token=f"{item.pk}{value}")
    waiting = review.waiting

    def slowly(*given):
        time.sleep(0.1)
        return waiting(*given)

    monkeypatch.setattr(review, "waiting", slowly)
    session_of(page.context, reviewer)
    page.goto(f"{live_server.url}/projects/{project.pk}/review/")
    page.keyboard.press("1")
    page.keyboard.press("2")
    on_the_screen(page, items[1].key)
    decided = Verdict.objects.filter(source="adjudicated").values_list("item", "value", "current")
    assert list(decided) == [(items[0].pk, project.labels.get(name="ham").pk, True)]
    page.keyboard.press("2")
    on_the_screen(page, items[2].key)
    assert decided.all().count() == 2
