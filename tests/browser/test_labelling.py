"""The labelling page as people use it: by keyboard, with a connection that comes and goes, two at once, on a phone."""

import pytest

from annotation.models import Annotation, Query
from annotation.queries import ask
from projects.labels import change_label
from projects.models import Label
from tests.annotation.asking import asked, items_of, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(project):
    """Twelve open queries of a run that waits for people."""
    trial = running(project)
    ask(project, trial, 1, asked(items_of(project, 12)), wanted=1)
    return trial


@pytest.fixture
def open_page(session_of, live_server, project):
    def visit(page, user):
        session_of(page.context, user)
        page.goto(f"{live_server.url}/projects/{project.pk}/label/")
        page.wait_for_selector("#item:not([hidden])")
        return page

    return visit


def key_of(page) -> str:
    return page.inner_text("#item-key")


def press_and_wait(page, key: str) -> str:
    """Press, and wait for another item; the key of the item that was answered."""
    before = key_of(page)
    page.keyboard.press(key)
    page.wait_for_function("before => document.getElementById('item-key').textContent !== before", arg=before)
    return before


def saved(page) -> None:
    page.wait_for_function("document.getElementById('saved-text').textContent === 'All saved'")


def answers() -> dict[str, str]:
    names = dict(Label.objects.values_list("pk", "name"))
    current = Annotation.objects.filter(current=True, skipped=False)
    return {key: names[value] for key, value in current.values_list("item__key", "value")}


def test_five_items_are_labeled_by_keyboard_alone_and_the_next_is_there_at_once(page, queue, annotator, open_page):
    open_page(page, annotator)
    given = {}
    for digit in "12121":
        given[press_and_wait(page, digit)] = {"1": "ham", "2": "spam"}[digit]
    saved(page)
    assert answers() == given
    assert len(given) == 5
    took = page.evaluate(
        """() => {
            const start = performance.now();
            document.dispatchEvent(new KeyboardEvent("keydown", {key: "1", bubbles: true}));
            return performance.now() - start;
        }"""
    )
    assert took < 50


def test_undo_goes_back_through_what_was_sent_and_the_new_answer_replaces_it(page, queue, annotator, open_page):
    open_page(page, annotator)
    first, second = press_and_wait(page, "1"), press_and_wait(page, "1")
    saved(page)
    page.keyboard.press("Backspace")
    assert key_of(page) == second
    page.keyboard.press("Control+z")
    assert key_of(page) == first
    press_and_wait(page, "2")
    assert key_of(page) == second
    press_and_wait(page, "2")
    saved(page)
    assert answers() == {first: "spam", second: "spam"}


def test_what_is_undone_twice_comes_again_in_its_order_though_the_server_is_slow(page, queue, annotator, open_page):
    open_page(page, annotator)
    first = press_and_wait(page, "1")
    saved(page)
    waiting = []
    page.route("**/annotations/", lambda route: waiting.append(route) if not waiting else route.continue_())
    second = press_and_wait(page, "1")
    while not waiting:
        page.wait_for_timeout(10)
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert key_of(page) == first
    waiting[0].continue_()  # its reply says what is mine, and knows nothing of what was undone meanwhile
    saved(page)
    press_and_wait(page, "2")
    assert key_of(page) == second
    press_and_wait(page, "2")
    saved(page)
    assert answers() == {first: "spam", second: "spam"}


def test_an_answer_of_an_earlier_visit_can_be_undone_after_a_reload(page, queue, annotator, open_page):
    open_page(page, annotator)
    first = press_and_wait(page, "1")
    saved(page)
    page.reload()
    page.wait_for_selector("#item:not([hidden])")
    page.keyboard.press("Backspace")
    page.wait_for_function("key => document.getElementById('item-key').textContent === key", arg=first)
    assert not answers()


def test_answers_given_offline_are_kept_over_a_reload_and_each_is_sent_once(page, queue, annotator, open_page, live_server):
    open_page(page, annotator)
    page.context.set_offline(True)
    given = [press_and_wait(page, "1"), press_and_wait(page, "2")]
    page.wait_for_function("document.getElementById('saved-text').textContent.includes('2 kept')")
    assert not answers()
    page.context.set_offline(False)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.wait_for_selector("#item:not([hidden])")
    saved(page)
    assert answers() == {given[0]: "ham", given[1]: "spam"}
    assert Annotation.objects.count() == 2
    assert key_of(page) not in given


