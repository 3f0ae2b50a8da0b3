"""What a run's report says, against numbers worked out by hand."""

import pytest

from annotation.models import Purpose
from learning.reports import per_class, report, timing, top_confusions
from tests.learning.conftest import answer, ask

LABELS = [{"id": 1, "name": "ham", "color": "#111111"}, {"id": 2, "name": "spam", "color": "#222222"}]


def test_precision_recall_and_f1_come_from_the_confusion_matrix():
    ham, spam = per_class([[4, 1], [2, 3]], LABELS)
    assert (ham["precision"], ham["recall"], ham["support"]) == (pytest.approx(4 / 6), pytest.approx(4 / 5), 5)
    assert spam["f1"] == pytest.approx(2 * 3 / (5 + 4))


def test_a_class_without_test_items_has_no_recall_rather_than_zero():
    ham, spam = per_class([[4, 0], [0, 0]], LABELS)
    assert ham["recall"] == 1.0
    assert (spam["recall"], spam["precision"], spam["f1"]) == (None, None, None)


def test_the_most_frequent_confusion_comes_first_and_hits_are_none():
    assert [(c["true"], c["predicted"], c["n"]) for c in top_confusions([[4, 1], [2, 3]], LABELS)] == [
        ("spam", "ham", 2),
        ("ham", "spam", 1),
    ]
    assert top_confusions([[4, 0], [0, 3]], LABELS) == []
    assert top_confusions([], LABELS) == []


def test_timing_says_what_share_went_outside_the_learner(make_run):
    run = make_run(rounds=2)
    found = timing(list(run.trials.get().rounds.all()))
    assert found["seconds"] == pytest.approx(1.0)
    assert found["share_outside"] == pytest.approx(0.2)


def test_best_is_the_earliest_of_the_best_rounds_by_the_watched_metric(make_run):
    run = make_run(rounds=3)
    trial = run.trials.get()
    trial.rounds.filter(number=3).update(metrics=trial.rounds.get(number=2).metrics)
    found = report(run)
    assert found["main_metric"] == "accuracy"
    assert (found["last"]["round"], found["best"]["round"]) == (3, 2)


def test_labels_are_counted_by_person_and_by_purpose(make_run, items, annotator, colleague, project):
    run = make_run()
    ham = project.labels.get(name="ham")
    queries = ask(run, items[10:14]) + ask(run, items[14:16], purpose=Purpose.TEST)
    for query in queries[:3]:
        answer(query, annotator, ham, seconds=2)
    answer(queries[4], colleague, ham, seconds=4)
    found = report(run)
    assert [(p["name"], p["labels"], p["seconds"]) for p in found["people"]] == [("annotator", 3, 2.0), ("colleague", 1, 4.0)]
    assert {p["purpose"]: (p["asked"], p["answered"]) for p in found["purposes"]} == {"test": (2, 1), "query": (4, 3)}


def test_known_labels_are_not_counted_as_a_persons(make_run, items):
    run = make_run()
    ask(run, items[10:14], status="answered", wanted=0)
    assert report(run)["people"] == [{"name": "", "labels": 4, "skipped": 0, "seconds": None}]


def test_a_run_without_rounds_has_a_report_all_the_same(make_run):
    found = report(make_run(rounds=0))
    assert (found["last"], found["best"], found["per_class"], found["timing"]["seconds"]) == (None, None, [], 0)


def test_a_label_that_was_merged_away_still_has_its_row(make_run, project):
    run = make_run()
    project.labels.get(name="ham").delete()
    assert [row["name"] for row in report(run)["per_class"]] == [f"(label {run.classes[0]})", "spam"]
