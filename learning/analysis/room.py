"""While people label, analyses leave them a core of this machine.

A low priority is not enough where every core is busy: caches, memory and the moment until a core is handed over are shared all
the same, and the labelling page answers in twice the time (measured by benchmarks/beside_an_analysis.py). So as long as answers
come in, one trial fewer computes here than there are cores, but always one; the others wait where they are. A learner that
trains for these people counts too. What computes then gets only the time that nobody else wants. Machines that serve no pages do
so as well: a worker does not know which one it is on.
"""

import fcntl
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from annotation.models import Annotation
from learning.models import Run, Trial
from projects.leases import STALE_AFTER

# People pause over an item; after this long nobody is at work.
AT_WORK = timedelta(minutes=1)


def people_label() -> bool:
    """The newest answer is new. By its id, since that is indexed: the last one stored is the youngest but for milliseconds."""
    newest = Annotation.objects.order_by("-pk").values_list("created_at", flat=True).first()
    return newest is not None and newest > timezone.now() - AT_WORK


def learners_at_work() -> int:
    """How many runs for which people label are being trained right now, on whichever machine."""
    alive = Trial.objects.filter(heartbeat_at__gt=timezone.now() - STALE_AFTER).exclude(worker="")
    return alive.exclude(run__kind=Run.Kind.ANALYSIS).count()


class Room:
    """A trial's place among those that may compute on this machine while people label: one of some locked files.

    A lock goes with its process, however that ends.
    """

    def __init__(self, places: int | None = None, folder: Path | None = None) -> None:
        self._folder = folder or Path(settings.VAR_DIR) / "locks"
        self._places = places or max(1, (os.cpu_count() or 2) - 1)
        self._held: tuple[int, int] | None = None  # place, file

    @property
    def is_held(self) -> bool:
        """At the last look people labelled, and this trial had one of the places."""
        return self._held is not None

    def has_place(self) -> bool:
        """May this trial compute now? Asks nobody for a place while nobody labels."""
        if not people_label():
            self.leave()
            return True
        places = self._places - learners_at_work()
        if self._held is not None and self._held[0] >= places:
            self.leave()
        if self._held is None:
            self._take(places)
        return self._held is not None

    def _take(self, places: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for place in range(places):
            file = os.open(self._folder / f"analysis-{place}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                self._held = place, file
                return

    def leave(self) -> None:
        if self._held is not None:
            os.close(self._held[1])
            self._held = None


class Computer:
    """The thread in which a trial's arithmetic is done: at a low priority, and in idle time alone while people label.

    There are two, since who has no special rights cannot raise a thread's priority again.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._low = ThreadPoolExecutor(1, initializer=os.nice, initargs=(10,))  # on Linux, niceness is a thread's
        self._idle = ThreadPoolExecutor(1, initializer=_only_idle_time)

    def submit(self, deed: Callable, *args) -> Future:
        return (self._idle if self._room.is_held else self._low).submit(deed, *args)

    def leave(self) -> None:
        """A worker that is asked to stop does not wait for the round."""
        for thread in (self._low, self._idle):
            thread.shutdown(wait=False, cancel_futures=True)


def _only_idle_time() -> None:
    """A niceness of 19 still delays others by whole milliseconds when they wake; this policy by none."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # 0: this thread, on Linux
    else:
        os.nice(19)
