"""The page of labels; the rules behind it have tests of their own (test_labels.py)."""

import re

import pytest

from annotation.models import Verdict
from projects.models import Dataset, Item


@pytest.fixture
def client(browse, manager):
    return browse(manager)


def post(client, project, **fields):
    return client.post(f"/projects/{project.pk}/labels/", fields, follow=True)


def names(project) -> list[str]:
    return [label.name for label in project.labels.all()]


def test_a_label_is_added_with_a_colour_and_a_key(client, project):
    page = post(client, project, action="add", name=" eggs ")
    eggs = project.labels.get(name="eggs")
    assert eggs.hotkey == "3" and re.fullmatch("#[0-9a-f]{6}", eggs.color) and b"Added eggs, key 3." in page.content


def test_a_label_is_renamed_coloured_and_given_a_key(client, project):
    ham = project.labels.get(name="ham")
    post(client, project, action="change", label=ham.pk, name="bacon", color="#112233", hotkey="b")
    ham.refresh_from_db()
    assert (ham.name, ham.color, ham.hotkey) == ("bacon", "#112233", "b")


def test_a_key_that_another_label_has_is_refused_with_its_name(client, project):
    ham = project.labels.get(name="ham")
    page = post(client, project, action="change", label=ham.pk, name="ham", color=ham.color, hotkey="2")
    assert page.status_code == 400 and "has the key" in page.content.decode() and "spam" in page.content.decode()


def test_a_refused_name_stays_in_its_field(client, project):
    page = post(client, project, action="add", name="ham")
    assert page.status_code == 400 and 'id="new-name" name="name" maxlength="200" required value="ham"' in page.content.decode()


def test_labels_are_put_in_order(client, project):
    post(client, project, action="up", label=project.labels.get(name="spam").pk)
    assert names(project) == ["spam", "ham"]
    post(client, project, action="up", label=project.labels.get(name="spam").pk)
    assert names(project) == ["spam", "ham"]
    post(client, project, action="down", label=project.labels.get(name="spam").pk)
    assert names(project) == ["ham", "spam"]


def test_a_label_in_use_is_retired_or_merged_and_one_that_is_not_is_deleted(client, project):
    item = Item.objects.create(project=project, dataset=Dataset.objects.create(project=project), key="1", content="x")
    ham, spam = project.labels.all()
    Verdict.objects.create(project=project, item=item, value=ham.pk, source="imported")
    assert post(client, project, action="delete", label=ham.pk).status_code == 409
    post(client, project, action="retire", label=ham.pk)
    page = client.get(f"/projects/{project.pk}/labels/").content.decode()
    assert "Retired" in page and "1 item" in page
    post(client, project, action="restore", label=ham.pk)
    page = post(client, project, action="merge", label=ham.pk, into=spam.pk)
    assert b"ham is merged into spam: 1 item changed." in page.content
    assert names(project) == ["spam"] and Verdict.objects.get().value == spam.pk
    post(client, project, action="add", name="unused")
    post(client, project, action="delete", label=project.labels.get(name="unused").pk)
    assert names(project) == ["spam"]


@pytest.mark.parametrize("label", ["", "x", "999999", "9" * 40])
def test_a_label_that_is_not_here_is_not_found(client, project, label):
    assert post(client, project, action="retire", label=label).status_code == 404


def test_others_see_the_labels_and_cannot_change_them(browse, annotator, project):
    page = browse(annotator).get(f"/projects/{project.pk}/labels/")
    assert b"ham" in page.content and b"Add a label" not in page.content
    assert browse(annotator).post(f"/projects/{project.pk}/labels/", {"action": "add", "name": "x"}).status_code == 403
