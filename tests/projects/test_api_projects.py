"""REST of projects, members, labels, items, imports and exports."""

import csv
import io
import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from annotation.models import Annotation, Verdict
from projects.models import Dataset, Item, Label, Membership, Project, User
from tests.projects.test_export import ask, make_items


@pytest.fixture
def base(project) -> str:
    return f"/api/projects/{project.pk}/"


@pytest.fixture
def staff(db) -> User:
    return User.objects.create_user("staff", password="secret", is_staff=True)


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


# --- Projects


def test_the_list_has_my_projects_with_my_role_and_numbers(project, api, annotator):
    items = make_items(project, ["a", "b"])
    Verdict.objects.create(project=project, item=items[0], value=1, source="imported")
    Project.objects.create(name="Somebody else's")
    page = api(annotator).get("/api/projects/").json()
    [mine] = page["results"]
    assert page["count"] == 1 and (mine["name"], mine["role"], mine["items"], mine["labeled"]) == ("Questions", "annotator", 2, 1)


def test_a_superuser_sees_all_and_manages_all(project, base, api, admin_user):
    assert api(admin_user).get("/api/projects/").json()["results"][0]["role"] == "manager"
    assert api(admin_user).patch(base, {"name": "Renamed"}).json()["name"] == "Renamed"


def test_the_list_takes_a_fixed_number_of_queries(api, manager, django_assert_max_num_queries):
    for i in range(20):
        Membership.objects.create(project=Project.objects.create(name=f"P{i}"), user=manager, role="viewer")
    client = api(manager)
    with django_assert_max_num_queries(6):
        assert client.get("/api/projects/").json()["count"] == 21


def test_staff_make_projects_and_manage_them_others_do_not(api, staff, manager):
    answer = api(staff).post("/api/projects/", {"name": "New", "modality": "table", "labels": ["yes", "no"]})
    assert answer.status_code == 201 and answer.json()["role"] == "manager"
    assert [label.name for label in Project.objects.get(name="New").labels.all()] == ["yes", "no"]
    assert api(manager).post("/api/projects/", {"name": "Mine"}).status_code == 403


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "name"),
        ({"name": "x", "modality": "sound"}, "modality"),
        ({"name": "x", "task": "regions"}, "task"),
        ({"name": "x", "annotators_per_item": 0}, "annotators_per_item"),
        ({"name": "x", "labels": ["a", "a"]}, "labels"),
        ({"name": "x", "title": "y"}, "title"),
        ({"name": "x\x00"}, "name"),
        ([1, 2], "non_field_errors"),
    ],
)
def test_a_project_that_cannot_be_is_refused_by_field(api, staff, data, field):
    answer = api(staff).post("/api/projects/", data)
    assert answer.status_code == 400 and field in answer.json()


def test_a_manager_changes_settings_but_not_what_the_items_are(project, base, api, manager, annotator):
    assert api(manager).patch(base, {"guidelines": "# Read"}).json()["guidelines"] == "# Read"
    assert api(manager).patch(base, {"modality": "image"}).status_code == 400
    assert api(manager).patch(base, {"name": ""}).json() == {"name": ["This field may not be blank."]}
    assert api(annotator).patch(base, {"name": "x"}).status_code == 403


def test_an_archived_project_is_read_and_not_changed_until_it_is_restored(project, base, api, manager):
    client = api(manager)
    assert client.patch(base, {"archived": True}).json()["archived"] is True
    assert client.get(base).status_code == 200
    assert client.patch(base, {"name": "x"}).status_code == 403
    assert client.post(f"{base}labels/", {"name": "x"}).status_code == 403
    assert client.patch(base, {"archived": False, "name": "Back"}).json()["name"] == "Back"


def test_a_project_with_a_run_under_way_is_not_archived(project, base, api, manager):
    ask(project, [])
    answer = api(manager).patch(base, {"archived": True})
    assert answer.status_code == 409 and "stop it first" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["", "members/", "labels/", "items/", "datasets/", "export/", "items/1/", "datasets/1/"])
