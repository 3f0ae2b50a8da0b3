"""The labelling page for other answers than one label: several labels, and words that are marked."""

import pytest

from annotation.models import Annotation
from projects.labels import add_label
from projects.models import Dataset, Item
from tests.browser.test_labelling import key_of, press_and_wait, saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = ["Colon 🙂 cancer was seen. It hurts.", "Nothing here.", "A third text."]


@pytest.fixture
def open_page(session_of, live_server, project, annotator):
    def visit(page, task):
        project.task = task
        project.save()
        dataset = Dataset.objects.create(project=project, name="d", status="finished")
        Item.objects.bulk_create(
            [Item(project=project, dataset=dataset, key=f"t{i}", content=text) for i, text in enumerate(TEXTS)]
        )
        session_of(page.context, annotator)
        page.goto(f"{live_server.url}/projects/{project.pk}/label/")
        page.wait_for_selector("#item:not([hidden])")
        return page

    return visit


def stored() -> dict:
    return dict(Annotation.objects.filter(current=True).values_list("item__key", "value"))


def test_several_labels_are_chosen_by_key_and_enter_answers_also_with_none(page, project, open_page):
    ham, spam = project.labels.order_by("position").values_list("pk", flat=True)
    open_page(page, "multiple")
    page.keyboard.press("2")
    page.keyboard.press("1")
    assert page.locator("#labels [aria-pressed=true]").count() == 2
    first = press_and_wait(page, "Enter")
    assert page.inner_text("#submit-text") == "None of them" and page.locator("#labels [aria-pressed=true]").count() == 0
    second = press_and_wait(page, "Enter")
    page.keyboard.press("Control+z")
    page.wait_for_function("key => document.getElementById('item-key').textContent === key", arg=second)
    page.keyboard.press("Control+z")
    page.wait_for_function("key => document.getElementById('item-key').textContent === key", arg=first)
    assert page.locator("#labels [aria-pressed=true]").count() == 2  # what was chosen is there again
    page.keyboard.press("1")
    press_and_wait(page, "Enter")
    press_and_wait(page, "Enter")
    saved(page)
    assert stored() == {first: [spam], second: []} and {ham, spam} == set(project.labels.values_list("pk", flat=True))


def test_of_many_labels_several_are_found_by_typing_in_their_groups(page, project, open_page):
    wanted = [add_label(project, f"{group}/{name}").pk for group in ("bank", "card", "loan") for name in "abcdefgh"]
    open_page(page, "multiple")
    assert page.locator(".lb-group").count() == 3 and page.inner_text(".lb-group-name >> nth=1") == "card"
    page.keyboard.press("/")
    page.keyboard.type("card/c")
    assert page.locator("#labels [data-label]:visible").count() == 1 and page.locator(".lb-group:visible").count() == 1
    page.keyboard.press("Enter")
    page.keyboard.type("loan/a")
    page.keyboard.press("Enter")
    assert page.inner_text("#chosen") == "card/c, loan/a"
    first = press_and_wait(page, "Enter")
    saved(page)
    assert stored() == {first: [wanted[10], wanted[16]]}


def test_words_are_marked_by_keys_in_code_points(page, project, open_page):
    ham, spam = project.labels.order_by("position").values_list("pk", flat=True)
    open_page(page, "spans")
    first = key_of(page)
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "2"):
        page.keyboard.press(key)
    assert page.locator(".mark-name").all_inner_texts() == ["spam"]
    page.keyboard.press("1")  # at its last word: it would overlap
    assert "overlaps spam" in page.inner_text("#marks-said")
    for key in ("End", "ArrowLeft", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Backspace")
    page.keyboard.press("1")
    assert page.inner_text("#submit-text") == "Save 2 marks"
    press_and_wait(page, "Enter")
    second = press_and_wait(page, "Enter")
    saved(page)
    text = TEXTS[int(first[1:])]
    end = text.index("cancer") + 6
    hurts = text.index("hurts")
    assert stored()[first] == [{"start": 0, "end": end, "label": spam}, {"start": hurts, "end": hurts + 5, "label": ham}]
    assert stored()[second] == []


def test_words_are_marked_by_mouse_and_marks_may_overlap_where_the_project_says_so(page, project, open_page):
    ham, spam = project.labels.order_by("position").values_list("pk", flat=True)
    open_page(page, "spans_overlapping")
    first, word = key_of(page), "#item-content span[data-s]"
    page.click(f"{word} >> text=/^Colon$/")
    page.click(f"{word} >> text=/^cancer$/", modifiers=["Shift"])
    page.click("#labels >> text=ham")
    page.click("#labels >> text=spam")  # nothing is chosen: it stays in the hand
    page.click(f"{word} >> text=/^cancer$/")
    assert page.locator("#marks li").all_inner_texts() == ["ham Colon 🙂 cancer ×", "spam cancer ×"]
    page.click("#marks button >> nth=0")
    press_and_wait(page, "Enter")
    saved(page)
    assert stored() == {first: [{"start": 8, "end": 14, "label": spam}]}
