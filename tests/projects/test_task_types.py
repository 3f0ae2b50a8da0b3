"""Task types from a file to the answers of people and to a file again."""

import csv
import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

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


def test_pictures_have_several_labels_and_those_without_a_line_have_no_answer(several):
    Project.objects.filter(pk=several.pk).update(modality="image")
    project, archive = Project.objects.get(pk=several.pk), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pictures:
        for color, name in enumerate("xyz"):
            picture = io.BytesIO()
            Image.new("RGB", (4, 4), (color, 0, 0)).save(picture, "PNG")
            pictures.writestr(f"{name}.png", picture.getvalue())
        pictures.writestr("labels.csv", "file,labels\nx.png,b|a\ny.png,\n")
    dataset = receive(project, None, SimpleUploadedFile("p.zip", archive.getvalue()), mapping={"empty_is_none": True})
    begin(dataset)
    import_dataset(dataset.pk)
    assert known(project) == {"x.png": ["a", "b"], "y.png": [], "z.png": None}


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
    assert several.items.get(key="2").known == [a.pk]
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


# --- Spans

TEXT = "😀 colon cancer and gout"


@pytest.fixture
def marking(project, manager, annotator) -> Project:
    """Texts in which diseases and organs are marked; marks overlap nowhere."""
    project.labels.all().delete()
    Project.objects.filter(pk=project.pk).update(task="spans")
    project.refresh_from_db()
    for name in ("Disease", "Organ"):
        add_label(project, name)
    return project


def span(start: int, end: int, label: str = "Disease", **more) -> dict:
    return {"start": start, "end": end, "label": label, **more}


def lines(*spans: list, text: str = TEXT) -> str:
    return "\n".join(json.dumps({"id": str(i), "text": text, "spans": given}) for i, given in enumerate(spans, 1))


def test_spans_come_from_json_lines_and_go_out_with_their_text(marking):
    given = [span(19, 23, text="gout"), span(2, 14, text="colon cancer")]
    made = imported(marking, lines(given, [], None), "d.jsonl")
    assert (made.imported, made.labeled) == (3, 2)
    assert known(marking) == {"1": [span(2, 14), span(19, 23)], "2": [], "3": None}
    out = [json.loads(line) for line in exported(marking, "jsonl").splitlines()]
    assert [row["verdict"] for row in out] == [[given[1], given[0]], [], None]
    assert json.loads(next(csv.DictReader(io.StringIO(exported(marking, "csv"))))["verdict"]) == [span(2, 14), span(19, 23)]
    for format in ("csv", "jsonl"):
        other = Project.objects.create(name=format, task="spans")
        imported(other, exported(marking, format), f"x.{format}", text_column="content", label_column="verdict", key_column="key")
        assert known(other) == known(marking)


def test_every_span_that_cannot_be_is_named_with_its_reason(marking):
    faults = {
        "beyond the text, which has 23": [span(19, 24)],
        "no character in it": [span(4, 4)],
        "whole numbers": [span(2.5, 4)],
        "should be 'gout', and there stands 'out'": [span(20, 23, text="gout")],  # counted in UTF-16
        "2 to 14 ('Disease') and 8 to 14 ('Organ') overlap": [span(2, 14), span(8, 14, "Organ")],
        "has no label": [span(2, 14, " ")],
        "must be a list": [{"from": 2, "to": 14}],
        "no JSON list": "gout",
    }
    made = imported(marking, lines(*faults.values(), [span(2, 14)]), "d.jsonl")
    assert made.imported == 1
    assert [error["row"] for error in made.errors] == list(range(1, 1 + len(faults)))
    for words, error in zip(faults, made.errors, strict=True):
        assert words in error["error"], error


def test_spans_may_overlap_where_the_project_says_so(marking):
    Project.objects.filter(pk=marking.pk).update(task="spans_overlapping")
    imported(Project.objects.get(pk=marking.pk), lines([span(8, 14, "Organ"), span(2, 14), [2, 14, "Disease"]]), "d.jsonl")
    marking.refresh_from_db()
    assert known(marking) == {"1": [span(2, 14), span(8, 14, "Organ")]}


def test_marked_words_by_rest(marking, manager, annotator, api):
    imported(marking, lines(None), "d.jsonl")
    item = marking.items.get().pk
    url = f"/api/projects/{marking.pk}/annotations/"

    def answer(value, token="t"):
        return api(annotator).post(url, {"item": item, "value": value, "token": token}, format="json")

    for value, words in (
        ([span(2, 14), span(13, 16)], "2 to 14 ('Disease') and 13 to 16 ('Disease') overlap"),
        ([span(19, 24)], "beyond the text"),
        ([span(2, 14, "Drug")], "The labels are: Disease, Organ"),
        ("gout", "list of spans"),
        (["gout"], "list of spans"),
        ([span(True, 14)], "whole numbers"),
    ):
        said = answer(value)
        assert said.status_code == 400 and words in said.json()["value"][0], said.content
    assert marking.annotations.count() == 0
    assert answer([span(19, 23), span(2, 14, "Organ"), span(19, 23)]).status_code == 201
    assert api(annotator).get(url).json()["results"][0]["value"] == [span(2, 14, "Organ"), span(19, 23)]
    organ = marking.labels.get(name="Organ")
    assert api(manager).get(f"/api/projects/{marking.pk}/items/", {"label": "Organ"}).json()["count"] == 1
    merge_label(organ, marking.labels.get(name="Disease"))
    assert api(annotator).get(url).json()["results"][0]["value"] == [span(2, 14), span(19, 23)]


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ([[span(0, 4, 1), span(6, 9, 2)], [span(0, 4, 1)], [span(0, 5, 1)]], [span(0, 4, 1)]),
        ([[span(0, 4, 1)], [span(0, 5, 1)]], None),  # each has half of the answers
        ([[], [], [span(0, 4, 1)]], []),
    ],
)
def test_a_span_holds_that_more_than_half_have_exactly(answers, value):
    assert task_type("spans").consensus(answers) == value


def test_only_texts_have_words_to_mark_and_no_run_learns_it(marking, admin_user, manager, api, browse):
    said = api(admin_user).post("/api/projects/", {"name": "New", "task": "spans", "modality": "image"}, format="json")
    assert said.status_code == 400 and "texts only" in said.json()["task"][0]
    page = browse(admin_user).post(
        "/projects/new/", {"name": "New", "task": "spans", "modality": "table", "annotators_per_item": 1}
    )
    assert page.status_code == 400 and b"texts only" in page.content
    said = api(manager).post("/api/runs/", {"project": marking.pk, "kind": "development"}, format="json")
    assert said.status_code == 400 and "mark words" in said.content.decode()
    assert b"mark words" in browse(manager).get(f"/projects/{marking.pk}/runs/new/").content
