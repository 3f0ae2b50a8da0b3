"""An analysis: its plan, its trials as jobs, and that nothing but the plan decides what comes out."""

import os
import random
import sys

import numpy as np
import pytest
from django.test import TestCase

from annotation.models import Annotation, Query
from learning import actions, engine
from learning.analysis import settings, worker
from learning.analysis.space import AnalysisSpace
from learning.configuration import ConfigurationError
from learning.jobs import analyse, analyse_here
from learning.models import Run, Trial, WarmState
from learning.phases import Phase
from projects.errors import WrongState
from tests.learning.runs import fill

pytestmark = pytest.mark.django_db
SMALL = {
    "strategies": ["random", "margin"],
    "batch_sizes": [10, 25],
    "folds": 2,
    "repeats": 2,
    "seed_size": 10,
    "max_labels": 60,
    "random_state": 3,
}


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


def started(project, **given) -> Run:
    run = actions.create_run(None, project, "analysis", {**SMALL, **given})
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.start_run(run, None)
    return run


def work(run: Run, order=None, most: int | None = None) -> Run:
    trials = list(run.trials.exclude(phase__in=[Phase.FINISHED, Phase.FAILED]).values_list("pk", flat=True))
    for pk in (order(trials) if order else trials)[:most]:
        with TestCase.captureOnCommitCallbacks(execute=True):
            analyse_here(pk)
    run.refresh_from_db()
    return run


def results(run: Run) -> dict:
    """All that a curve says, by cell."""
    return {
        (t.strategy, t.batch_size, t.learner, t.features, t.fold, t.repeat): [
            (r.number, r.n_labeled, r.n_pool, r.metrics, r.batch, r.asked) for r in t.rounds.order_by("number")
        ]
        for t in run.trials.all()
    }


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere all threads of a process are equally nice.")
def test_it_computes_at_a_low_priority_and_writes_at_the_ordinary_one(data, transactional_db):
    """Whoever is pushed aside while it writes would hold up all that label."""
    seen, mine = set(), os.getpriority(os.PRIO_PROCESS, 0)

    class Noting(Broken):
        def select(self, context, batch_size):
            seen.add(os.getpriority(os.PRIO_PROCESS, 0))
            return engine.Selection(context.candidates[:batch_size])

    with engine.strategies.temporarily("noting", Noting):
        run = started(data, strategies=["noting"], batch_sizes=[25], repeats=1)
        for trial in run.trials.filter(strategy="noting"):
            analyse(trial.pk)
    assert {t.phase for t in run.trials.filter(strategy="noting")} == {Phase.FINISHED}
    assert seen == {min(19, mine + 10)} and os.getpriority(os.PRIO_PROCESS, 0) == mine


def test_every_cell_of_the_plan_gets_its_curve(data):
    run = work(started(data))
    assert run.status == Run.Status.FINISHED and run.stop_reason == "All 20 trials are done."
    found = results(run)
    assert len(found) == 2 * 2 * (2 * 2 + 1)
    for (_, batch_size, *_), rounds in found.items():
        labels = [row[1] for row in rounds]
        if batch_size:
            assert labels == list(range(10, 60, batch_size)) + ([60] if batch_size == 10 else [60])
        else:
            assert labels == [75]
        assert all(0 <= row[3]["accuracy"]["value"] <= 1 for row in rounds)


def test_in_one_split_all_strategies_start_from_the_same_labels_and_are_tested_on_the_same_items(data):
    found = results(work(started(data, full_model=False)))
    for fold in range(2):
        for repeat in range(2):
            starts = {str(rounds[0][1:4]) for cell, rounds in found.items() if cell[4:] == (fold, repeat)}
            assert len(starts) == 1
    assert len({str(rounds[0]) for rounds in found.values()}) > 1


def test_the_results_depend_on_the_plan_alone(data):
    """Not on the order of the trials, the number of workers or what else runs."""
    forward = results(work(started(data)))
    shuffled = results(work(started(data), order=lambda trials: random.Random(5).sample(trials, len(trials))))
    assert forward == shuffled
    assert results(work(started(data, random_state=4))) != forward


