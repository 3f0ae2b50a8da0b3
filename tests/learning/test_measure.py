"""How long an analysis will take: what is measured, what follows from it, and that a lost job is asked for again."""

import django_rq
import numpy as np
import pytest
from django.test import TestCase

from learning import actions, engine
from learning.analysis import estimating, measure, settings
from learning.analysis.measure import on_workers
from learning.jobs import measure_here
from learning.models import Run
from learning.templatetags.estimates import duration
from tests.learning.runs import fill
from tests.learning.test_analysis import SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


def draft(project, **given) -> Run:
    return actions.create_run(None, project, "analysis", {**SMALL, **given})


def estimated(run: Run) -> dict:
    measure_here(run.pk)
    run.refresh_from_db()
    return run.estimate


def jobs() -> list[str]:
    return django_rq.get_queue("analyses").get_job_ids()


def asked(run: Run, **how) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        estimating.ask(run, **how)


def test_every_combination_is_measured_and_the_plan_is_counted_whole(data):
    run = draft(data)
    found = estimated(run)
    facts = settings.forecast(data, run.configuration)
    assert (found["trials"], found["rounds"]) == (facts["n_trials"], facts["n_rounds"])
    assert found["combinations"] == 5 and found["not_reached"] == 0 and found["faults"] == []
    assert {(part["strategy"], part["batch_size"]) for part in found["parts"]} == {
        ("random", 10), ("random", 25), ("margin", 10), ("margin", 25), ("all labels", 0),
    }  # fmt: skip
    assert all(part["measured"] and part["seconds"] > 0 for part in found["parts"])
    total = sum(part["seconds"] for part in found["parts"]) + found["preparing"]
    assert found["seconds"] == pytest.approx(total, abs=0.1)


def test_measuring_leaves_nothing_behind_and_fixes_nothing(data, settings):
    before = set(settings.FEATURES_DIR.rglob("*")) if settings.FEATURES_DIR.exists() else set()
    run = draft(data)
    estimated(run)
    assert set(settings.FEATURES_DIR.rglob("*")) == before
    assert (run.status, run.fingerprint, run.classes, run.last_item_id, run.trials.count()) == ("draft", "", [], None, 0)


class Clocked:
    """Chance, but each choice takes a known time by the fake clock: half a second, and 10 ms more per label there is."""

    label, help, reference, parameters, needs_model, name = "Clocked", "", "", (), False, "clocked"
    now = 0.0

    def select(self, context, batch_size):
        Clocked.now += 0.5 + 0.01 * len(context.labeled)
        return engine.Selection(context.candidates[:batch_size])


def by_the_fake_clock(monkeypatch) -> None:
    Clocked.now = 0.0
    monkeypatch.setattr(measure.time, "perf_counter", lambda: Clocked.now)
    monkeypatch.setattr(measure.time, "monotonic", lambda: Clocked.now)


def test_the_time_of_a_curve_follows_from_its_measured_rounds(data, monkeypatch):
    """A time that grows evenly with the labels is found exactly: 4 splits of 0.5 s + 0.01 s per label in each round."""
    by_the_fake_clock(monkeypatch)
    with engine.strategies.temporarily("clocked", Clocked):
        run = draft(data, strategies=["random", "clocked"], batch_sizes=[5], full_model=False)
        found = measure.measure(data, run.configuration)
    (part,) = [part for part in found["parts"] if part["strategy"] == "clocked"]
    # 10, 15, ... 55 labels; at 60 nothing is chosen, which costs half a second less than it is taken to be: one round of eleven
    true = 4 * sum(0.5 + 0.01 * n for n in range(10, 60, 5))
    assert part["seconds"] - 4 * measure.PER_TRIAL == pytest.approx(true + 4 * (0.5 + 0.01 * 55), rel=0.01)


def test_where_time_is_up_the_rest_is_taken_to_be_like_the_others_and_that_is_said(data, monkeypatch):
    by_the_fake_clock(monkeypatch)
    twice = [{"name": "clocked"}, {"name": "clocked"}, {"name": "clocked"}]
    with engine.strategies.temporarily("clocked", Clocked):
        run = draft(data, strategies=["clocked", *twice, "random"], batch_sizes=[5], full_model=False)
        full = measure.measure(data, run.configuration, limit=10_000)
        short = measure.measure(data, run.configuration, limit=2.5)
    assert full["not_reached"] == 0 and short["not_reached"] >= 3
    of = lambda found, name: next(part for part in found["parts"] if part["strategy"] == name)  # noqa: E731
    last = of(short, "clocked #4")
    assert not last["measured"]
    assert last["seconds"] == pytest.approx(of(full, "clocked #4")["seconds"], rel=0.05)
    assert short["measured_seconds"] < full["measured_seconds"]


class Refuses(Clocked):
    name = "refuses"

    def select(self, context, batch_size):
        raise engine.EngineError("no item is good enough for me")


def test_a_strategy_that_fails_is_named_before_the_start_and_the_others_are_measured(data):
    with engine.strategies.temporarily("refuses", Refuses):
        found = estimated(draft(data, strategies=["random", "refuses"], batch_sizes=[10]))
    assert [fault["strategy"] for fault in found["faults"]] == ["refuses"]
    assert "no item is good enough for me" in found["faults"][0]["error"]
    assert found["not_reached"] == 0 and found["seconds"] > 0


