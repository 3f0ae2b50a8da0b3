"""Task types from a file to the answers of people and to a file again."""

import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from projects.exporting import export
from projects.importing import ImportRefused, begin, receive
from projects.item_search import find_items
from projects.jobs import import_dataset
from projects.labels import LabelRefused, add_label, change_label, merge_label, used_labels
from projects.models import Dataset, Label, Project
from projects.summaries import label_counts
from projects.task_types import InvalidValue, task_type


@pytest.fixture
def several(project, manager, annotator) -> Project:
    """Items with several labels: a, b, c, in this order."""
    project.labels.all().delete()
    Project.objects.filter(pk=project.pk).update(task="multiple")
    project.refresh_from_db()
    for name in "abc":
        add_label(project, name)
    return project


def imported(project: Project, text: str, name: str = "data.csv", **mapping) -> Dataset:
    dataset = receive(project, None, SimpleUploadedFile(name, text.encode()), mapping=mapping)
    begin(dataset)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    return dataset


def known(project: Project) -> dict:
    """{key: the imported value, with names}"""
    names, task = dict(project.labels.values_list("pk", "name")), task_type(project.task)
    return {item.key: task.raw(item.known, names) for item in project.items.all()}


def exported(project: Project, format: str) -> str:
    return b"".join(export(project, format)).decode()


def test_names_come_in_any_form_and_order_and_an_empty_cell_is_no_answer(several):
    made = imported(several, 'id,text,labels\n1,one,c|a\n2,two,\n3,three,|\n4,four,"[""b"", ""new""]"\n5,five, b | b |\n')
    assert (made.imported, made.labeled, made.skipped) == (5, 4, 0)
    assert known(several) == {"1": ["a", "c"], "2": None, "3": [], "4": ["b", "new"], "5": ["b"]}


def test_an_empty_cell_is_none_of_them_where_the_mapping_says_so(several):
    imported(several, "id,text,labels\n1,one,a\n2,two,\n", empty_is_none=True)
    assert known(several) == {"1": ["a"], "2": []}


def test_an_empty_cell_is_no_answer_of_one_label(project, manager):
    with pytest.raises(ImportRefused, match="several labels"):
        imported(project, "id,text,labels\n1,one,ham\n", empty_is_none=True)


def test_json_lines_say_null_and_none_of_them_apart_and_name_what_is_no_list(several):
    lines = [
        {"id": "1", "text": "x", "labels": None},
        {"id": "2", "text": "x", "labels": []},
        {"id": "3", "text": "x", "labels": ["b", "a"]},
    ]
    lines += [{"id": "4", "text": "x", "labels": ["a|b"]}, {"id": "5", "text": "x", "labels": [["a"]]}]
    made = imported(several, "\n".join(map(json.dumps, lines)), "data.jsonl")
    assert known(several) == {"1": None, "2": [], "3": ["a", "b"]}
    assert [(error["key"], error["field"]) for error in made.errors] == [("4", "labels"), ("5", "labels")]
    assert "has no |" in made.errors[0]["error"] and "list of names" in made.errors[1]["error"]


