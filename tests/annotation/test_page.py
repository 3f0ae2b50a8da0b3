"""The labelling page as the server gives it, and settling."""

import json
import re

import pytest

from annotation.models import Query, Verdict
from annotation.preferences import DEFAULT_KEYS
from annotation.queries import ask
from projects.labels import LabelRefused, add_label, assign_hotkeys
from projects.models import Label
from tests.annotation.asking import asked, items_of, running


def test_the_page_shows_every_label_with_its_key_and_readable_ink(browse, project, annotator):
    page = browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()
    assert re.search(r'data-label="ham"[^>]*--chip: #1f77b4; --chip-ink: #ffffff', page)
    assert '<kbd aria-hidden="true">1</kbd>' in page
    setup = json.loads(re.search(r'<script id="setup" type="application/json">(.*?)</script>', page, re.S)[1])
    assert setup["urls"]["next"] == f"/api/projects/{project.pk}/next/"
    assert [label["name"] for label in setup["labels"]] == ["ham", "spam"]
    assert 'id="search"' not in page


def test_many_labels_get_a_search_box(browse, project, annotator):
    Label.objects.bulk_create(Label(project=project, name=f"l{i}", color="#123456") for i in range(30))
    page = browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()
    assert 'id="search"' in page
    assert page.count('role="option"') == 32


def test_a_retired_label_is_not_offered(browse, project, annotator):
    project.labels.filter(name="spam").update(retired_at=project.created_at)
    assert "spam" not in browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()


def test_names_and_guidelines_are_escaped(browse, project, annotator):
    Label.objects.create(project=project, name='"><script>alert(1)</script>', color="#123456")
    project.guidelines = "**bold** <script>alert(2)</script>"
    project.save()
    page = browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()
    assert "<script>alert" not in page
    assert "<strong>bold</strong>" in page


def test_who_may_see_the_page(client, browse, project, annotator, viewer, outsider):
    address = f"/projects/{project.pk}/label/"
    assert browse(annotator).get(address).status_code == 200
    assert browse(viewer).get(address).status_code == 403
    assert browse(outsider).get(address).status_code == 404
    assert client.get(address).status_code == 302
    assert browse(annotator).post(address).status_code == 405


@pytest.fixture
def disputed(project, annotator, reviewer):
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    Query.objects.update(status="disputed")
    return item


def test_a_reviewer_settles_a_dispute_and_comes_back_to_the_item(browse, project, disputed, reviewer):
    response = browse(reviewer).post(f"/projects/{project.pk}/items/{disputed.pk}/settle/", {"value": "spam"})
    assert (response.status_code, response.url) == (302, f"/projects/{project.pk}/items/{disputed.pk}/")
    verdict = Verdict.objects.get(current=True)
    assert (verdict.source, verdict.user, verdict.value) == ("adjudicated", reviewer, project.labels.get(name="spam").pk)
    assert Query.objects.get().status == "answered"


def test_settling_needs_a_reviewer_a_label_and_an_item_of_the_project(browse, project, disputed, annotator, reviewer, outsider):
    address = f"/projects/{project.pk}/items/{disputed.pk}/settle/"
    assert browse(annotator).post(address, {"value": "spam"}).status_code == 403
    assert browse(outsider).post(address, {"value": "spam"}).status_code == 404
    assert browse(reviewer).get(address).status_code == 405
    assert browse(reviewer).post(f"/projects/{project.pk}/items/999999/settle/", {"value": "spam"}).status_code == 404
    for value in ({"value": "eggs"}, {}):
        assert browse(reviewer).post(address, value).status_code == 302
    assert not Verdict.objects.exists()


def test_a_message_to_everybody_who_labels_is_on_the_page_and_no_markup(browse, project, annotator):
    assert 'id="message"' not in browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()
    project.message = "Lunch at <b>one</b>"
    project.save()
    assert "Lunch at &lt;b&gt;one&lt;/b&gt;" in browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()


