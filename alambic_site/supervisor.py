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
STOP_GRACE = 12.0  # a worker in the middle of a fit is not waited for longer: what it computes is computed again


def die_with_parent() -> None:
    """In a child, before exec: the kernel ends it when its parent ends, however that came (Linux; elsewhere nothing)."""
    try:
        ctypes.CDLL("libc.so.6", use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):
        return


@dataclass
class Child:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    started_at: float = 0.0
    failures: int = 0
    due: float = 0.0

    def start(self) -> None:
        # A group of its own: Ctrl-C in the terminal reaches the parent alone, which then ends the children in order.
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self.started_at = time.monotonic()

    def signal(self, number: int) -> None:
        """To the child's whole group: the processes that a worker forked end with it."""
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return


class Supervisor:
    """Runs until SIGINT or SIGTERM. `say` prints a line for people, `keep` is the keeper's task (called every few seconds)."""

    def __init__(self, children: list[Child], keep: Callable[[], None], say: Callable[[str], None]) -> None:
        self.children, self.keep, self.say = children, keep, say
        self.stopping = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        for child in self.children:
            if child.process is None:
                child.start()
        kept_at = time.monotonic()
        while not self.stopping.wait(0.25):
            self._revive()
            if time.monotonic() - kept_at >= KEEPER_EVERY:
                kept_at = time.monotonic()
                self._keep()
        self.stop()

    def _revive(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                lasted = now - child.started_at
                child.failures = 0 if lasted > 30 else child.failures + 1
                child.due = now + (0 if child.failures <= 1 else min(2.0**child.failures, 30.0))
                self.say(f"{child.name} ended (code {child.process.returncode}); starting it again.")
                child.process = None
            if child.process is None and now >= child.due:
                child.start()

    def _keep(self) -> None:
        try:
            self.keep()
        except Exception:  # noqa: BLE001 - the keeper must outlive a database that is away for a moment
            logger.exception("The keeper could not look after the runs; it tries again in %g seconds.", KEEPER_EVERY)

    def stop(self) -> None:
        """Web first, so that nothing new comes in; then the workers; whatever else was given last (Redis) at the end."""
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE
        for child in self.children:
            if child.process is not None:
                try:
                    child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    logger.info("%s did not end in time", child.name)
            child.signal(signal.SIGKILL)
