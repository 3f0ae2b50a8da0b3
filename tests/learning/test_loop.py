"""The loop over real rows, a real engine and real queries: what a team sees of it."""

import pytest
from django.test import TestCase

from annotation.models import Annotation, Query, Verdict
from learning import actions, engine
from learning.jobs import advance
from learning.models import Run
from tests.learning.runs import answer_open, curve, fill, finished, open_queries, started

pytestmark = pytest.mark.django_db
KNOWN = {"oracle": "known", "seed_size": 10, "batch_size": 10, "stop": [{"name": "budget", "labels": 50}]}
PEOPLE = {"oracle": "people", "seed_size": 10, "batch_size": 10, "test_ratio": 0.1, "stop": [{"name": "budget", "labels": 60}]}


def work(run: Run) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)
    run.refresh_from_db()


def test_known_labels_drive_a_run_to_its_budget(project):
    fill(project)
    run = finished(project, **KNOWN)
    assert (run.status, run.stop_reason) == ("finished", "The budget of 50 labels is spent.")
    rounds = list(run.trials.get().rounds.all())
    assert [r.n_labeled for r in rounds] == [10, 20, 30, 40, 50]
    assert all(
        0 <= r.metrics["accuracy"]["low"] <= r.metrics["accuracy"]["value"] <= r.metrics["accuracy"]["high"] <= 1 for r in rounds
    )
    assert rounds[-1].metrics["accuracy"]["value"] > 0.7


def test_the_test_set_is_never_asked_for_learning_nor_trained_on(project):
    fill(project)
    run = finished(project, **KNOWN)
    asked = set(run.trials.get().queries.values_list("item__key", flat=True))
    test = engine.draw_test(200, run.configuration["test_ratio"], engine.generator(1, "test", 0, 0))
    assert len(asked) == 50 and asked.isdisjoint({f"k{position}" for position in test})
    assert run.trials.get().rounds.last().n_test == 40


def test_no_item_is_asked_twice_in_a_trial(project):
    fill(project)
    items = finished(project, **KNOWN).trials.get().queries.values_list("item_id", flat=True)
    assert len(items) == len(set(items))


def test_every_query_says_why_it_was_asked(project):
    fill(project)
    query = finished(project, **KNOWN).trials.get().queries.filter(round_number=2, purpose="query").first()
    assert query.strategy == "margin" and query.score is not None and query.rank >= 1


def test_a_share_of_each_batch_is_drawn_at_random_and_marked(project):
    fill(project)
    run = finished(project, **KNOWN, exploration=0.3)
    for number in (1, 2, 3):
        assert run.trials.get().queries.filter(round_number=number, purpose="random").count() == 3


def test_the_same_configuration_gives_the_same_curve_bit_for_bit(project):
    fill(project)
    assert curve(finished(project, **KNOWN)) == curve(finished(project, **KNOWN))


def test_another_random_state_gives_another_curve(project):
    fill(project)
    assert curve(finished(project, **KNOWN)) != curve(finished(project, **KNOWN, random_state=2))


def test_stops_when_the_target_is_reached_and_says_so(project):
    fill(project)
    run = finished(project, **{**KNOWN, "stop": [{"name": "budget", "labels": 150}, {"name": "accuracy", "target": 0.6}]})
    assert run.status == "finished" and "0.6" in run.stop_reason


def test_a_budget_is_never_overspent(project):
    fill(project)
    run = finished(project, **{**KNOWN, "stop": [{"name": "budget", "labels": 42}]})
    assert [r.n_labeled for r in run.trials.get().rounds.all()] == [10, 20, 30, 40, 42]


def test_people_are_never_asked_for_more_than_the_budget(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **{**PEOPLE, "stop": [{"name": "budget", "labels": 37}]})
    while run.status != "finished" and answer_open(run, classes, annotator):
        work(run)
    assert (run.status, run.trials.get().rounds.last().n_labeled) == ("finished", 37)


def test_empties_the_pool_where_no_criterion_holds(project):
    fill(project, 60)
    run = finished(project, **{**KNOWN, "stop": []})
    assert run.stop_reason == "Every item of the pool is labelled."
    assert run.trials.get().rounds.last().n_labeled == 48


