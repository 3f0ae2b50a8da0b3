"""Analyses leave a core to people who label."""

import os
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Annotation
from learning.analysis import worker
from learning.analysis.room import AT_WORK, Computer, Room
from learning.models import Run, Trial
from projects import leases
from tests.learning.runs import fill
from tests.learning.test_analysis import started

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(project):
    fill(project, 150)
    return project


def answer(project, user, ago=timedelta(0)) -> Annotation:
    item = project.items.first()
    given = Annotation.objects.create(project=project, item=item, user=user, value=1, token="t")
    Annotation.objects.filter(pk=given.pk).update(created_at=timezone.now() - ago)
    return given


def test_while_people_label_as_many_compute_as_there_are_places(data, manager, tmp_path):
    answer(data, manager)
    first, second = Room(1, tmp_path), Room(1, tmp_path)
    assert first.has_place() and not second.has_place() and first.has_place()
    first.leave()
    assert second.has_place() and not first.has_place()
    second.leave()


def test_a_learner_that_trains_for_people_takes_a_place(data, manager, tmp_path):
    answer(data, manager)
    room, run = Room(1, tmp_path), Run.objects.create(project=data, status=Run.Status.RUNNING)
    assert room.has_place()
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=10, worker="somebody", heartbeat_at=timezone.now())
    assert not room.has_place()
    leases.release(trial, "somebody")
    assert room.has_place()
    room.leave()


def test_where_nobody_labels_all_compute(data, manager, tmp_path):
    rooms = [Room(1, tmp_path) for _ in range(3)]
    assert all(room.has_place() for room in rooms)
    answer(data, manager, ago=AT_WORK + timedelta(seconds=1))
    assert all(room.has_place() for room in rooms)


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_while_people_label_only_idle_time_is_computed_with_and_afterwards_more(data, manager, tmp_path):
    room = Room(1, tmp_path)
    computer = Computer(room)

    def priority() -> tuple[int, int]:
        return computer.submit(lambda: (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))).result()

    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    given = answer(data, manager)
    assert room.has_place() and priority()[0] == os.SCHED_IDLE
    Annotation.objects.filter(pk=given.pk).update(created_at=timezone.now() - AT_WORK)
    assert room.has_place() and priority() == (os.SCHED_OTHER, min(19, before[1] + 10))
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before  # this thread, which writes
    computer.leave()


def test_a_trial_that_finds_no_place_waits_says_so_and_goes_on_when_there_is_one(data, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOOK_EVERY", 0.01)
    trial = started(data, repeats=1).trials.filter(batch_size=25).first()
    answer(data, manager)
    other, room = Room(1, tmp_path), Room(1, tmp_path)
    assert other.has_place()
    said = []

    def gives_way() -> bool:
        trial.refresh_from_db()
        said.append(trial.detail)
        if len(said) == 3:
            other.leave()
        return False

    token = leases.claim(trial)
    worker.Analyst(trial, token, gives_way, room=room).run_until_blocked()
    room.leave()
    trial.refresh_from_db()
    assert said[0] == worker.PEOPLE_FIRST and len(said) >= 3
    assert trial.phase == "finished" and trial.rounds.count() > 1


def test_a_run_that_is_paused_meanwhile_does_not_wait_on(data, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOOK_EVERY", 0.01)
    run = started(data, repeats=1)
    trial = run.trials.first()
    answer(data, manager)
    other = Room(1, tmp_path)
    assert other.has_place()
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
    token = leases.claim(trial)
    asked = []

    def gives_way() -> bool:
        Run.objects.filter(pk=run.pk).update(status=Run.Status.PAUSED)
        asked.append(1)
        return False

    worker.Analyst(trial, token, gives_way, room=Room(1, tmp_path)).run_until_blocked()
    assert asked == [1] and trial.rounds.count() == 0
    other.leave()
