"""The pages of items, pictures and the export."""

import io
import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from annotation.models import Annotation, Query, Verdict
from learning.models import Run, Trial
from projects.models import Item
from tests.projects.test_export import ask, make_items


def page(client, project, path="", **params):
    return client.get(f"/projects/{project.pk}/items/{path}", params)


def keys(response) -> list[str]:
    return [line.item.key for line in response.context["lines"]]


@pytest.fixture
def three(project) -> list[Item]:
    """The first is ham by import, the second disputed, the third is neither."""
    items = make_items(project, ["cheap Pills", "lunch at noon", "<script>alert(1)</script>"])
    ham = project.labels.get(name="ham").pk
    Verdict.objects.create(project=project, item=items[0], value=ham, source="imported")
    ask(project, items[1:2], status="disputed")
    return items


@pytest.fixture
def picture(project) -> Item:
    project.modality = "image"
    project.save()
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, "PNG")
    name = default_storage.save("images/test/red.png", ContentFile(buffer.getvalue()))
    [item] = make_items(project, [name])
    return item


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["k0", "k1", "k2"]),
        ({"state": "labeled"}, ["k0"]),
        ({"state": "unlabeled"}, ["k1", "k2"]),
        ({"state": "disputed"}, ["k1"]),
        ({"search": "pills"}, ["k0"]),
        ({"search": "k2"}, ["k2"]),
        ({"search": "100%"}, []),
        ({"state": "nonsense", "label": "x", "after": "-1", "dataset": "9" * 30}, ["k0", "k1", "k2"]),
    ],
)
def test_the_list_is_filtered_and_nonsense_in_the_address_is_no_error(project, three, browse, viewer, params, expected):
    assert keys(page(browse(viewer), project, **params)) == expected


def test_the_list_is_filtered_by_label_and_data_set(project, three, browse, viewer):
    client, (ham, spam) = browse(viewer), project.labels.values_list("pk", flat=True)
    assert keys(page(client, project, label=ham)) == ["k0"] and keys(page(client, project, label=spam)) == []
    assert len(keys(page(client, project, dataset=three[0].dataset_id))) == 3 and keys(page(client, project, dataset=10**9)) == []


def test_the_list_says_label_source_and_dispute_and_runs_no_script(project, three, browse, viewer):
    body = page(browse(viewer), project).content.decode()
    assert "Imported" in body and "Disputed" in body and "&lt;script&gt;alert(1)" in body and "<script>alert" not in body


def test_pages_lead_forth_and_back_without_a_gap(project, browse, viewer):
    make_items(project, [f"text {i}" for i in range(120)])
    client, seen, params = browse(viewer), [], {}
    while params is not None:
        response = page(client, project, **params)
        seen += keys(response)
        following = response.context["next"]
        params = {"after": following.partition("after=")[2]} if following else None
    assert seen == [f"k{i}" for i in range(120)]
    back = page(client, project, before=response.context["previous"].partition("before=")[2])
    assert keys(back) == [f"k{i}" for i in range(50, 100)]
    first = page(client, project, before=back.context["previous"].partition("before=")[2])
    assert keys(first)[0] == "k0" and first.context["previous"] == ""


def test_the_list_takes_no_query_per_row(project, browse, viewer, django_assert_max_num_queries):
    make_items(project, [f"text {i}" for i in range(50)])
    client = browse(viewer)
    with django_assert_max_num_queries(16):
        page(client, project)


def test_an_item_tells_its_whole_story(project, three, browse, viewer, annotator):
    ham, spam = project.labels.values_list("pk", flat=True)
    common = {"project": project, "item": three[1], "user": annotator}
    Annotation.objects.create(**common, value=ham, token="1", current=False)
    Annotation.objects.create(**common, value=spam, token="2", seconds=3.25, flagged=True, comment="looks odd")
    Item.objects.filter(pk=three[1].pk).update(metadata={"language": "English"})
    body = page(browse(viewer), project, f"{three[1].pk}/").content.decode()
    for expected in (
        "lunch at noon",
        "replaced",
        "flagged",
        "looks odd",
        "chosen by the strategy",
        "0.2500",
        "English",
        "mails.csv",
    ):
        assert expected in body, expected


@pytest.mark.parametrize(("who", "shown"), [("reviewer", True), ("manager", True), ("annotator", False), ("viewer", False)])
def test_only_who_may_settle_is_offered_it(project, three, browse, request, who, shown):
    body = page(browse(request.getfixturevalue(who)), project, f"{three[1].pk}/").content.decode()
    assert ('name="value"' in body) is shown


