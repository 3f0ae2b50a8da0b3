"""The process tree, with small children in place of the web server and the workers."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from alambic_site.supervisor import Child, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)",
]


def until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    """A process that runs; one that has ended and whose parent has not asked yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(said):
    made = []

    def start(*children: Child) -> Supervisor:
        supervisor = Supervisor(list(children), lambda: None, said.append)
        for child in supervisor.children:  # as `start` does, without the signals of this process
            child.start()
        made.append(supervisor)
        return supervisor

    yield start
    for supervisor in made:
        supervisor.stop()


def test_a_child_that_dies_is_started_again_and_it_is_said(supervise, said):
    child = Child("Worker 1", SLEEPER)
    supervisor = supervise(child)
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    child.process.wait()
    supervisor._revive()
    assert child.process.pid != first and is_alive(child.process.pid)
    assert said == ["Worker 1 ended (SIGKILL); it is started again now."]


def test_a_child_that_keeps_dying_is_started_later_and_later(supervise, said):
    child = Child("The web server", [sys.executable, "-c", "raise SystemExit(3)"])
    supervisor = supervise(child)
    waits = []
    for _ in range(4):
        child.process.wait()
        supervisor._revive()
        waits.append(said[-1].removeprefix("The web server ended (code 3); it is started again "))
        if child.process is None:
            child.start()
    assert waits == ["now.", "in 2 s.", "in 4 s.", "in 8 s."]


def test_what_the_others_need_starts_first_and_ends_last(supervise, tmp_path):
    note = f"""
        import signal, sys, time
        def leave(*_):
            open({str(tmp_path / "order")!r}, "a").write(sys.argv[1] + " ")
            raise SystemExit
        signal.signal(15, leave)
        open({str(tmp_path)!r} + "/" + sys.argv[1], "w").close()
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(note)]
    worker, redis = Child("worker", [*command, "worker"]), Child("redis", [*command, "redis"], is_needed_by_others=True)
    supervisor = supervise(worker, redis)
    assert [child.name for child in supervisor.children] == ["redis", "worker"]
    assert until(lambda: (tmp_path / "worker").exists() and (tmp_path / "redis").exists())
    supervisor.stop()
    assert (tmp_path / "order").read_text() == "worker redis "


def test_a_child_that_ignores_the_signal_is_killed(supervise, monkeypatch, said):
    monkeypatch.setattr("alambic_site.supervisor.STOP_GRACE", 0.2)
    child = Child("Worker 1", STUBBORN)
    supervisor = supervise(child)
    assert until(lambda: _ignores_term(child.process.pid))
    supervisor.stop()
    assert child.process.returncode == -signal.SIGKILL
    assert said == ["Worker 1 did not end in time and is killed."]


def _ignores_term(pid: int) -> bool:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(line.split()[1], 16) & (1 << (signal.SIGTERM - 1)))


def test_the_keeper_outlives_its_own_failure(monkeypatch):
    monkeypatch.setattr("alambic_site.supervisor.KEEPER_EVERY", 0.01)
    calls = []

    def keep() -> None:
        calls.append(1)
        raise OSError("the database is away")

    supervisor = Supervisor([], keep, print)
    import threading

    thread = threading.Thread(target=supervisor._keep)
    thread.start()
    assert until(lambda: len(calls) >= 3)
    supervisor.stopping.set()
    thread.join()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux' signal at the death of a parent")
def test_children_end_when_their_parent_is_killed():
    program = f"""
        from alambic_site.supervisor import Child
        import time
        child = Child("c", {SLEEPER!r})
        child.start()
        print(child.process.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    assert until(lambda: not is_alive(child))
    parent.stdout.close()