def test_a_stranger_gets_404_and_nobody_401(base, api, outsider, path):
    assert api(outsider).get(base + path).status_code == 404
    assert api(None).get(base + path).status_code == 401


# --- Members


def test_a_manager_adds_changes_and_removes_members(project, base, api, manager, outsider):
    client = api(manager)
    answer = client.post(f"{base}members/", {"username": "outsider", "role": "annotator"})
    assert answer.status_code == 201 and (answer.json()["username"], answer.json()["role"]) == ("outsider", "annotator")
    one = f"{base}members/{answer.json()['id']}/"
    assert client.patch(one, {"role": "reviewer"}).json()["role"] == "reviewer"
    assert client.get(one).json()["role"] == "reviewer"
    assert client.delete(one).status_code == 204 and not project.memberships.filter(user=outsider).exists()


def test_the_last_manager_stays(project, base, api, manager, reviewer):
    one = f"{base}members/{project.memberships.get(user=manager).pk}/"
    for answer in (api(manager).delete(one), api(manager).patch(one, {"role": "viewer"})):
        assert answer.status_code == 409 and "somebody else a manager" in answer.json()["detail"]
    assert project.memberships.get(user=manager).role == "manager"


def test_members_are_refused_with_a_reason(base, api, manager, annotator):
    client = api(manager)
    assert "no account" in client.post(f"{base}members/", {"username": "nobody", "role": "viewer"}).json()["username"][0]
    assert "role" in client.post(f"{base}members/", {"username": "annotator", "role": "king"}).json()
    assert client.post(f"{base}members/", {"username": "annotator", "role": "viewer"}).status_code == 409
    assert client.patch(f"{base}members/999999/", {"role": "viewer"}).status_code == 404
    assert api(annotator).post(f"{base}members/", {"username": "x", "role": "viewer"}).status_code == 403


def test_a_member_of_another_project_is_not_found_here(base, api, manager, outsider):
    other = Membership.objects.create(project=Project.objects.create(name="Other"), user=outsider, role="viewer")
    assert api(manager).delete(f"{base}members/{other.pk}/").status_code == 404
    assert Membership.objects.filter(pk=other.pk).exists()


# --- Labels


def test_labels_are_added_changed_retired_and_removed(project, base, api, manager):
    client = api(manager)
    answer = client.post(f"{base}labels/", {"name": "maybe"})
    assert answer.status_code == 201 and answer.json()["hotkey"] == "3"
    one = f"{base}labels/{answer.json()['id']}/"
    changed = client.patch(one, {"name": "perhaps", "color": "#ABCDEF", "hotkey": "p"}).json()
    assert (changed["name"], changed["color"], changed["hotkey"]) == ("perhaps", "#abcdef", "p")
    assert client.patch(one, {"retired": True}).json()["retired"] is True
    assert client.delete(one).status_code == 204
    assert [label["name"] for label in client.get(f"{base}labels/").json()["results"]] == ["ham", "spam"]


def test_a_used_label_is_not_removed_but_can_be_merged(project, base, api, manager):
    ham, spam = project.labels.values_list("pk", flat=True)
    [item] = make_items(project, ["a"], known=ham)
    Verdict.objects.create(project=project, item=item, value=ham, source="imported")
    client = api(manager)
    answer = client.delete(f"{base}labels/{ham}/")
    assert answer.status_code == 409 and "rename it, merge it into another label, or retire it" in answer.json()["detail"]
    merged = client.post(f"{base}labels/{ham}/merge/", {"into": spam}).json()
    assert (merged["label"]["name"], merged["changed"]) == ("spam", 1)
    assert client.get(f"{base}items/").json()["results"][0]["verdict"] == "spam"
    assert client.post(f"{base}labels/{spam}/merge/", {"into": 10**9}).status_code == 400


