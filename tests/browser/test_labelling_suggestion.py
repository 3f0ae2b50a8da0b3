"""The model's suggestion on the labelling page: seen, taken with one key, and never taken by accident."""

import pytest

from annotation.models import Annotation, Purpose, TellingWords
from annotation.queries import Ask, ask
from annotation.suggestions import suggestion
from tests.annotation.asking import items_of, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_enter_takes_what_is_suggested_and_nothing_where_nothing_is(page, project, annotator, session_of, live_server):
    project.show_suggestions = True
    project.save()
    ham = project.labels.get(name="ham").pk
    asks = [Ask(item.pk, i, Purpose.QUERY, "margin", 0.5, prediction=ham) for i, item in enumerate(items_of(project, 30), 1)]
    ask(project, running(project), 1, asks, wanted=1)
    session_of(page.context, annotator)
    page.goto(f"{live_server.url}/projects/{project.pk}/label/")
    page.wait_for_selector("#item:not([hidden])")
    shown, taken, blind = page.locator("#suggestion"), 0, 0
    while not (taken and blind):
        key = page.inner_text("#item-key")
        if shown.is_visible():
            assert page.inner_text("#suggestion").startswith("The model would say ham")
            page.keyboard.press("Enter")
            taken += 1
        else:
            page.keyboard.press("Enter")
            page.wait_for_timeout(50)
            assert page.inner_text("#item-key") == key  # nothing was suggested, so nothing is answered
            page.keyboard.press("2")
            blind += 1
        page.wait_for_function("key => document.getElementById('item-key').textContent !== key", arg=key)
    page.wait_for_function("document.getElementById('saved-text').textContent.startsWith('All saved')")
    rows = list(Annotation.objects.order_by("pk"))
    assert len(rows) == taken + blind
    for row in rows:
        led = suggestion(row.query, row.item.assignments.get(user=annotator)) is not None
        assert (row.value == ham, row.suggestion) == ((True, ham) if led else (False, None))


def test_telling_words_are_marked_in_chosen_items_until_a_key_hides_them(page, project, annotator, session_of, live_server):
    project.show_highlights = True
    project.save()
    TellingWords.objects.create(project=project, round_number=1, words=["text", "<b>bold</b>"])
    items = items_of(project, 4, "A <b>bold</b> TEXT, no context:")
    trial, purposes = running(project), [Purpose.TEST, Purpose.QUERY, Purpose.QUERY, Purpose.QUERY]
    ask(project, trial, 1, [Ask(item.pk, i, purposes[i], "margin", 0.5) for i, item in enumerate(items)], wanted=1)
    session_of(page.context, annotator)
    page.goto(f"{live_server.url}/projects/{project.pk}/label/")
    marked = page.locator("#item-content mark.telling")
    page.wait_for_function("document.getElementById('purpose').textContent === 'Test'")
    assert marked.count() == 0 and not page.is_visible("#telling")  # what measures is read blind
    page.keyboard.press("1")
    page.wait_for_selector("mark.telling")
    assert marked.all_inner_texts() == ["TEXT"] and page.inner_text("#item-content").startswith("A <b>bold</b> TEXT, no context:")
    page.keyboard.press(":")
    assert marked.count() == 0 and "are not marked" in page.inner_text("#telling")
    page.keyboard.press("1")
    page.wait_for_timeout(50)
    assert marked.count() == 0  # it stays so for the next item
    page.keyboard.press(":")
    assert marked.count() == 1
