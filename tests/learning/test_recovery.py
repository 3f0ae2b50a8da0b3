"""Any process may be killed at any point: the run goes on, and ends with the same curve."""

from datetime import timedelta

import pytest
from django.utils import timezone

import learning.loop
from learning import recovery
from learning.dispatch import QUEUE
from learning.jobs import advance
from learning.models import Trial
from projects import leases
from tests.learning.runs import curve, fill, finished, started

pytestmark = pytest.mark.django_db(transaction=True)
KNOWN = {"oracle": "known", "seed_size": 10, "batch_size": 10, "stop": [{"name": "budget", "labels": 40}]}


class Killed(BaseException):
    """As abrupt as kill -9 for the code that runs: no handler of ours catches it."""


def queue():
    import django_rq

    return django_rq.get_queue(QUEUE)


def die_like_kill_9(trial: Trial) -> None:
    """The lease stays taken, and nobody renews it."""
    Trial.objects.filter(pk=trial.pk).update(worker="dead", heartbeat_at=timezone.now() - 2 * leases.STALE_AFTER)


@pytest.mark.parametrize("phase", ["preparing", "training", "predicting", "evaluating", "selecting", "finished"])
def test_killed_in_any_phase_a_run_ends_with_the_same_curve(project, monkeypatch, phase):
    fill(project)
    undisturbed = curve(finished(project, **KNOWN))
    run = started(project, **KNOWN)
    trial = run.trials.get()
    real, seen = learning.loop.move, []

    def move_and_die(trial, target, **kwargs):
        if phase == "finished" and target == phase:
            raise Killed
        real(trial, target, **kwargs)
        seen.append(target)
        if target == phase and seen.count(target) == 2:
            raise Killed

    if phase == "preparing":  # the first phase; it is entered by starting, so die where it ends
        monkeypatch.setattr(learning.loop.Loop, "_ask_seed_and_test", lambda self: (_ for _ in ()).throw(Killed()))
    else:
        monkeypatch.setattr(learning.loop, "move", move_and_die)
    with pytest.raises(Killed):
        advance(trial.pk)
    monkeypatch.undo()
    die_like_kill_9(trial)
    queue().empty()
    assert recovery.recover() == 1
    advance(trial.pk)
    run.refresh_from_db()
    assert run.status == "finished"
    assert curve(run) == undisturbed
    assert run.trials.get().model_file.file


def test_after_flushall_recover_makes_the_job_again_once(project):
    fill(project)
    run = started(project, **KNOWN)
    assert len(queue().get_job_ids()) == 1
    queue().connection.flushdb()
    assert (recovery.recover(), recovery.recover()) == (1, 0)
    assert len(queue().get_job_ids()) == 1
    assert run.trials.get().rounds.count() == 0


def test_a_live_worker_is_left_alone(project):
    fill(project)
    trial = started(project, **KNOWN).trials.get()
    queue().connection.flushdb()
    token = leases.claim(trial)
    assert recovery.recover() == 0
    assert leases.claim(Trial.objects.get(pk=trial.pk)) is None
    advance(trial.pk)  # a second job on a trial that somebody holds leaves at once
    assert trial.rounds.count() == 0
    assert leases.release(trial, token)


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(project, monkeypatch):
    fill(project)
    run = started(project, **KNOWN)
    trial = run.trials.get()
    real = learning.loop.Loop._commit_round

    def lose_the_lease_first(self, *args, **kwargs):
        Trial.objects.filter(pk=trial.pk).update(worker="somebody else", heartbeat_at=timezone.now() + timedelta(hours=1))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(learning.loop.Loop, "_commit_round", lose_the_lease_first)
    advance(trial.pk)
    run.refresh_from_db()
    assert trial.rounds.count() == 0 and run.status == "running"


def test_a_waiting_trial_whose_wake_up_was_lost_is_found(project, annotator):
    from annotation.models import Query

    fill(project, known="none")
    run = finished(project, oracle="people", seed_size=10, batch_size=10, test_ratio=0.1)
    queue().empty()
    assert recovery.recover() == 0  # it waits, rightly
    Query.objects.filter(trial__run=run).update(status="answered")
    assert recovery.recover() == 1


def test_a_wake_up_during_the_last_look_is_not_forgotten(project):
    fill(project)
    trial = started(project, **KNOWN).trials.get()
    token = leases.claim(trial)
    seen = trial.wakeups
    leases.wake(trial)
    assert not leases.release(trial, token, seen=seen)
    assert leases.release(trial, token, seen=seen + 1)


def test_who_lost_the_lease_without_having_written_leaves(project, monkeypatch):
    """The machine slept while the trial waited; another worker took it meanwhile, found nothing to do, and gave it back."""
    fill(project, known="none")
    run = started(project, oracle="people")
    trial = run.trials.get()
    advance(trial.pk)
    turns, run_until_blocked = [], learning.loop.Loop.run_until_blocked

    def slept(self):
        turns.append(1)
        assert len(turns) < 5
        run_until_blocked(self)
        Trial.objects.filter(pk=trial.pk).update(worker="", heartbeat_at=None)

    monkeypatch.setattr(learning.loop.Loop, "run_until_blocked", slept)
    advance(trial.pk)
    trial.refresh_from_db()
    assert turns == [1] and trial.phase == "waiting" and not trial.error
