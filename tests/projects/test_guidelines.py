"""The versions of a project's guidelines."""

import pytest

from projects.models import Project

FIELDS = {"name": "Questions", "annotators_per_item": 1}


def numbers(project):
    return list(project.guidelines_versions.order_by("number").values_list("number", "text"))


def test_changed_guidelines_are_a_new_version_whoever_changes_them(project, manager, browse, api):
    Project.objects.filter(pk=project.pk).update(guidelines="Old")  # from before there were versions
    url = f"/projects/{project.pk}/settings/"
    assert browse(manager).post(url, FIELDS | {"guidelines": "New\r\nline"}).status_code == 302
    assert api(manager).patch(f"/api/projects/{project.pk}/", {"guidelines": "Newest"}).status_code == 200
    assert numbers(project) == [(1, "Old"), (2, "New\r\nline"), (3, "Newest")]
    assert project.guidelines_versions.get(number=3).created_by == manager


def test_what_is_saved_without_a_change_is_no_new_version(project, manager, browse, api):
    api(manager).patch(f"/api/projects/{project.pk}/", {"guidelines": "One\ntwo"})
    browse(manager).post(f"/projects/{project.pk}/settings/", FIELDS | {"guidelines": "One\r\ntwo"})
    api(manager).patch(f"/api/projects/{project.pk}/", {"name": "Renamed"})
    assert [number for number, _ in numbers(project)] == [1]


def test_the_page_shows_a_version_and_what_it_changed(project, manager, viewer, browse, api):
    for text in ("Ham is meat.\nSpam is not.", "Ham is meat.\nSpam is <b>bad</b>."):
        api(manager).patch(f"/api/projects/{project.pk}/", {"guidelines": text})
    page = browse(viewer).get(f"/projects/{project.pk}/guidelines/").content.decode()
    assert "Version 2" in page and '<div class="removed">' in page
    assert "Removed: </span>Spam is not." in page and "Added: </span>Spam is &lt;b&gt;bad&lt;/b&gt;." in page
    old = browse(viewer).get(f"/projects/{project.pk}/guidelines/?version=1").content.decode()
    assert "What changed" not in old and "Spam is not." in old
    assert browse(viewer).get(f"/projects/{project.pk}/guidelines/?version=3").status_code == 404


@pytest.mark.parametrize("text", ["", "Written before"])
def test_a_project_from_before_there_were_versions_gets_its_first_one(project, viewer, browse, text):
    Project.objects.filter(pk=project.pk).update(guidelines=text)
    for _ in range(2):
        assert browse(viewer).get(f"/projects/{project.pk}/guidelines/").status_code == 200
    assert numbers(project) == ([(1, text)] if text else [])
