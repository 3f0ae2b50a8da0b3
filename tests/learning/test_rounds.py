"""What each round decides and keeps: seeds, warm-up, batches, advice, and estimates from the queries."""

import numpy as np
import pytest
from django.test import TestCase

from annotation.models import Purpose, Query, TellingWords
from learning.batches import arrived, entropy
from learning.configuration import ConfigurationError
from learning.engine import lure_share
from learning.estimates import accuracy_of_queries
from learning.jobs import advance
from learning.models import Event, WarmState
from projects.labels import add_label, change_label
from tests.learning.runs import NOISE, WORDS, answer_open, fill, finished, started

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.MEDIA_ROOT, settings.FEATURES_DIR = tmp_path / "media", tmp_path / "features"


def rounds_of(run):
    return list(run.trials.get().rounds.order_by("number"))


@pytest.mark.parametrize("how", ["random", "stratified", "k_center"])
def test_a_seed_of_every_kind_starts_a_run(project, how):
    fill(project, 120)
    run = finished(project, oracle="known", seed_strategy=how, seed_size=12, stop=[{"name": "rounds", "rounds": 2}])
    assert run.status == "finished", run.error
    seed = Query.objects.filter(trial__run=run, purpose=Purpose.SEED)
    assert seed.count() == 12 and set(seed.values_list("strategy", flat=True)) == {how}


def test_a_stratified_seed_needs_labels_and_says_so(project):
    fill(project, 120, known="half")
    with pytest.raises(ConfigurationError, match="label of every item beforehand"):
        started(project, oracle="people", seed_strategy="stratified")


def test_the_warm_up_asks_until_every_class_has_its_labels(project):
    classes = fill(project, 300)
    run = finished(
        project, oracle="known", seed_size=2, batch_size=4, exploration=0, strategy={"name": "entropy"},
        warm_up={"strategy": "k_center", "labels_per_class": 5}, stop=[{"name": "budget", "labels": 60}],
    )  # fmt: skip
    rows = rounds_of(run)
    asked_by = [row.batch.get("strategy") for row in rows[:-1]]
    switch = asked_by.index("entropy")
    assert switch > 0 and set(asked_by[:switch]) == {"k_center"} and set(asked_by[switch:]) == {"entropy"}
    assert min(rows[switch - 1].batch["labeled"]) < 5 <= min(rows[switch].batch["labeled"])
    assert set(Query.objects.filter(trial__run=run, round_number=1).values_list("strategy", flat=True)) == {"k_center"}
    assert len(classes) == 300


def test_a_warm_up_that_needs_a_model_is_refused(project):
    fill(project, 60)
    with pytest.raises(ConfigurationError, match="one that needs no model"):
        started(project, warm_up={"strategy": "margin", "labels_per_class": 3})


def test_while_one_class_alone_is_labeled_the_loop_goes_on_and_says_which_is_missing(project):
    """A seed of one class: no model, no score, no exception; the phase names what is lacking."""
    from learning.loop import Loop

    classes = fill(project, 150, known="none")
    labels = list(project.labels.order_by("position"))
    only = [i for i, c in enumerate(classes) if c == 0][:8]
    for item in project.items.filter(key__in=[f"k{i}" for i in only]):
        item.verdicts.create(project=project, value=labels[0].pk, source="imported")
    said = []
    real = Loop._move
    Loop._move = lambda self, phase, detail="": (said.append(detail), real(self, phase, detail))
    try:
        stop = [{"name": "budget", "labels": 100}]
        run = finished(project, oracle="people", seed_size=5, test_ratio=0, stop=stop, warm_up={"strategy": "k_center"})
    finally:
        Loop._move = real
    (row,) = rounds_of(run)
    assert row.metrics == {} and row.batch["strategy"] == "k_center" and row.batch["size"] > 0
    assert f"K-center (core-set) asks meanwhile: no label yet of {labels[1].name}." in said
    assert run.status == "running" and not run.error


def test_every_round_keeps_what_its_batch_looked_like(project):
    fill(project, 200)
    run = finished(project, oracle="known", seed_size=10, batch_size=10, stop=[{"name": "budget", "labels": 50}])
    rows = rounds_of(run)
    for before, row in zip(rows, rows[1:], strict=False):
        assert sum(row.batch["arrived"]) == row.n_labeled - before.n_labeled == 10
        assert row.batch["arrived_entropy"] == pytest.approx(entropy(np.array(row.batch["arrived"])))
        assert before.batch["size"] == sum(before.batch["predicted"]) == 10
    assert "arrived" not in rows[0].batch and sum(rows[0].batch["labeled"]) == 10


def test_entropy_and_arrivals_by_hand():
    assert entropy(np.array([5, 5])) == pytest.approx(np.log(2))
    assert entropy(np.array([7, 0])) == 0 and entropy(np.array([0, 0])) is None
    taken_back = arrived(np.array([3, 4, 1]), [5, 2])
    assert taken_back["arrived"] == [0, 2, 1]