@pytest.mark.parametrize("data", [{"name": "ham"}, {"name": ""}, {"name": "x", "color": "red"}, {"name": "x", "hotkey": "1"}])
def test_a_label_that_cannot_be_is_a_400(base, api, manager, data):
    assert api(manager).post(f"{base}labels/", data).status_code == 400


def test_only_managers_change_labels(project, base, api, reviewer):
    label = project.labels.first().pk
    client = api(reviewer)
    assert client.get(f"{base}labels/").status_code == 200
    assert client.post(f"{base}labels/", {"name": "x"}).status_code == 403
    assert client.delete(f"{base}labels/{label}/").status_code == 403


# --- Items


@pytest.fixture
def three(project) -> list[Item]:
    items = make_items(project, ["cheap pills", "lunch", "news"])
    ham = project.labels.get(name="ham").pk
    Verdict.objects.create(project=project, item=items[0], value=ham, source="model", probability=0.75)
    ask(project, items[1:2], status="disputed")
    return items


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["k0", "k1", "k2"]),
        ("labeled=true", ["k0"]),
        ("labelled=false", ["k1", "k2"]),
        ("disputed=true", ["k1"]),
        ("disputed=true&labeled=true", []),
        ("label=ham", ["k0"]),
        ("label=spam", []),
        ("search=LUNCH", ["k1"]),
        ("page_size=2&page=2", ["k2"]),
    ],
)
def test_items_are_filtered(three, base, api, viewer, query, expected):
    assert [row["key"] for row in api(viewer).get(f"{base}items/?{query}").json()["results"]] == expected


@pytest.mark.parametrize("query", ["labeled=perhaps", "label=nothing", "dataset=x", f"dataset={'9' * 40}"])
def test_a_wrong_filter_is_a_400_and_not_the_whole_list(three, base, api, viewer, query):
    answer = api(viewer).get(f"{base}items/?{query}")
    assert answer.status_code == 400 and query.partition("=")[0] in answer.json()


def test_an_item_has_its_verdict_and_answers(three, project, base, api, viewer, annotator):
    spam = project.labels.get(name="spam").pk
    Annotation.objects.create(project=project, item=three[0], user=annotator, value=spam, token="1", seconds=1.5)
    item = api(viewer).get(f"{base}items/{three[0].pk}/").json()
    assert (item["content"], item["verdict"], item["verdict_source"]) == ("cheap pills", "ham", "model")
    assert item["verdict_probability"] == 0.75
    [answer] = item["annotations"]
    assert (answer["annotator"], answer["label"], answer["current"]) == ("annotator", "spam", True)
    assert api(viewer).get(f"{base}items/{10**9}/").status_code == 404


def test_items_take_no_query_per_row(project, base, api, viewer, django_assert_max_num_queries):
    make_items(project, [f"text {i}" for i in range(100)])
    client = api(viewer)
    with django_assert_max_num_queries(9):
        assert len(client.get(f"{base}items/?page_size=100").json()["results"]) == 100


def test_a_table_row_is_an_object(project, base, api, viewer):
    Project.objects.filter(pk=project.pk).update(modality="table")
    make_items(project, [json.dumps({"age": 3})])
    assert api(viewer).get(f"{base}items/").json()["results"][0]["content"] == {"age": 3}


# --- Imports


def upload(client: APIClient, base: str, content: str | bytes, name: str = "mails.csv", **fields):
    file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
    return client.post(f"{base}datasets/", {"file": file, **fields}, format="multipart")


CSV = "text,label\nfree money,spam\nlunch,ham\n"