def test_answers_by_rest_go_out_and_come_in_again(several, manager, annotator, api):
    imported(several, "id,text,labels\n1,one,c|a\n2,two,\n3,three,\n4,four,\n")
    items = {item.key: item.pk for item in several.items.all()}
    client, url = api(annotator), f"/api/projects/{several.pk}/annotations/"
    for key, value, stored in (("2", ["c", "b"], ["b", "c"]), ("3", [], []), ("1", "b|a", ["a", "b"])):
        said = client.post(url, {"item": items[key], "value": value, "token": f"t{key}"}, format="json")
        assert said.status_code == 201, said.content
        assert client.get(url, {"item": items[key]}).json()["results"][0]["value"] == stored
    for value, words in (
        (["d"], "no label 'd'"),
        ("", "[] for none"),
        ([["a"]], "list of names"),
        ({"a": 1}, "list of names"),
        (None, "list"),
    ):
        said = client.post(url, {"item": items["4"], "value": value, "token": "t4"}, format="json")
        assert said.status_code == 400 and words in said.json()["value"][0], said.content
    item = api(manager).get(f"/api/projects/{several.pk}/items/{items['1']}/").json()
    assert (item["imported_label"], item["verdict"], item["annotations"][0]["label"]) == (["a", "c"], ["a", "b"], ["a", "b"])
    rows = {row["key"]: row["verdict"] for row in csv.DictReader(io.StringIO(exported(several, "csv")))}
    assert rows == {"1": "a|b", "2": "b|c", "3": "|", "4": ""}
    lines = [json.loads(line) for line in exported(several, "jsonl").splitlines()]
    assert {row["key"]: row["verdict"] for row in lines} == {"1": ["a", "b"], "2": ["b", "c"], "3": [], "4": None}
    assert lines[0]["annotations"][0]["label"] == ["a", "b"]

    for format, name in (("csv", "again.csv"), ("jsonl", "again.jsonl")):
        other = Project.objects.create(name=format, task="multiple")
        imported(other, exported(several, format), name, text_column="content", label_column="verdict", key_column="key")
        assert known(other) == {"1": ["a", "b"], "2": ["b", "c"], "3": [], "4": None}


def test_a_label_is_not_taken_for_one_whose_id_begins_alike(several):
    several.labels.all().delete()
    for pk, name in ((7001, "a"), (70011, "b"), (17001, "c")):
        Label.objects.create(pk=pk, project=several, name=name)
    imported(several, "id,text,labels\n1,one,b\n2,two,a|b\n3,three,c\n4,four,|\n")
    found = {pk: sorted(item.key for item in find_items(several, label_id=pk)) for pk in (7001, 70011, 17001)}
    assert found == {7001: ["2"], 70011: ["1", "2"], 17001: ["3"]}


def test_labels_are_counted_and_merged_without_doubles_in_gold_too(several, manager):
    imported(several, "id,text,labels\n1,one,b\n2,two,a|b\n3,three,b|c\n4,four,|\n")
    a, b, c = several.labels.all()
    several.golds.create(item=several.items.get(key="3"), value=[b.pk, c.pk], created_by=manager)
    assert label_counts(several) == {a.pk: 1, b.pk: 3, c.pk: 1}
    assert used_labels(several) == {a.pk, b.pk, c.pk}
    assert merge_label(b, a) == 3
    assert known(several) == {"1": ["a"], "2": ["a"], "3": ["a", "c"], "4": []}
    assert several.golds.get().value == [a.pk, c.pk]
    assert label_counts(several) == {a.pk: 3, c.pk: 1}


def test_a_name_with_a_bar_is_refused_where_files_separate_by_it(several, admin_user, api):
    for refused in (lambda: add_label(several, "a|b"), lambda: change_label(several.labels.first(), name="|")):
        with pytest.raises(LabelRefused, match="no |"):
            refused()
    new = {"name": "New", "task": "multiple", "labels": ["x", "y|z"]}
    said = api(admin_user).post("/api/projects/", new, format="json")
    assert said.status_code == 400 and "y|z" in said.json()["labels"][0]
    assert api(admin_user).post("/api/projects/", new | {"task": "single"}, format="json").status_code == 201


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ([[1, 2], [1], [1, 3]], [1]),
        ([[1], [2], [3]], []),
        ([[], []], []),
        ([[1, 2], [1]], None),  # half of them say 2
        ([[1], [1], [2], [2]], None),
        ([], None),
    ],
)
def test_each_label_is_decided_by_the_majority(answers, value):
    assert task_type("multiple").consensus(answers) == value


def test_what_has_no_meaning_for_several_labels_is_refused_in_words(several, manager, api, browse):
    said = api(manager).patch(f"/api/projects/{several.pk}/", {"consensus": "weighted"}, format="json")
    assert said.status_code == 400 and "one label each" in said.json()["consensus"][0]
    assert b"Weighted" not in browse(manager).get(f"/projects/{several.pk}/settings/").content


def test_a_value_that_is_none_of_the_task_is_named(several):
    ids = dict(several.labels.values_list("name", "pk"))
    with pytest.raises(InvalidValue, match="a, b, c"):
        task_type("multiple").parse(["nothing"], ids)
