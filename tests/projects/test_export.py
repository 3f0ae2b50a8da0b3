"""Exports: every label, where it came from, in each format."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from annotation.models import Annotation, Purpose, Query, Verdict
from learning.models import Run, Trial
from projects.exporting import UnknownFormat, export
from projects.models import Dataset, Item, Project


def make_items(project: Project, contents: list[str], **fields) -> list[Item]:
    dataset = Dataset.objects.create(project=project, name="mails.csv", status="finished")
    return Item.objects.bulk_create(
        Item(project=project, dataset=dataset, key=f"k{i}", content=content, **fields) for i, content in enumerate(contents)
    )


def csv_rows(project: Project, **kwargs) -> list[dict]:
    return list(csv.DictReader(io.StringIO(b"".join(export(project, "csv", **kwargs)).decode(), newline="")))


def jsonl_rows(project: Project, **kwargs) -> list[dict]:
    return [json.loads(line) for line in b"".join(export(project, "jsonl", **kwargs)).decode().splitlines()]


def parquet_table(project: Project, **kwargs):
    return pq.read_table(io.BytesIO(b"".join(export(project, "parquet", **kwargs))))


@pytest.fixture
def labeled(project, annotator, colleague):
    """Five items: the first imported as ham and answered spam by one and skipped by another; the fourth labelled by a model."""
    ham, spam = project.labels.values_list("pk", flat=True)
    items = make_items(project, ["free money", 'näher, "zu"\nDir', "=1+1", "plain", "line\u2028break"])
    Item.objects.filter(pk=items[0].pk).update(known=ham)
    Verdict.objects.create(project=project, item=items[0], value=ham, source="imported", current=False)
    Verdict.objects.create(project=project, item=items[0], value=spam, source="people")
    Verdict.objects.create(project=project, item=items[3], value=ham, source="model", probability=0.9)
    common = {"project": project, "item": items[0]}
    Annotation.objects.create(**common, user=annotator, value=ham, token="0", current=False)
    Annotation.objects.create(**common, user=annotator, value=spam, seconds=2.5, flagged=True, comment="sure", token="1")
    Annotation.objects.create(**common, user=colleague, skipped=True, token="2")
    return items


def ask(project: Project, items: list[Item], **fields) -> Run:
    run = Run.objects.create(project=project, status="running")
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=2)
    for rank, item in enumerate(items, 1):
        Query.objects.create(
            project=project, trial=trial, item=item, round_number=3, purpose=Purpose.QUERY, strategy="margin", score=0.25,
            rank=rank, closed_at=timezone.now(), **fields,
        )  # fmt: skip
    return run


def test_each_row_has_its_verdict_and_where_it_came_from(project, labeled):
    rows = csv_rows(project)
    assert [row["key"] for row in rows] == ["k0", "k1", "k2", "k3", "k4"]
    first = rows[0]
    assert (first["content"], first["dataset"], first["imported_label"]) == ("free money", "mails.csv", "ham")
    assert (first["verdict"], first["verdict_source"], first["n_annotations"]) == ("spam", "people", "1")
    assert (rows[3]["verdict"], rows[3]["verdict_source"], rows[3]["verdict_probability"]) == ("ham", "model", "0.9")
    assert (rows[1]["verdict"], rows[1]["verdict_source"], rows[1]["annotations"]) == ("", "", "")


def test_current_answers_are_listed_with_all_that_people_said(project, labeled):
    [spam, skipped] = json.loads(csv_rows(project)[0]["annotations"])
    assert (spam["annotator"], spam["label"], spam["seconds"]) == ("annotator", "spam", 2.5)
    assert (spam["flagged"], spam["comment"]) == (True, "sure")
    assert (skipped["annotator"], skipped["label"], skipped["skipped"]) == ("colleague", None, True)


def test_the_three_formats_say_the_same(project, labeled):
    lines, table = jsonl_rows(project), parquet_table(project).to_pylist()
    for row, line, record in zip(csv_rows(project), lines, table, strict=True):
        for name in ("key", "content", "dataset", "verdict", "verdict_source", "imported_label"):
            assert row[name] == (line[name] or "") == (record[name] or "")
        assert line["annotations"] == json.loads(record["annotations"] or "[]")
    assert table[3]["verdict_probability"] == 0.9 and lines[3]["verdict_probability"] == 0.9
    assert lines[0]["verdict_at"] == table[0]["verdict_at"].isoformat()


def test_with_a_run_each_row_says_why_it_was_asked(project, labeled):
    run = ask(project, labeled[1:3])
    spam = project.labels.get(name="spam").pk
    extra = {labeled[1].pk: {"split": "pool", "prediction": spam, "prediction_probability": 0.7}}
    rows = csv_rows(project, run=run, extra=extra)
    asked = {name: rows[1][f"asked_{name}"] for name in ("round", "purpose", "rank", "score", "strategy")}
    assert asked == {"round": "3", "purpose": "query", "rank": "1", "score": "0.25", "strategy": "margin"}
    assert (rows[1]["split"], rows[1]["prediction"], rows[1]["prediction_probability"]) == ("pool", "spam", "0.7")
    assert (rows[0]["asked_round"], rows[0]["prediction"]) == ("", "")


def test_a_withdrawn_query_was_not_asked(project, labeled):
    run = ask(project, labeled[1:3], status="withdrawn")
    assert csv_rows(project, run=run)[1]["asked_round"] == ""


def test_table_rows_have_a_column_per_column_and_a_prefix_only_where_names_collide(project):
    project.modality = "table"
    project.save()
    make_items(project, [json.dumps(row) for row in ({"age": 3, "key": "a"}, {"age": 4.5, "late": True, "key": "b"})])
    first, second = csv_rows(project)
    assert (first["key"], first["column_key"], first["age"], first["late"]) == ("k0", "a", "3", "")
    assert (second["age"], second["late"]) == ("4.5", "True")
    table = parquet_table(project)
    assert {name: str(table.schema.field(name).type) for name in ("age", "late", "column_key")} == {
        "age": "double", "late": "bool", "column_key": "string",
    }  # fmt: skip
    assert jsonl_rows(project)[0]["content"] == {"age": 3, "key": "a"}


def test_columns_of_mixed_kinds_become_texts_in_parquet(project):
    project.modality = "table"
    project.save()
    make_items(project, [json.dumps({"x": value}) for value in (1, "two", None, 2**70)])
    assert parquet_table(project).column("x").to_pylist() == ["1", "two", None, str(2**70)]


def test_pictures_come_with_their_address(project):
    project.modality = "image"
    project.save()
    [item] = make_items(project, ["images/1/a.png"])
    [row] = csv_rows(project, base_url="https://alambic.example")
    assert row["content"] == "images/1/a.png"
    assert row["image_url"] == f"https://alambic.example/projects/{project.pk}/items/{item.pk}/image/"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_spreadsheet_safe_disarms_formulas_and_only_on_request(project, text):
    make_items(project, [text])
    assert csv_rows(project)[0]["content"] == text
    assert csv_rows(project, spreadsheet_safe=True)[0]["content"] == f"'{text}"


def test_spreadsheet_safe_disarms_the_names_of_columns_too(project):
    project.modality = "table"
    project.save()
    make_items(project, [json.dumps({"=cmd": "x"})])
    assert "'=cmd" in csv_rows(project, spreadsheet_safe=True)[0]


def test_chunks_leave_nothing_out_and_cost_a_fixed_number_of_queries(project, monkeypatch, django_assert_num_queries):
    make_items(project, [f"text {i}" for i in range(25)])
    with django_assert_num_queries(2 + 3 + 1):  # labels, data sets; items, verdicts, answers; the empty chunk at the end
        assert len(csv_rows(project)) == 25
    monkeypatch.setattr("projects.exporting.CHUNK", 10)
    with django_assert_num_queries(2 + 3 * 3 + 1):
        assert [row["key"] for row in csv_rows(project)] == [f"k{i}" for i in range(25)]
    assert parquet_table(project).num_rows == 25


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_an_empty_project_gives_an_empty_file(project, format):
    body = b"".join(export(project, format))
    if format == "parquet":
        assert pq.read_table(io.BytesIO(body)).num_rows == 0
    else:
        assert len(body.decode().splitlines()) == (1 if format == "csv" else 0)


def test_an_unknown_format_is_refused_before_anything_is_sent(project):
    with pytest.raises(UnknownFormat, match="csv, jsonl, parquet"):
        export(project, "xlsx")