def test_an_upload_is_queued_and_tells_how_far_it_is(project, base, api, manager):
    answer = upload(api(manager), base, CSV, text_column="text", label_column="label")
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert made["status"] == "queued" and made["report_url"] is None
    shown = api(manager).get(f"{base}datasets/{made['id']}/").json()
    assert {"status", "rows", "processed", "imported", "labeled", "skipped", "errors", "message", "report_url"} <= shown.keys()
    assert api(manager).get(f"{base}datasets/").json()["count"] == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text_column": "body"}, "text_column"),
        ({"text_column": "text", "label_column": "nothing"}, "label_column"),
        ({"text_column": "text", "delimiter": "::"}, "delimiter"),
        ({"text_colum": "text"}, "text_colum"),
    ],
)
def test_a_wrong_choice_names_its_field_and_leaves_nothing_behind(project, base, api, manager, fields, field):
    answer = upload(api(manager), base, CSV, **fields)
    assert answer.status_code == 400 and list(answer.json()) == [field], answer.json()
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(("name", "content"), [("a.csv", ""), ("a.xlsx", "PK"), ("a.exe", "MZ"), ("a.csv", "text,label\n")])
def test_a_file_that_cannot_be_imported_is_refused_with_a_sentence(project, base, api, manager, name, content):
    answer = upload(api(manager), base, content, name)
    assert answer.status_code == 400 and answer.json()["file"][0]
    assert not Dataset.objects.exists()


def test_no_file_and_no_form_are_errors_too(base, api, manager):
    assert "file" in api(manager).post(f"{base}datasets/", {}, format="multipart").json()
    assert api(manager).post(f"{base}datasets/", {"file": "x"}, format="json").status_code == 415


@pytest.mark.parametrize("columns", [["age", "town"], '["age", "town"]', "age, town"])
def test_columns_of_a_table_may_be_sent_in_three_ways(project, base, api, manager, columns):
    Project.objects.filter(pk=project.pk).update(modality="table")
    answer = upload(api(manager), base, "age,town,label\n3,Bern,yes\n4,Ulm,no\n", columns=columns, label_column="label")
    assert answer.status_code == 201, answer.json()
    assert answer.json()["mapping"]["columns"] == ["age", "town"]


def test_only_managers_import(base, api, reviewer):
    assert upload(api(reviewer), base, CSV).status_code == 403


def test_the_report_of_an_import_can_be_fetched(project, base, api, viewer):
    dataset = Dataset.objects.create(project=project, name="a.csv", status="finished")
    assert api(viewer).get(f"{base}datasets/{dataset.pk}/report/").status_code == 404
    dataset.report.save("report.csv", ContentFile(b"row,key,field,error\n"))
    address = api(viewer).get(f"{base}datasets/{dataset.pk}/").json()["report_url"]
    assert body_of(api(viewer).get(address)) == b"row,key,field,error\n"


# --- Export


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/json"])
def test_the_export_streams_whatever_the_client_accepts(three, base, api, viewer, accept):
    answer = api(viewer).get(f"{base}export/?format=csv", headers={"Accept": accept})
    assert answer["Content-Type"] == "text/csv; charset=utf-8" and "questions.csv" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(body_of(answer).decode())))
    assert [(row["key"], row["verdict"], row["verdict_source"]) for row in rows][0] == ("k0", "ham", "model")


def test_the_export_knows_its_formats_and_runs(three, project, base, api, viewer):
    client = api(viewer)
    assert len(body_of(client.get(f"{base}export/?format=jsonl")).splitlines()) == 3
    assert body_of(client.get(f"{base}export/?format=parquet")).startswith(b"PAR1")
    assert b"asked_round" in body_of(client.get(f"{base}export/?run={project.runs.get().pk}"))
    for query, field in [
        ("format=xlsx", "format"),
        ("run=999999", "run"),
        ("run=x", "run"),
        ("spreadsheet_safe=so", "spreadsheet_safe"),
    ]:
        answer = client.get(f"{base}export/?{query}")
        assert answer.status_code == 400 and field in answer.json()


def test_a_label_that_is_called_like_an_id_is_found_by_its_name(three, project, base, api, viewer):
    ham = project.labels.get(name="ham")
    Label.objects.filter(name="spam").update(name=str(ham.pk))
    assert api(viewer).get(f"{base}items/?label={ham.pk}").json()["results"] == []


def test_the_schema_is_whole(settings, capsys):
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn", verbosity=0)
    assert "/api/projects/{project_id}/export/" in capsys.readouterr().out
