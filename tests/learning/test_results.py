"""The results page and its files."""

import csv
import io
import json

import pytest

from annotation.models import Purpose
from tests.learning.conftest import add_round, answer, ask


def text_of(response) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode()


def test_the_page_of_a_finished_run_says_why_it_stopped_and_how_good_it_is(make_run, with_model, browse, viewer):
    run = make_run(rounds=3, status="finished", phase="finished", stop_reason="The budget of 20 labels is spent.")
    with_model(run)
    page = browse(viewer).get(f"/distilling/{run.pk}/results/").content.decode()
    for expected in (
        "The budget of 20 labels is spent.",
        "0.800",
        "0.700 to 0.900",
        "F1 (macro)",
        "Most often confused",
        "Per class",
    ):
        assert expected in page


@pytest.mark.parametrize("rounds, status", [(0, "queued"), (0, "failed"), (2, "running"), (2, "paused")])
def test_the_page_works_with_what_there_is(make_run, browse, viewer, rounds, status):
    run = make_run(rounds=rounds, status=status, phase="preparing")
    page = browse(viewer).get(f"/distilling/{run.pk}/results/")
    assert page.status_code == 200 and "not over yet" in page.content.decode()


def test_of_many_classes_the_matrix_travels_as_data_and_not_as_a_table(make_run, browse, viewer, project):
    from projects.models import Label

    for i in range(75):
        Label.objects.create(project=project, name=f"intent {i}", color="#123456", position=i + 3)
    run = make_run(rounds=1)
    run.classes = list(project.labels.values_list("pk", flat=True))
    run.save()
    matrix = [[5 if i == j else int((i * j) % 7 == 1) for j in range(77)] for i in range(77)]
    run.trials.get().rounds.update(confusion=matrix)
    response = browse(viewer).get(f"/distilling/{run.pk}/results/")
    assert response.context["table"] == [] and len(response.context["data"]["confusion"]) == 77
    assert 'id="heatmap"' in response.content.decode() and "intent 74" in response.content.decode()


def test_metrics_csv_has_a_row_per_round_also_where_columns_differ(make_run, browse, viewer):
    run = make_run(rounds=1)
    row = add_round(run.trials.get(), 2)
    row.metrics = {}
    row.save()
    rows = list(csv.DictReader(io.StringIO(text_of(browse(viewer).get(f"/distilling/{run.pk}/download/metrics.csv")))))
    assert [(r["round"], r["labels"], r["accuracy"]) for r in rows] == [("1", "6", "0.6"), ("2", "10", "")]


def test_data_csv_has_labels_people_prediction_split_and_round(make_run, with_model, browse, viewer, annotator, items, project):
    run = make_run(rounds=2, status="finished", phase="finished")
    with_model(run)
    spam = project.labels.get(name="spam")
    query = ask(run, items[10:11], round_number=1)[0]
    answer(query, annotator, spam)
    ask(run, items[11:12], status="withdrawn")
    ask(run, items[15:16], purpose=Purpose.TEST, round_number=0)
    rows = list(csv.DictReader(io.StringIO(text_of(browse(viewer).get(f"/distilling/{run.pk}/download/data.csv")))))
    assert len(rows) == 50
    assert rows[0]["imported_label"] == "ham" and rows[0]["split"] == "test" and rows[0]["content"] == "text 0, with a comma"
    asked = rows[10]
    said = [(answer["annotator"], answer["label"]) for answer in json.loads(asked["annotations"])]
    assert (asked["verdict"], asked["verdict_source"], said) == ("spam", "people", [("annotator", "spam")])
    assert (asked["prediction"], asked["prediction_probability"]) == ("spam", "0.75")
    assert (asked["asked_round"], asked["asked_purpose"], asked["asked_strategy"]) == ("1", "query", "margin")
    assert (rows[11]["asked_round"], rows[11]["prediction"]) == ("", "ham")
    assert (rows[15]["asked_round"], rows[15]["asked_purpose"]) == ("0", "test")


def test_data_csv_takes_no_query_per_row(make_run, with_model, browse, viewer, django_assert_max_num_queries):
    run = make_run(rounds=2, status="finished", phase="finished")
    with_model(run)
    client = browse(viewer)
    with django_assert_max_num_queries(20):
        text_of(client.get(f"/distilling/{run.pk}/download/data.csv"))


@pytest.mark.parametrize("what", ["model.skops", "model-card.md", "bundle.zip"])
def test_a_model_that_is_not_there_leads_back_with_a_sentence(make_run, browse, viewer, what):
    run = make_run()
    response = browse(viewer).get(f"/distilling/{run.pk}/download/{what}", follow=True)
    assert response.status_code == 200 and "no model file yet" in response.content.decode()


def test_an_unknown_file_is_not_found(make_run, browse, viewer):
    assert browse(viewer).get(f"/distilling/{make_run().pk}/download/passwords.txt").status_code == 404
