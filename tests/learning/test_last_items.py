"""The end of the pool, when somebody has the last items on the screen: the learner waits, and makes no empty rounds."""

import pytest
from django.test import TestCase

from annotation.models import Assignment
from annotation.queue import lease_next, submit
from learning.jobs import advance
from learning.state import live
from learning.waiting import must_wait
from tests.learning.runs import answer_open, fill, started

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.MEDIA_ROOT, settings.FEATURES_DIR = tmp_path / "media", tmp_path / "features"


def go_on(run) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)
    run.refresh_from_db()


@pytest.mark.parametrize("how", ["strict", "known"])
def test_an_item_on_somebodys_screen_is_waited_for(project, manager, colleague, how):
    strict = {"oracle": "people", "mode": "strict", "quorum": 0.8}
    classes = fill(project, 60, known="none" if how == "strict" else "half")
    settings = strict if how == "strict" else {"oracle": "known"}
    run = started(project, seed_size=10, batch_size=10, test_ratio=0, stop=[{"name": "rounds", "rounds": 40}], **settings)
    go_on(run)
    held = []
    for _ in range(12):
        if not held and run.trials.get().round_number:
            held = lease_next(colleague, project, 1)
        answer_open(run, classes, manager)
        go_on(run)
    trial = run.trials.get()
    assert run.status == "running" and trial.phase == "waiting" and trial.rounds.count() < 12
    assert must_wait(trial).detail == "0 of 1 answers of what is still open"
    assert live([run])[run.pk]["waiting"] == {"answered": 0, "needed": 1, "what": "of what is still open"}

    item = held[0]
    name = "spam" if classes[int(item.item.key[1:])] else "ham"
    submit(colleague, project, assignment=item, value=name, seconds=1.0, token="late")
    go_on(run)
    assert run.status == "finished" and run.stop_reason == "Every item of the pool is labelled."


def test_an_item_with_one_answer_of_two_is_waited_for(project, manager, colleague):
    project.annotators_per_item = 2
    project.save()
    classes = fill(project, 40, known="none")
    run = started(
        project, seed_size=10, batch_size=10, test_ratio=0, mode="strict", quorum=0.8, oracle="people",
        stop=[{"name": "rounds", "rounds": 40}],
    )  # fmt: skip
    go_on(run)
    left = None
    for _ in range(12):
        answer_open(run, classes, manager)
        while work := [one for one in lease_next(colleague, project, 50) if left is None or one.item_id != left]:
            if left is None:
                left, work = work[0].item_id, work[1:]
            for one in work:
                name = "spam" if classes[int(one.item.key[1:])] else "ham"
                submit(colleague, project, assignment=one, value=name, seconds=1.0, token=f"c{one.pk}")
            if not work:
                break
        Assignment.objects.filter(item=left, user=colleague).update(leased_until="2020-01-01T00:00Z")  # went home
        go_on(run)
    assert run.status == "running" and run.trials.get().rounds.count() < 12
