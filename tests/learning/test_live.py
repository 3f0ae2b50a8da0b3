"""While people label: the run says whether its strategy beats chance, and what more labels would bring."""

import re

import pytest
from django.test import TestCase

from annotation.models import Annotation, Query, Verdict
from annotation.queue import lease_next, submit
from learning.jobs import advance
from learning.live import arms_of, live_facts
from learning.models import Run
from tests.learning.conftest import ask
from tests.learning.runs import answer_open, fill, finished, open_queries, started


@pytest.fixture
def explored(project, annotator) -> Run:
    """60 labels of a run that draws a third at random, given by a person; six rounds."""
    truth = fill(project, 200, known="none")
    run = started(
        project, batch_size=12, seed_size=10, test_ratio=0.3, exploration=0.34, oracle="people", mode="strict", quorum=1.0,
        stop=[{"name": "budget", "labels": 100}],
    )  # fmt: skip
    trial = run.trials.get()
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(trial.pk)
    while trial.round_number < 6:
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer_open(run, truth, annotator)
            advance(trial.pk)
        trial.refresh_from_db()
    run.refresh_from_db()
    return run


def test_random_items_estimate_the_accuracy_and_chance_is_compared(
    explored, api, manager, client, viewer, django_assert_max_num_queries
):
    with django_assert_max_num_queries(6):  # however many rounds and labels
        facts = live_facts(explored)
    drawn = facts["asked"]["random"]
    trial = explored.trials.get()
    rows = trial.queries.filter(purpose="random", status="answered", prediction__isnull=False).values_list("item", "prediction")
    truth = dict(Verdict.objects.filter(current=True).values_list("item", "value"))
    right = sum(truth[item] == prediction for item, prediction in rows)
    assert (drawn["answered"], drawn["right"]) == (len(rows), right) and 15 <= len(rows) <= 30
    assert drawn["low"] < drawn["value"] == right / len(rows) < drawn["high"]
    assert sum(round(w["answered"]) for w in drawn["windows"]) <= len(rows)

    arms = facts["arms"]
    assert arms["round"] == 6 and arms["labels"] == trial.queries.filter(purpose="random", round_number__lt=6).count()
    assert arms["base"] == 10 and arms["n_test"] == 60
    for who in ("random", "active"):
        assert arms[who]["low"] <= arms[who]["value"] <= arms[who]["high"]
    assert arms["difference"]["value"] == pytest.approx(arms["active"]["value"] - arms["random"]["value"])

    answer = api(viewer).get(f"/api/runs/{explored.pk}/live/")
    assert answer.status_code == 200 and answer.json()["arms"] == arms and answer.json()["forecast"]["text"]
    client.force_login(viewer)
    page = client.get(f"/distilling/{explored.pk}/").content.decode()
    assert "What the labels bring" in page and f"{right} of {len(rows)}" in page
    assert "at random" in re.search(r"<svg.*?</svg>", page[page.index("live-card") :], re.S)[0]
    assert "Compare strategies on these labels" not in page  # a viewer may not

    # A reader who has seen round 6 gets no panel of it again; one who has not does.
    news = client.get(f"/distilling/{explored.pk}/state/?since=5").json()
    assert "What the labels bring" in news["panels"]["live"]
    assert "live" not in client.get(f"/distilling/{explored.pk}/state/?since=6").json()["panels"]


def test_what_nobody_could_label_is_told_and_counts_as_neither_right_nor_wrong(make_run, items):
    run = make_run(1)
    random = ask(run, items[5:8], purpose="random", status="answered")
    ask(run, items[8:10], purpose="random", status="skipped")
    ham, spam = run.project.labels.values_list("pk", flat=True)
    for query, prediction in zip(random, (ham, ham, spam), strict=True):
        Query.objects.filter(pk=query.pk).update(prediction=prediction)
        Verdict.objects.create(project=run.project, item=query.item, value=ham, source="people")
    Verdict.objects.create(project=run.project, item=random[2].item, value=spam, source="people", current=False)
    found = arms_of(run.trials.get(), {1: 6})["random"]
    assert (found["answered"], found["right"], found["given_up"]) == (3, 2, 2)