def test_people_are_asked_for_seed_and_test_items_first_with_their_purpose(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE)
    trial = run.trials.get()
    assert (trial.phase, trial.detail) == ("waiting", "0 of 27 answers of the seed and test items")
    assert {q.purpose for q in open_queries(run)} == {"seed", "test"} and open_queries(run).count() == 30
    answer_open(run, classes, annotator)
    work(run)
    assert run.trials.get().round_number == 1


def test_imported_labels_count_as_seed_when_people_are_the_oracle(project):
    fill(project, known="half")
    run = finished(project, **{**PEOPLE, "stop": [{"name": "budget", "labels": 150}]})
    assert not run.trials.get().queries.filter(purpose="seed").exists()


def test_answers_wake_a_waiting_run_and_labels_enrich_the_project(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE)
    for _ in range(40):
        with TestCase.captureOnCommitCallbacks(execute=True) as jobs:
            answered = answer_open(run, classes, annotator, limit=30)
        if not answered or not jobs:
            break
        work(run)
        if run.status == "finished":
            break
    assert run.status == "finished" and run.stop_reason == "The budget of 60 labels is spent."
    assert Verdict.objects.filter(project=project, source="people", current=True).count() >= 60


def test_in_continuous_mode_there_is_work_beyond_the_batch_while_the_learner_trains(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **{**PEOPLE, "stop": [{"name": "budget", "labels": 150}]})
    answer_open(run, classes, annotator)
    work(run)
    assert open_queries(run).count() == 110 and open_queries(run, in_batch=True).count() == 10
    assert answer_open(run, classes, annotator, limit=30) == 30


def test_in_strict_mode_only_the_batch_is_open(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE, mode="strict")
    answer_open(run, classes, annotator)
    work(run)
    assert open_queries(run).count() == 10
    answer_open(run, classes, annotator, limit=9)
    assert run.trials.get().phase == "waiting"
    work(run)
    assert run.trials.get().round_number == 1  # nine of ten: strict waits for the last one
    answer_open(run, classes, annotator)
    work(run)
    assert run.trials.get().round_number == 2


def test_a_batch_closes_at_its_quorum_and_what_is_left_may_be_asked_again(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE, mode="strict", quorum=0.8)
    answer_open(run, classes, annotator)
    work(run)
    left = set(open_queries(run).values_list("item_id", flat=True))
    answer_open(run, classes, annotator, limit=8)
    work(run)
    assert run.trials.get().round_number == 2
    again = Query.objects.filter(trial__run=run, item_id__in=left, round_number=1).exclude(status="answered")
    assert {q.status for q in again} <= {"withdrawn"}


def test_what_somebody_has_on_the_screen_survives_a_new_ranking(project, annotator, colleague):
    from annotation.queue import lease_next

    classes = fill(project, known="none")
    run = finished(project, **PEOPLE)
    answer_open(run, classes, annotator)
    work(run)
    (held,) = lease_next(colleague, project, 1)
    answer_open(run, classes, annotator, limit=12)
    work(run)
    assert run.trials.get().round_number == 2
    query = Query.objects.get(trial__run=run, item=held.item)
    assert (query.status, query.round_number) == ("open", 1)


def test_with_one_class_only_the_loop_goes_on_without_a_model(project, annotator):
    fill(project, known="none")
    run = finished(project, **PEOPLE, mode="strict")
    answer_open(run, [0] * 200, annotator)
    work(run)
    trial = run.trials.get()
    assert trial.round_number == 1 and trial.phase == "waiting" and trial.rounds.get().metrics == {}
    assert {q.strategy for q in open_queries(run)} == {"random"}


def test_pause_serves_nothing_and_resume_serves_it_again(project, annotator):
    fill(project, known="none")
    run = finished(project, **PEOPLE)
    actions.pause_run(run, None)
    assert open_queries(run).count() == 0
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.resume_run(run, None)
    assert open_queries(run).count() == 30
    work(run)
    assert (run.status, run.trials.get().phase) == ("running", "waiting")


