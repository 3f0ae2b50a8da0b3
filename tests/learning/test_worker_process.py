"""A real worker in a process of its own, on the test's database and Redis: the whole way from the button to the finished run."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from learning import recovery, workers
from learning.actions import create_run, start_run
from learning.models import Run, Trial
from projects import leases
from tests.learning.runs import curve, fill

pytestmark = pytest.mark.django_db(transaction=True)
KNOWN = {"oracle": "known", "seed_size": 10, "batch_size": 5, "stop": [{"name": "budget", "labels": 100}], "random_state": 1}


def database_url() -> str:
    s = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{s['NAME']}"
    return f"postgres://{s['USER']}:{s['PASSWORD']}@{s['HOST'].replace('/', '%2F')}:{s['PORT'] or 5432}/{s['NAME']}"


@pytest.fixture
def start_worker():
    """Start workers as `manage.py start` does; whatever is left of them ends with the test."""
    started = []

    def start() -> subprocess.Popen:
        env = os.environ | {
            "DJANGO_SETTINGS_MODULE": "alambic_site.settings",
            "VAR_DIR": str(settings.VAR_DIR),
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
        }
        started.append(
            subprocess.Popen([sys.executable, "manage.py", "work"], env=env, cwd=settings.BASE_DIR, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """kill -9 of the worker and of what it forked (which made itself a group of its own)."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False)
    for pid in [*map(int, children.stdout.split()), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def wait_until(question, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def begun(project) -> Run:
    run = create_run(None, project, "development", KNOWN)
    start_run(run, None)
    return run


def status(run: Run) -> str:
    return Run.objects.values_list("status", flat=True).get(pk=run.pk)


def test_a_run_that_was_started_ends_by_itself_also_when_its_worker_is_killed(project, start_worker):
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
