"""Real worker processes on the test's database and Redis."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import connection


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