def test_several_learners_feature_sets_and_a_split_by_a_column_are_measured(data):
    for i, item in enumerate(data.items.order_by("pk")):
        item.metadata = {"part": "test" if i < 50 else "train"}
        item.save()
    plan = {"split": "column", "split_column": "part", "batch_sizes": [25], "learners": ["logistic_regression", "svc"]}
    found = estimated(draft(data, **plan, features=["tfidf", "hashing"] if "hashing" in engine.features else ["tfidf"]))
    assert {part["learner"] for part in found["parts"]} == {0, 1} and found["not_reached"] == 0


def test_more_workers_share_all_but_the_features_of_a_split_and_no_trial(data):
    estimate = {"seconds": 110.0, "preparing": 10.0, "longest": 30.0, "trials": 8, "combinations": 4}
    assert on_workers(estimate, None) == on_workers(estimate, 0) == on_workers(estimate, 1) == 110
    assert on_workers(estimate, 2) == 10 + 50
    assert on_workers(estimate, 8) == on_workers(estimate, 100) == 30


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (42, "40 seconds"), (70, "1 minute"), (250, "4 minutes"), (9000, "2.5 hours"), (200_000, "2.3 days")],
)
def test_an_estimate_is_said_no_more_exactly_than_it_is_known(seconds, words):
    assert duration(seconds) == words


# --- The job


def test_asked_twice_it_is_one_job_and_it_comes_before_the_trials_that_wait(data):
    run, other = draft(data), draft(data)
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.start_run(other, None)
    asked(run)
    asked(run)
    assert jobs()[0] == estimating.job_id(run) and jobs().count(estimating.job_id(run)) == 1
    assert estimating.state(run)["state"] == "queued"


def test_a_job_that_redis_lost_is_seen_and_asked_for_again_by_the_page(data, browse, manager, viewer):
    run = draft(data)
    asked(run)
    django_rq.get_queue("analyses").connection.flushdb()
    assert estimating.state(run)["state"] == "lost"
    url = f"/distilling/{run.pk}/estimate/?fragment"
    assert browse(viewer).get(url).status_code == 200 and jobs() == []
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert browse(manager).get(url).status_code == 200
    assert jobs() == [estimating.job_id(run)]


def test_redis_away_is_said_and_breaks_nothing(data, redis_server, browse, manager):
    run = draft(data)
    redis_server.stop()
    try:
        asked(run)
        page = browse(manager).get(f"/distilling/{run.pk}/estimate/?fragment").content.decode()
    finally:
        redis_server.start()
    assert "Redis does not answer" in page and "Start the analysis" in page


def test_an_estimate_holds_for_the_plan_and_the_items_that_it_was_made_of(data):
    run = draft(data)
    estimated(run)
    assert estimating.state(run)["state"] == "done"
    data.items.create(dataset=data.datasets.get(), key="new", content="a late one")
    assert estimating.state(run)["state"] == "lost"


def test_what_cannot_be_measured_is_said_and_can_be_tried_again(data, browse, manager, monkeypatch):
    run = draft(data)

    def broken(*args, **kwargs):
        raise ZeroDivisionError("by nothing")

    with monkeypatch.context() as patch:
        patch.setattr(engine.Simulation, "step", broken)
        assert "by nothing" in estimated(run)["error"]
    client = browse(manager)
    page = client.get(f"/distilling/{run.pk}/estimate/?fragment").content.decode()
    assert "could not be measured" in page and "by nothing" in page and "Measure again" in page
    with TestCase.captureOnCommitCallbacks(execute=True):
        client.post(f"/distilling/{run.pk}/estimate/")
    run.refresh_from_db()
    assert run.estimate == {} and jobs() == [estimating.job_id(run)]
    assert estimated(run)["seconds"] > 0


def test_the_page_of_a_draft_shows_the_estimate(data, browse, manager):
    run = draft(data)
    found = estimated(run)
    page = browse(manager).get(f"/distilling/{run.pk}/").content.decode()
    assert "How long it will take" in page and f"{found['measured_rounds']} rounds in" in page


def test_a_started_run_is_not_measured(data):
    run = draft(data)
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.start_run(run, None)
    assert estimated(run) == {}


def test_by_rest(data, api, manager, viewer):
    run = draft(data)
    url = f"/api/runs/{run.pk}/"
    assert api(viewer).get(url).json()["estimate"] is None
    assert api(viewer).post(f"{url}measure/").status_code == 403
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert api(manager).post(f"{url}measure/").status_code == 200
    assert jobs() == [estimating.job_id(run)]
    found = estimated(run)
    assert api(viewer).get(url).json()["estimate"]["seconds"] == found["seconds"]
    Run.objects.filter(pk=run.pk).update(status="finished")
    assert api(manager).post(f"{url}measure/").status_code == 409


def test_measuring_changes_no_result(data):
    """The rounds that were tried leave no trace: neither in the features nor in any state."""
    from tests.learning.test_analysis import results, started, work

    before = results(work(started(data)))
    run = draft(data)
    estimated(run)
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.start_run(run, None)
    assert results(work(run)) == before
    assert np.all([len(rounds) > 0 for rounds in before.values()])