def test_stop_learns_what_came_since_and_keeps_the_model(project, annotator):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE)
    answer_open(run, classes, annotator)
    work(run)
    answer_open(run, classes, annotator, limit=5)
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.stop_run(run, annotator)
    work(run)
    trial = run.trials.get()
    assert (run.status, trial.phase) == ("stopped", "finished")
    assert [r.n_labeled for r in trial.rounds.all()] == [10, 15]
    assert trial.model_file.round_number == 2 and open_queries(run).count() == 0


def test_a_failure_keeps_its_reason_and_can_be_retried(project):
    fill(project)
    run = started(project, **KNOWN)
    trial = run.trials.get()
    broken = {**run.configuration, "learner": {"name": "no such learner"}}
    Run.objects.filter(pk=run.pk).update(configuration=broken)
    work(run)
    assert run.status == "failed" and "no such learner" in run.error and "Traceback" in run.traceback
    Run.objects.filter(pk=run.pk).update(configuration={**broken, "learner": {"name": "logistic_regression"}})
    with TestCase.captureOnCommitCallbacks(execute=True):
        actions.retry_run(run, None)
    work(run)
    assert run.status == "finished" and trial.rounds.count() == 5


@pytest.mark.parametrize("action", ["pause_run", "resume_run", "stop_run", "retry_run"])
def test_a_finished_run_says_that_it_is_finished(project, action):
    fill(project, 60)
    run = finished(project, **{**KNOWN, "stop": [{"name": "budget", "labels": 20}]})
    with pytest.raises(actions.WrongState, match="The run is finished"):
        getattr(actions, action)(run, None)


def test_a_later_import_does_not_change_a_run(project):
    fill(project)
    run = started(project, **KNOWN)
    alone = curve(finished(project, **KNOWN))
    from projects.models import Dataset, Item

    later = Dataset.objects.create(project=project, name="later.csv", status="finished")
    Item.objects.bulk_create(Item(project=project, dataset=later, key=f"z{i}", content="late text") for i in range(50))
    work(run)
    assert curve(run) == alone


@pytest.mark.parametrize(("disputed", "n_labeled"), [("left_out", 7), ("majority", 9)])
def test_what_people_disagree_on_is_learnt_only_where_the_run_takes_majorities(
    project, annotator, colleague, manager, disputed, n_labeled
):
    """Three seed items and a test item are disputed, two of the seeds with a majority: 2 to 1, 2 to 1, 1 to 1."""
    classes = fill(project, known="none")
    run = finished(project, **{**PEOPLE, "quorum": 1.0}, disputed=disputed)
    ham, spam = project.labels.values_list("pk", flat=True)
    seeds, tests = open_queries(run).filter(purpose="seed")[:3], open_queries(run).filter(purpose="test")[:1]
    said = [(ham, ham, spam), (spam, spam, ham), (ham, spam, None), (ham, ham, spam)]
    for query, values in zip([*seeds, *tests], said, strict=True):
        for user, value in zip([annotator, colleague, manager], values, strict=True):
            if value:
                Annotation.objects.create(
                    project=project, item=query.item, user=user, value=value, token=f"{query.pk} {user.pk}", query=query
                )
        Query.objects.filter(pk=query.pk).update(status="disputed")
    answer_open(run, classes, annotator)
    work(run)
    row = run.trials.get().rounds.get()
    assert (row.n_labeled, row.n_test) == (n_labeled, 19)


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.2, 2)])
def test_labels_that_the_model_did_not_expect_are_asked_of_a_second_person(project, annotator, colleague, share, n):
    classes = fill(project, known="none")
    run = finished(project, **PEOPLE, mode="strict", second_opinions=share)
    answer_open(run, classes, annotator)
    work(run)
    answer_open(run, [1 - c for c in classes], annotator)  # nothing as expected
    work(run)
    assert run.trials.get().round_number == 2
    again = Query.objects.filter(project=project, purpose="review", trial=None)
    assert again.count() == n and set(again.values_list("wanted", flat=True)) <= {2}