def test_answers_beside_a_suggestion_do_not_say_how_often_the_model_was_right(make_run, items, annotator):
    run = make_run(1)
    ham, spam = run.project.labels.values_list("pk", flat=True)
    asked = ask(run, items[5:9], purpose="query", status="answered")
    Query.objects.filter(pk__in=[query.pk for query in asked]).update(prediction=ham)
    for query, said, suggested in zip(asked, (ham, ham, ham, spam), (ham, ham, None, None), strict=True):
        Verdict.objects.create(project=run.project, item=query.item, value=said, source="people")
        Annotation.objects.create(
            project=run.project, item=query.item, user=annotator, query=query, value=said, suggestion=suggested, token=query.pk
        )
    found = arms_of(run.trials.get(), {1: 6})["query"]
    assert (found["answered"], found["right"]) == (2, 1)


def test_a_run_without_exploration_compares_nothing_and_says_why(project, client, manager):
    fill(project, 120)
    run = finished(project, oracle="known", exploration=0, batch_size=10, seed_size=10, stop=[{"name": "budget", "labels": 60}])
    facts = live_facts(run)
    assert facts["arms"] is None and facts["asked"]["random"]["answered"] == 0
    client.force_login(manager)
    assert "draws nothing at random" in client.get(f"/distilling/{run.pk}/").content.decode()


# --- Continuous mode


def work(run: Run) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)


@pytest.fixture
def continuous(project, annotator) -> tuple[Run, list[int]]:
    """A run in its first round: a batch of ten that closes with nine answers, and the ranking beyond it."""
    truth = fill(project, 400, known="none")
    run = finished(
        project, oracle="people", seed_size=10, batch_size=10, test_ratio=0.05, quorum=0.9, exploration=0.1,
        stop=[{"name": "budget", "labels": 350}],
    )  # fmt: skip
    answer_open(run, truth, annotator)
    work(run)
    return run, truth


def test_a_batch_closes_at_its_quorum_and_what_is_left_is_asked_again_if_the_new_ranking_wants_it(
    continuous, annotator, colleague, api
):
    run, truth = continuous
    trial = run.trials.get()
    (held,) = lease_next(colleague, run.project, 1)
    asked_first = set(open_queries(run).values_list("item_id", flat=True))
    answer_open(run, truth, annotator, limit=8)
    work(run)
    assert run.trials.get().round_number == 1  # eight of nine: the batch is open
    answer_open(run, truth, annotator, limit=1)
    work(run)
    assert run.trials.get().round_number == 2  # nobody waited for the tenth, which the colleague has on the screen
    first, later = trial.queries.filter(item__in=asked_first), open_queries(run, round_number=2)
    again = later.filter(item__in=asked_first).count()
    given_up = first.filter(status="withdrawn").count()
    # Each of the old ranking is answered, on a screen, wanted again, or withdrawn: nothing of it lies about.
    assert again > 0 and given_up > 0 and again + given_up + 10 == len(asked_first)
    assert open_queries(run, round_number=1).get().item_id == held.item_id

    # The late answer is stored, makes a verdict, and the next training has it.
    label = run.project.labels.order_by("position")[truth[int(held.item.key[1:])]]
    said = submit(colleague, run.project, assignment=held, value=label.name, seconds=600, token="late")
    assert said.outcome == "stored" and Verdict.objects.get(item=held.item, current=True).value == label.pk
    learnt = trial.rounds.get(number=2).n_labeled
    answer_open(run, truth, annotator, limit=8)
    work(run)
    assert trial.rounds.get(number=3).n_labeled == learnt + 9


def test_the_ranking_is_as_long_as_the_team_is_fast_and_the_learner_slow(continuous, annotator):
    run, truth = continuous
    trial = run.trials.get()
    for _ in range(2):
        answer_open(run, truth, annotator, limit=10)
        work(run)
    assert open_queries(run).count() == 110
    # As if 20 labels had come in 10 s, and a round took 35: 70 labels come in one, 140 in two.
    for row in trial.rounds.all():
        row.elapsed, row.timings = 5.0 * row.number, {"training": 35.0}
        row.save()
    answer_open(run, truth, annotator, limit=10)
    work(run)
    assert open_queries(run).count() == 10 + 140


def test_an_analysis_has_no_live_figures(project, api, manager):
    run = Run.objects.create(project=project, kind="analysis")
    answer = api(manager).get(f"/api/runs/{run.pk}/live/")
    assert answer.status_code == 409 and "development run" in answer.json()["detail"]
