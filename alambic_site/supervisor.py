"""One process tree: the web server, the workers and the embedded Redis as children that end with their parent.

A child that dies is started again (later and later, if it keeps dying); the keeper asks every few seconds whether something
should be running that is not. Nothing here holds state: `kill -9` of this process ends its children, and the next start finds all
data where it was.
"""

import ctypes
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

logger = logging.getLogger("alambic.start")
PR_SET_PDEATHSIG = 1
KEEPER_EVERY = 5.0  # seconds
STOP_GRACE = 10.0  # a worker in the middle of a long fit is not waited for longer: what it computes is computed again


def die_with_parent(number: int = signal.SIGTERM, parent: int | None = None) -> None:
    """In a child: the kernel sends it this signal when its parent ends, however that came (Linux; elsewhere nothing)."""
    try:
        ctypes.CDLL("libc.so.6", use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    except (OSError, AttributeError):
        return
    if parent is not None and os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


@dataclass
class Child:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    started_at: float = 0.0
    failures: int = 0
    due: float = 0.0
    # The others need it until they have ended (Redis): started first, stopped last.
    is_needed_by_others: bool = False

    def start(self) -> None:
        parent = os.getpid()
        # A group of its own: Ctrl-C in the terminal reaches the parent alone, which then ends the children in order.
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent=parent),
        )
        self.started_at = time.monotonic()

    def signal(self, number: int) -> None:
        """To the child's whole group: the processes that it forked end with it."""
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return


class Supervisor:
    """Runs until SIGINT or SIGTERM. `say` prints a line for people, `keep` is the keeper's task (called every few seconds)."""

    def __init__(self, children: list[Child], keep: Callable[[], None], say: Callable[[str], None]) -> None:
        self.children = sorted(children, key=lambda child: not child.is_needed_by_others)
        self.keep, self.say = keep, say
        self.stopping = threading.Event()

    def start(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        for child in self.children:
            if child.process is None:
                child.start()

    def run(self) -> None:
        """Look after the children until a signal comes, then stop them."""
        # In a thread: a database that is away for a minute must not keep a dead worker from being started again.
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        while not self.stopping.wait(0.25):
            self._revive()
        self.stop()

    def _revive(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                lasted = now - child.started_at
                child.failures = 0 if lasted > 30 else child.failures + 1
                wait = 0.0 if child.failures <= 1 else min(0.5 * 2.0**child.failures, 8.0)
                child.due = now + wait
                when = f"in {wait:.0f} s" if wait else "now"
                self.say(f"{child.name} ended ({_how(child.process.returncode)}); it is started again {when}.")
                child.process = None
            if child.process is None and now >= child.due and not self.stopping.is_set():
                child.start()

    def _keep(self) -> None:
        while not self.stopping.wait(KEEPER_EVERY):
            try:
                self.keep()
            except Exception as error:  # noqa: BLE001 - the keeper must outlive a database that is away for a moment
                logger.warning("could not look after the runs (%s); the next try is in %g s", error, KEEPER_EVERY)

    def stop(self) -> None:
        """Web and workers together; when they have ended, what they need (Redis)."""
        self.stopping.set()
        for needed in (False, True):
            group = [child for child in self.children if child.is_needed_by_others is needed]
            for child in group:
                child.signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_GRACE
            for child in group:
                if child.process is not None:
                    try:
                        child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
                    except subprocess.TimeoutExpired:
                        self.say(f"{child.name} did not end in time and is killed.")
                child.signal(signal.SIGKILL)
                if child.process is not None:
                    child.process.wait()


def _how(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