def test_a_dozen_items_are_at_hand_offline_and_the_page_says_what_happens_when_they_are_used_up(
    page, project, annotator, open_page
):
    items_of(project, 40)  # without a run: in import order
    open_page(page, annotator)
    press_and_wait(page, "1")
    page.wait_for_function("document.getElementById('saved-text').textContent === 'All saved'")
    page.context.set_offline(True)
    page.wait_for_function("document.getElementById('saved-text').textContent === 'Offline: 13 at hand'")
    given = [press_and_wait(page, "12"[i % 2]) for i in range(12)] + [key_of(page)]
    page.keyboard.press("1")
    page.wait_for_selector("#empty:not([hidden])")
    page.wait_for_function("document.getElementById('empty-text').textContent.startsWith('Your 13 answers are kept')")
    assert len(answers()) == 1
    page.context.set_offline(False)
    page.wait_for_selector("#item:not([hidden])")  # the next one comes by itself
    saved(page)
    assert len(answers()) == Annotation.objects.count() == 14
    assert set(given) < set(answers())


def test_long_texts_are_fetched_when_half_of_those_at_hand_are_used_up(page, project, annotator, open_page):
    items_of(project, 30, content="A long letter. " * 600)
    asked_for = []
    page.on("request", lambda sent: sent.post_data_json and asked_for.append(sent.post_data_json.get("next")))
    open_page(page, annotator)
    page.wait_for_load_state("networkidle")
    asked_for.clear()
    for _ in range(12):
        press_and_wait(page, "1")
        saved(page)
    assert len(answers()) == Annotation.objects.count() == 12
    assert len(asked_for) == 12 and 0 < len([n for n in asked_for if n]) < 5


def test_an_answer_whose_acknowledgement_was_lost_is_stored_once(page, queue, annotator, open_page):
    open_page(page, annotator)
    lost = []

    def lose_the_first(route):
        response = route.fetch()
        if not lost:
            lost.append(response.status)
            return route.abort()
        return route.fulfill(response=response)

    page.route("**/annotations/", lose_the_first)
    item = press_and_wait(page, "2")
    saved(page)
    assert lost == [201]
    assert answers() == {item: "spam"}
    assert Annotation.objects.count() == 1


def test_two_people_never_see_the_same_item(browser, page, queue, annotator, colleague, open_page):
    open_page(page, annotator)
    other = browser.new_context().new_page()
    open_page(other, colleague)
    seen: dict[str, list[str]] = {"annotator": [], "colleague": []}
    for _ in range(3):
        seen["annotator"].append(press_and_wait(page, "1"))
        seen["colleague"].append(press_and_wait(other, "2"))
    saved(page)
    saved(other)
    other.context.close()
    assert not set(seen["annotator"]) & set(seen["colleague"])
    assert not Annotation.objects.filter(extra=True).exists()


def test_a_skip_takes_a_reason_and_a_flag_and_a_comment_go_with_the_answer(page, queue, annotator, open_page):
    open_page(page, annotator)
    page.keyboard.press("-")
    skipped = press_and_wait(page, "2")
    page.keyboard.press("!")
    page.keyboard.press("+")
    page.keyboard.type("both 1 and 2?")
    page.keyboard.press("Escape")
    labeled = press_and_wait(page, "1")
    saved(page)
    skip = Annotation.objects.get(item__key=skipped)
    assert (skip.skipped, skip.comment) == (True, "Broken or unreadable")
    answer = Annotation.objects.get(item__key=labeled)
    assert (answer.flagged, answer.comment, answer.skipped) == (True, "both 1 and 2?", False)


def test_work_appears_by_itself_on_an_empty_page(page, project, annotator, session_of, live_server):
    session_of(page.context, annotator)
    page.goto(f"{live_server.url}/projects/{project.pk}/label/")
    page.wait_for_function("document.getElementById('empty-title').textContent === 'There is nothing to label yet'")
    ask(project, running(project), 1, asked(items_of(project, 2)), wanted=1)
    page.wait_for_selector("#item:not([hidden])")


def test_a_lost_login_says_so_and_keeps_the_answers_until_it_is_back(page, queue, annotator, open_page, session_of):
    open_page(page, annotator)
    page.context.clear_cookies(name="sessionid")
    item = press_and_wait(page, "1")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "logged out" in page.inner_text("#trouble")
    assert not answers()
    session_of(page.context, annotator)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page)
    assert answers() == {item: "ham"}


def test_a_phone_shows_everything_without_scrolling_sideways(browser, queue, annotator, open_page):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = open_page(context.new_page(), annotator)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    low = page.eval_on_selector_all(
        "#answer button:not([hidden])", "all => all.filter(b => b.offsetParent && b.getBoundingClientRect().height < 44).length"
    )
    assert low == 0
    before = key_of(page)
    page.tap("[data-label=spam]")
    page.wait_for_function("before => document.getElementById('item-key').textContent !== before", arg=before)
    saved(page)
    context.close()
    assert answers() == {before: "spam"}