def test_of_a_wide_row_the_list_shows_the_first_cells(project, browse, viewer):
    project.modality = "table"
    project.save()
    make_items(project, [json.dumps({f"column {i}": i for i in range(8)})])
    body = page(browse(viewer), project).content.decode()
    assert "column 5" in body and "column 6" not in body and "and 2 more" in body


def test_a_table_row_is_shown_as_columns(project, browse, viewer):
    project.modality = "table"
    project.save()
    [item] = make_items(project, [json.dumps({"age": 31, "town": None})])
    client = browse(viewer)
    assert "town" in page(client, project).content.decode()
    assert '<th scope="row">age</th><td>31</td>' in page(client, project, f"{item.pk}/").content.decode()


@pytest.mark.parametrize("path", ["", "{item}/", "{item}/image/", "../export/"])
def test_a_stranger_finds_nothing(project, picture, browse, outsider, client, path):
    address = f"/projects/{project.pk}/items/{path.format(item=picture.pk)}".replace("items/../", "")
    assert browse(outsider).get(address).status_code == 404
    assert client.get(address).status_code == 302


def test_an_item_is_found_in_its_own_project_only(project, three, browse, viewer, django_user_model):
    from projects.models import Membership, Project

    other = Project.objects.create(name="Other")
    Membership.objects.create(project=other, user=viewer, role="viewer")
    assert page(browse(viewer), other, f"{three[0].pk}/").status_code == 404
    assert page(browse(viewer), other, f"{three[0].pk}/image/").status_code == 404


def test_a_picture_comes_with_its_type_and_may_be_kept_by_its_reader_alone(project, picture, browse, viewer):
    client = browse(viewer)
    response = page(client, project, f"{picture.pk}/image/")
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert b"".join(response.streaming_content).startswith(b"\x89PNG")
    again = client.get(f"/projects/{project.pk}/items/{picture.pk}/image/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304 and not again.content


@pytest.mark.parametrize("name", ["page.html", "page.svg", "fake.png", "../../alambic.sqlite3", "gone.png", "../../x.png"])
def test_what_is_no_picture_is_not_served(project, picture, browse, viewer, name):
    content = name
    if name in {"page.html", "page.svg", "fake.png"}:
        content = default_storage.save(f"images/test/{name}", ContentFile(b"<script>alert(1)</script>"))
    Item.objects.filter(pk=picture.pk).update(content=content)
    assert page(browse(viewer), project, f"{picture.pk}/image/").status_code == 404


def test_a_text_is_no_picture(project, browse, viewer):
    [item] = make_items(project, ["images/test/red.png"])
    assert page(browse(viewer), project, f"{item.pk}/image/").status_code == 404


def test_the_export_page_gives_the_file_with_a_good_name(project, three, browse, viewer):
    client = browse(viewer)
    assert client.get(f"/projects/{project.pk}/export/").status_code == 200
    response = client.get(f"/projects/{project.pk}/export/", {"format": "csv"})
    assert response["Content-Disposition"] == 'attachment; filename="questions.csv"'
    assert b"".join(response.streaming_content).count(b"mails.csv") == 3


def test_the_export_page_says_what_is_wrong_with_a_choice(project, three, browse, viewer):
    client = browse(viewer)
    analysis = Run.objects.create(project=project, kind="analysis", status="finished")
    for params, text in [
        ({"format": "xlsx"}, "csv, jsonl, parquet"),
        ({"format": "csv", "run": "999999"}, "no run"),
        ({"format": "csv", "run": "abc"}, "no run"),
        ({"format": "csv", "run": analysis.pk}, "development run"),
    ]:
        response = client.get(f"/projects/{project.pk}/export/", params)
        assert response.status_code == 400 and text in response.content.decode()


def test_the_export_with_a_run_names_it(project, three, browse, viewer):
    run = Query.objects.get(item=three[1]).trial.run
    assert Trial.objects.filter(run=run).exists()
    response = browse(viewer).get(f"/projects/{project.pk}/export/", {"format": "jsonl", "run": run.pk})
    rows = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    assert response["Content-Disposition"].endswith(f'questions-run-{run.pk}.jsonl"')
    assert [row["asked_round"] for row in rows] == [None, 3, None]