def test_a_trial_that_was_interrupted_ends_with_the_same_curve(data, monkeypatch):
    undisturbed = results(work(started(data, learner="logistic_regression")))
    run = started(data, learner="logistic_regression")
    monkeypatch.setattr(worker, "COMMIT_EVERY", 0.0)
    steps, deaths = 0, 0

    class Killed(BaseException):
        pass

    original = engine.Simulation.step

    def dying(self, on_phase=None):
        nonlocal steps, deaths
        steps += 1
        if steps % 3 == 0:
            deaths += 1
            raise Killed
        return original(self, on_phase)

    monkeypatch.setattr(engine.Simulation, "step", dying)
    for _ in range(100):
        trial = run.trials.exclude(phase=Phase.FINISHED).first()
        if trial is None:
            break
        try:
            analyse_here(trial.pk)
        except Killed:
            Trial.objects.filter(pk=trial.pk).update(worker="", heartbeat_at=None)  # what time does to a dead one's lease
    assert deaths > 10
    assert results(run) == undisturbed
    assert not WarmState.objects.exists()


def test_random_against_random_differs_by_chance_alone(data):
    run = work(started(data, strategies=["random", "random"], full_model=False))
    assert run.configuration["strategy_labels"] == ["random", "random #2"]
    found = results(run)
    pairs = [(rounds, found["random #2", *cell[1:]]) for cell, rounds in found.items() if cell[0] == "random"]
    assert all(a[0][3] == b[0][3] for a, b in pairs)
    assert all(a[0][5] != b[0][5] for a, b in pairs)


def test_peoples_annotations_are_not_touched(data):
    run = work(started(data))
    assert run.status == Run.Status.FINISHED
    assert not Query.objects.exists() and not Annotation.objects.exists()


def test_pause_resume_and_stop(data):
    run = work(started(data), most=3)
    actions.pause_run(run, None)
    before = results(run)
    work(run)
    assert results(run) == before
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.resume_run(run, None)
    work(run, most=2)
    actions.stop_run(run, None)
    kept = results(run)
    work(run)
    run.refresh_from_db()
    assert run.status == Run.Status.STOPPED and results(run) == kept and sum(map(bool, kept.values())) == 5
    with pytest.raises(WrongState):
        actions.stop_run(run, None)


class Broken:
    """A user's own strategy with a fault."""

    label, help, reference, parameters, needs_model = "Broken", "", "", (), False
    name = "broken"

    def select(self, context, batch_size):
        if len(context.labeled) > 30:
            raise ZeroDivisionError("my own fault")
        return engine.Selection(context.candidates[:batch_size])


