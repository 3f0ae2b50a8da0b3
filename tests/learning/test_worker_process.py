"""A real worker in a process of its own, on the test's database and Redis: the whole way from the button to the finished run."""

import pytest
from django.utils import timezone

from learning import recovery, workers
from learning.actions import create_run, start_run
from learning.models import Run, Trial
from projects import leases
from tests.learning.runs import curve, fill
from tests.processes import kill, start_worker, wait_until  # noqa: F401 - a fixture is used by its name

pytestmark = pytest.mark.django_db(transaction=True)
KNOWN = {"oracle": "known", "seed_size": 10, "batch_size": 5, "stop": [{"name": "budget", "labels": 100}], "random_state": 1}


def begun(project) -> Run:
    run = create_run(None, project, "development", KNOWN)
    start_run(run, None)
    return run


def status(run: Run) -> str:
    return Run.objects.values_list("status", flat=True).get(pk=run.pk)


def test_a_run_that_was_started_ends_by_itself_also_when_its_worker_is_killed(project, start_worker):  # noqa: F811
    fill(project)
    assert workers.alive() == 0
    first = start_worker()
    undisturbed = begun(project)
    wait_until(lambda: status(undisturbed) == "finished")
    disturbed = begun(project)
    trial = Trial.objects.get(run=disturbed)
    wait_until(lambda: Trial.objects.filter(pk=trial.pk, round_number__gte=3).exists())
    kill(first)
    trial.refresh_from_db()
    assert trial.worker and trial.phase != "finished"
    # Not the seconds that it takes to notice, but that it is noticed: the silence is made older than a lease lives.
    Trial.objects.filter(pk=trial.pk).update(heartbeat_at=timezone.now() - 2 * leases.STALE_AFTER)
    assert recovery.recover() == 1
    start_worker()
    wait_until(lambda: status(disturbed) == "finished")
    assert curve(disturbed) == curve(undisturbed)
    assert disturbed.events.filter(level="warning", message__contains="worker was lost").exists()