def test_an_answer_records_the_guidelines_on_the_page_and_a_newer_version_is_announced(browse, project, annotator, colleague):
    def page(person=annotator) -> str:
        return browse(person).get(f"/projects/{project.pk}/label/").content.decode()

    project.guidelines_versions.create(number=1, text="old")
    (item,) = items_of(project, 1)
    ask(project, running(project), 1, asked([item]), wanted=1)
    assert '"guidelines": 1' in page()
    body = {"item": item.pk, "value": "ham", "token": "t1", "guidelines": 1}
    address = f"/api/projects/{project.pk}/annotations/"
    project.guidelines_versions.create(number=2, text="new")  # written while the page was open
    refused = browse(annotator).post(address, body | {"guidelines": 7, "token": "t0"}, content_type="application/json")
    assert (refused.status_code, refused.json()) == (400, {"guidelines": ["This project's guidelines have no version 7."]})
    assert browse(annotator).post(address, body, content_type="application/json").status_code == 201
    assert [row["guidelines"] for row in browse(annotator).get(address).json()["results"]] == [1]
    assert "The guidelines changed since your last answer" in page()
    assert "The guidelines changed" not in page(colleague)  # who has not answered yet reads them anyway
    browse(annotator).post(address, body | {"guidelines": 2, "token": "t2"}, content_type="application/json")
    assert "The guidelines changed" not in page()


def test_a_label_key_never_meets_a_key_of_the_page(project):
    with pytest.raises(LabelRefused, match=r"the labelling page's own\. '3' is free"):
        add_label(project, "other", hotkey="-")
    with pytest.raises(LabelRefused, match=r"'ham' has the key '1' already\. '3' is free"):
        add_label(project, "other", hotkey="1")
    made = assign_hotkeys([f"label {i}" for i in range(36)], set())
    assert sorted(made[-5:]) == ["c", "e", "f", "s", "z"]  # the page keeps its letters for as long as others are left
    assert add_label(project, "taken by choice", hotkey="s").hotkey == "s"


def test_my_answers_are_mine_and_come_with_their_items(api, project, annotator, reviewer):
    first, second, third = items_of(project, 3)
    ask(project, running(project), 1, asked([first, second, third]), wanted=2)
    address = f"/api/projects/{project.pk}/annotations/"
    for user, item in [(annotator, first), (reviewer, first), (reviewer, second), (reviewer, third)]:
        api(user).post(address, {"item": item.pk, "value": "ham", "token": f"{user.pk}-{item.pk}"})
    api(reviewer).post(f"{address}undo/", {"token": f"{reviewer.pk}-{third.pk}"})
    found = api(reviewer).get(f"{address}?mine=true").json()["results"]
    assert [(row["item"], row["username"], row["excerpt"]) for row in found] == [
        (second.pk, "reviewer", second.content[:120]),
        (first.pk, "reviewer", first.content[:120]),
    ]
    (opened,) = api(reviewer).get(f"{address}?mine=true&item={first.pk}").json()["results"]
    assert (opened["value"], opened["to_label"]["content"]) == ("ham", first.content)
    assert not api(annotator).get(f"{address}?mine=true&item={second.pk}").json()["results"]


def test_keys_are_mine_to_choose_but_never_two_for_one(api, browse, project, annotator):
    mine = api(annotator)
    address = "/api/me/preferences/"
    assert mine.get(address).json()["keys"]["skip"] == ["-", "s"]
    assert mine.patch(address, {"keys": {"skip": "X"}, "left_handed": True}).json()["keys"]["skip"] == ["x", "-"]
    for keys, sentence in [
        ({"flag": "x"}, "Flag and Skip cannot both have the key 'x'. Choose another."),
        ({"flag": "1"}, "Flag: digits are the labels'. Choose another key."),
        ({"flag": "Enter"}, "Flag: a key is one character, or Backspace, Delete or Insert."),
        ({"fly": "q"}, f"There is no action 'fly': choose among {', '.join(DEFAULT_KEYS)}."),
        (["x"], 'Must be an object, like {"skip": "x"}.'),
    ]:
        refused = mine.patch(address, {"keys": keys})
        assert (refused.status_code, refused.json()) == (400, {"keys": [sentence]})
    page = browse(annotator).get(f"/projects/{project.pk}/label/").content.decode()
    setup = json.loads(re.search(r'<script id="setup" type="application/json">(.*?)</script>', page, re.S)[1])
    assert (setup["keys"]["skip"], setup["keys"]["flag"]) == (["x", "-"], ["!", "f"])
    assert '<div class="lb left">' in page
    swapped = mine.patch(address, {"keys": {"skip": "", "flag": "x"}}).json()["keys"]
    assert (swapped["skip"], swapped["flag"]) == (["-", "s"], ["x", "!"])


def test_the_account_page_says_what_was_refused_and_keeps_what_was_there(browse, annotator):
    client = browse(annotator)
    client.post("/account/labelling/", {"left_handed": "on", "key_undo": "u"})
    page = client.post("/account/labelling/", {"key_undo": "s"}, follow=True).content.decode()
    assert "Nothing was saved. Skip and Undo cannot both have the key" in page
    assert re.search(r'name="key_undo" value="u"', page) and re.search(r'name="left_handed" checked', page)