def test_a_strategy_that_raises_fails_its_own_trials_with_the_reason(data):
    with engine.strategies.temporarily("broken", Broken):
        run = work(started(data, strategies=["random", "broken"], batch_sizes=[10]))
        assert run.status == Run.Status.FINISHED and run.stop_reason == "8 of 12 trials are done; 4 failed."
        failed = run.trials.filter(phase=Phase.FAILED)
        assert {trial.strategy for trial in failed} == {"broken"}
        assert all("my own fault" in trial.error and "select" in trial.traceback for trial in failed)
        assert all(trial.rounds.count() == 0 or trial.rounds.count() < 6 for trial in failed)
        others = [cell for cell, rounds in results(run).items() if rounds and cell[0] != "broken"]
        assert len(others) == 8
        one = failed.first()
        Broken.select = lambda self, context, batch_size: engine.Selection(context.candidates[:batch_size])
        with TestCase.captureOnCommitCallbacks(execute=True):
            assert actions.retry_trials(run, None, one.pk) == 1
        work(run)
        assert run.trials.filter(phase=Phase.FAILED).count() == 3
        assert run.status == Run.Status.FINISHED and run.stop_reason == "9 of 12 trials are done; 3 failed."


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"folds": 1}, "folds", "from 2"),
        ({"folds": 90}, "folds", "fewer items than the 90 folds"),
        ({"batch_sizes": []}, "batch_sizes", "at least one"),
        ({"batch_sizes": [10, "x"]}, "batch_sizes", "whole number"),
        ({"batch_sizes": [70]}, "batch_sizes", "50 labels are asked for"),
        ({"strategies": ["nobody"]}, "strategies.0", "nobody"),
        ({"strategies": [{"name": "margin", "batch_mode": "best"}]}, "strategies.0.batch_mode", "one of"),
        ({"seed_size": 75}, "seed_size", "as large as the pool"),
        ({"max_labels": 10}, "max_labels", "end where they start"),
        ({"metrics": ["speed"]}, "metrics", "accuracy"),
        ({"split": "column", "split_column": "part"}, "split_column", "no column"),
        ({"nonsense": 1}, "nonsense", "Unknown setting"),
        ({"strategy_labels": ["a"]}, "strategy_labels", "one per strategy"),
        ({"features": ["pixels"]}, "features.0", "image items"),
        ({"seed_ratio": 0.2}, "seed_ratio", "either"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_before_the_start(data, given, field, words):
    with pytest.raises(ConfigurationError) as caught:
        settings.validate(data, {**SMALL, **given})
    assert words in " ".join(caught.value.errors[field])


def test_a_partly_labelled_set_goes_on_only_on_the_users_word(project):
    fill(project, 150, known="half")
    with pytest.raises(ConfigurationError, match="75 of 150 items have no known label"):
        settings.validate(project, {**SMALL, "folds": 3})
    run = work(started(project, folds=3, leave_out=True, max_labels=40, batch_sizes=[10]))
    assert run.status == Run.Status.FINISHED
    asked = {item for rounds in results(run).values() for row in rounds for item in row[5]}
    assert asked and not project.items.filter(pk__in=asked, known=None).exists()
    assert all(row[2] + row[1] == 50 for rounds in results(run).values() for row in rounds)


def test_random_is_always_beside_the_others(data):
    complete = settings.validate(data, {"strategies": ["margin"]})
    assert complete["strategy_labels"] == ["random", "margin"]
    assert settings.validate(data, complete) == complete


def test_names_say_what_sets_two_of_the_same_strategy_apart(data):
    two = [{"name": "margin", "batch_mode": "top"}, {"name": "margin", "batch_mode": "rank"}]
    assert settings.validate(data, {"strategies": two})["strategy_labels"] == ["random", "margin (top)", "margin (rank)"]


def test_a_split_by_a_column_is_that_split(data):
    for i, item in enumerate(data.items.order_by("pk")):
        item.metadata = {"part": "test" if i < 50 else "train"}
        item.save()
    run = work(started(data, split="column", split_column="part", repeats=2))
    tested = [set(data.items.order_by("pk")[:50].values_list("pk", flat=True))] * 2
    for repeat in range(2):
        space = worker.AnalysisSpace(run, 0, repeat)
        assert set(space.ids[space.test].tolist()) == tested[repeat]
    seeds = {str(rounds[0][3]) for cell, rounds in results(run).items() if cell[1]}
    assert len(seeds) == 2  # the repeats start from other seeds


@pytest.mark.parametrize("column", ["contains", "isnull", "2019", "my__split", "a'b", 'q"x', "has space"])
def test_a_column_may_have_any_name(data, column):
    for n, item in enumerate(data.items.order_by("pk")):
        item.metadata = {column: "test" if n % 5 == 0 else "train"}
        item.save(update_fields=["metadata"])
    run = started(data, split="column", split_column=column, test_value="test", repeats=1)
    assert len(AnalysisSpace.of(run.trials.first()).test) == data.items.count() / 5


def test_an_analysis_that_is_paused_while_its_last_trial_ends_is_over_when_it_goes_on(data, monkeypatch):
    run = started(data, strategies=["random"], batch_sizes=[25], folds=2, repeats=1)
    last, step = run.trials.order_by("pk").last().pk, worker.Analyst._step

    def step_and_pause(self):
        done = step(self)
        if self.trial.pk == last and len(done["asked"]) == 0:
            actions.pause_run(Run.objects.get(pk=run.pk), None)
        return done

    monkeypatch.setattr(worker.Analyst, "_step", step_and_pause)
    assert work(run).status == "paused" and not run.trials.exclude(phase="finished").exists()
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.resume_run(run, None)
    run.refresh_from_db()
    assert run.status == "finished" and run.stop_reason.startswith("All ")


def test_hold_outs_are_drawn_anew_for_every_repeat(data):
    run = started(data, split="holdout", test_ratio=0.4, repeats=3)
    assert run.trials.count() == 3 * 5
    tests = [worker.AnalysisSpace(run, 0, repeat).test for repeat in range(3)]
    assert all(len(test) == 60 for test in tests) and len({tuple(test) for test in tests}) == 3


def test_folds_test_every_item_once_per_repeat(data):
    run = started(data, folds=5)
    for repeat in range(2):
        tested = np.concatenate([worker.AnalysisSpace(run, fold, repeat).test for fold in range(5)])
        assert np.array_equal(np.sort(tested), np.arange(150))


def test_a_label_that_changes_meanwhile_changes_no_trial(data):
    undisturbed = results(work(started(data)))
    run = work(started(data), most=3)
    first, second = data.labels.values_list("pk", flat=True)
    data.items.filter(known=first).update(known=second)
    data.verdicts.update(value=second)
    assert results(work(run)) == undisturbed