def test_of_77_labels_one_is_found_by_typing(page, project, queue, annotator, open_page):
    Label.objects.bulk_create(Label(project=project, name=f"topic {i:02}", color="#336699", position=i + 10) for i in range(75))
    open_page(page, annotator)
    page.keyboard.type("topic 4")
    page.keyboard.press("ArrowDown")
    item = press_and_wait(page, "Enter")
    saved(page)
    assert answers() == {item: "topic 41"}
    assert page.input_value("#search") == ""
    page.keyboard.press("Backspace")  # the search is empty: undo
    assert key_of(page) == item
    assert Query.objects.filter(status="answered").count() <= 1


def test_letters_undo_and_skip_unless_a_label_has_them_and_the_page_says_what_was_undone(
    page, project, queue, annotator, open_page
):
    project.labels.filter(name="spam").update(hotkey="s")
    open_page(page, annotator)
    first = press_and_wait(page, "s")  # the label's, no skip
    second = press_and_wait(page, "1")
    assert page.inner_text("#skip kbd") == "-"
    page.keyboard.press("z")
    assert key_of(page) == second
    page.wait_for_function("document.getElementById('said').textContent.startsWith('Undone: ham for “')")
    page.keyboard.press("z")
    page.wait_for_function("document.getElementById('said').textContent.startsWith('Undone: spam for “')")
    assert key_of(page) == first
    page.keyboard.press("?")
    assert page.inner_text("#help-dialog [data-keys-of=skip]").split() == ["-"]
    assert page.inner_text("#help-dialog [data-keys-of=flag]").split() == ["!", "f"]
    page.keyboard.press("Escape")
    page.keyboard.press("-")
    page.keyboard.press("4")
    page.keyboard.type("a picture of 2 cats")
    press_and_wait(page, "Enter")
    saved(page)
    assert list(Annotation.objects.filter(current=True).values_list("skipped", "comment")) == [(True, "a picture of 2 cats")]


def test_undo_goes_on_behind_a_reload(page, queue, annotator, open_page):
    open_page(page, annotator)
    given = [press_and_wait(page, "1") for _ in range(3)]
    saved(page)
    page.reload()
    page.wait_for_selector("#item:not([hidden])")
    for _ in given:
        page.keyboard.press("z")
    page.wait_for_function("key => document.getElementById('item-key').textContent === key", arg=given[0])
    assert not answers()


def test_an_answer_of_mine_is_opened_and_changed_and_i_am_back_where_i_was(page, queue, annotator, open_page):
    open_page(page, annotator)
    first, second = press_and_wait(page, "1"), press_and_wait(page, "1")
    here = key_of(page)
    saved(page)
    page.keyboard.press("e")
    page.wait_for_selector("#mine-list li:nth-child(2)")
    page.keyboard.press("Enter")
    page.wait_for_selector("#changing:not([hidden])")
    assert key_of(page) == second
    page.keyboard.press("Escape")
    assert key_of(page) == here
    page.keyboard.press("e")
    page.wait_for_selector("#mine-list li:nth-child(2)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#changing:not([hidden])")
    assert key_of(page) == first
    assert page.get_attribute("[data-label=ham]", "class") == "lb-label was"
    page.keyboard.press("2")
    assert key_of(page) == here
    third = press_and_wait(page, "1")
    saved(page)
    assert answers() == {first: "spam", second: "ham", third: "ham"}
    assert third == here
    assert Annotation.objects.filter(item__key=first).count() == 2  # what it was before is kept


def test_a_label_that_is_renamed_meanwhile_takes_the_answers_of_open_pages(page, queue, annotator, open_page, project):
    open_page(page, annotator)
    change_label(project.labels.get(name="ham"), name="Ham")
    for _ in range(3):
        press_and_wait(page, "1")
    saved(page)
    assert list(answers().values()) == ["Ham"] * 3 and not page.is_visible("#trouble")


def test_an_item_whose_answer_was_refused_comes_back_and_the_new_answer_replaces_it(page, queue, annotator, open_page, project):
    open_page(page, annotator)
    change_label(project.labels.get(name="ham"), retired=True)
    first = press_and_wait(page, "1")
    page.wait_for_selector("#discard")
    page.reload()
    page.wait_for_selector("#item:not([hidden])")
    assert key_of(page) == first and page.is_visible("#discard")
    press_and_wait(page, "2")
    page.wait_for_selector("#discard", state="detached")
    saved(page)
    assert answers() == {first: "spam"}