def test_a_criterion_that_advises_ends_nothing_but_speaks(project):
    fill(project, 200)
    advice = {"name": "stabilizing_predictions", "threshold": 0.1, "window": 1, "action": "advise"}
    run = finished(project, oracle="known", batch_size=20, stop=[{"name": "budget", "labels": 130}, advice])
    rows = rounds_of(run)
    assert run.stop_reason.startswith("The budget of 130 labels") and len(rows) > 3
    assert not rows[0].advice and any(row.advice.startswith("Predictions no longer change") for row in rows)
    stops = finished(
        project, oracle="known", batch_size=20, min_rounds=4,
        stop=[{"name": "budget", "labels": 130}, advice | {"action": "stop"}],
    )  # fmt: skip
    assert stops.stop_reason.startswith("Predictions no longer change") and len(rounds_of(stops)) >= 4


def test_the_queries_estimate_the_accuracy_of_the_model_that_asked(project):
    """LURE over the last five batches against what those models really get right of what was left then."""
    classes = fill(project, 900, seed=3)
    run = finished(
        project, oracle="known", seed_size=30, batch_size=60, exploration=0.2, test_ratio=0.3,
        strategy={"name": "margin", "batch_mode": "rank", "beta": 0.5}, stop=[{"name": "budget", "labels": 330}],
    )  # fmt: skip
    found = accuracy_of_queries(run)
    assert found["rounds"] == 5 and found["answers"] == 300
    truth = np.mean([row.metrics["accuracy"]["value"] for row in rounds_of(run)[:-1]])
    assert found["low"] - 0.05 <= truth <= found["high"] + 0.05  # the test set has its own error
    assert found["high"] - found["low"] < 0.3 and len(classes) == 900


def test_what_chance_drew_and_nobody_answered_is_gone_from_the_pool(project):
    """Two of five random draws and two of the strategy's answered; of 100 candidates the three others were not its to choose."""
    classes = fill(project, 100, known="all")
    run = started(project, oracle="known")
    trial = run.trials.get()
    trial.rounds.create(number=1, n_labeled=0, n_pool=100, batch={"candidates": 100, "random": 5})
    items = list(project.items.order_by("pk").values_list("pk", "known")[:4])
    purposes = [Purpose.QUERY, Purpose.RANDOM, Purpose.QUERY, Purpose.RANDOM]
    for rank, ((item, known), purpose) in enumerate(zip(items, purposes, strict=True), start=1):
        Query.objects.create(
            project=project, trial=trial, item_id=item, round_number=1, purpose=purpose, rank=rank, wanted=0, status="answered",
            probability=0.01 if purpose == Purpose.RANDOM else 0.1, prediction=known if rank > 1 else 1 - known,
            strategy="margin",
        )  # fmt: skip
    expected = lure_share([([False, False, True, False], [1 / 97, 1 / 96, 0.1, 0.1], 97)])
    found = accuracy_of_queries(run)
    assert found["value"] == pytest.approx(1 - expected["value"]) and found["answers"] == 4
    assert found["low"] == pytest.approx(1 - expected["high"]) and len(classes) == 100


def test_there_is_no_such_estimate_where_the_best_are_taken(project):
    fill(project, 200)
    strategy = {"name": "margin", "batch_mode": "top"}
    run = finished(project, oracle="known", exploration=0.1, strategy=strategy, stop=[{"name": "budget", "labels": 120}])
    assert accuracy_of_queries(run) is None


def test_a_class_that_was_retired_unseen_is_not_waited_for(project, manager):
    """Nobody can give it any more, so criteria that count once all classes were seen must do without it."""
    third = add_label(project, "never used")
    classes = fill(project, 300, known="none")
    run = started(
        project, oracle="people", seed_size=30, batch_size=10, test_ratio=0.2, mode="strict", min_rounds=1,
        stop=[{"name": "accuracy", "target": 0.5, "certainty": 0}],
    )  # fmt: skip
    advance(run.trials.get().pk)
    change_label(third, retired=True)
    for _ in range(3):
        answer_open(run, classes, manager)
        with TestCase.captureOnCommitCallbacks(execute=True):
            advance(run.trials.get().pk)
    run.refresh_from_db()
    assert run.status == "finished" and "accuracy" in run.stop_reason.lower()


def test_nothing_of_the_training_is_kept_when_a_run_is_over(project):
    fill(project, 120)
    run = finished(project, oracle="known", stop=[{"name": "rounds", "rounds": 2}])
    assert run.status == "finished" and not WarmState.objects.exists()
    assert Event.objects.filter(run=run, message__contains="rounds").exists()


def test_the_newest_models_telling_words_are_kept_where_the_project_marks_them(project):
    fill(project)
    settings = {"oracle": "known", "seed_size": 20, "batch_size": 20, "stop": [{"name": "budget", "labels": 80}]}
    finished(project, **settings)
    assert not TellingWords.objects.exists()  # off by default
    project.show_highlights = True
    project.save()
    run = finished(project, **settings)
    kept = TellingWords.objects.get(project=project)
    assert kept.round_number == run.trials.get().round_number
    assert {"prize", "meeting"} & set(kept.words) and set(kept.words) <= {*WORDS[0], *WORDS[1], *NOISE, *map(str, range(200))}
    finished(project, learner={"name": "k_nearest_neighbors"}, **settings)
    assert TellingWords.objects.get(project=project).words == []  # of that model nothing can be said
