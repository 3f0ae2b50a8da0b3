"""A lease that a worker holds on a row (a trial, a data set) while it works on it: the lock, the heartbeat and the wake-up.

Three columns: `worker` (a random token; who holds the lease), `heartbeat_at` (its last sign of life) and `wakeups` (how often
somebody said "there is work"). What holds between them:

* `claim` is one conditional UPDATE: free, or its holder silent for STALE_AFTER. So two workers on one row are impossible.
* The token fences: every commit of the holder asserts, in its own transaction, that the token is still there (`assert_held`).
  A worker that was thought dead and comes back can therefore write nothing.
* `release` succeeds only if nobody has said "there is work" since the holder last looked (`wakeups` unchanged). Without this, an
  answer that arrives between "nothing to do" and the release would wake a worker that finds the row held, and be forgotten.

Redis appears nowhere here: losing it loses jobs, and `recover` makes those again from these columns.
"""

import logging
import secrets
import threading
from contextlib import contextmanager
from datetime import timedelta

from django.db import close_old_connections, connection
from django.db.models import F, Q
from django.utils import timezone

logger = logging.getLogger("alambic.leases")

BEAT_EVERY = 3.0  # seconds
# Four missed beats. A long garbage collection or a busy disk is shorter; a team's patience is longer.
STALE_AFTER = timedelta(seconds=12)


class LeaseLost(Exception):
    """Somebody else holds the row now; nothing more may be written under the old lease."""


def wake(row) -> None:
    """Say that there is work on this row. Call in the transaction that made the work; enqueue the job on commit."""
    type(row).objects.filter(pk=row.pk).update(wakeups=F("wakeups") + 1)


def claim(row) -> str | None:
    """Take the lease; the token, or None where somebody alive holds it."""
    token, now = secrets.token_hex(16), timezone.now()
    free = Q(worker="") | Q(heartbeat_at__lt=now - STALE_AFTER) | Q(heartbeat_at=None)
    taken = type(row).objects.filter(free, pk=row.pk).update(worker=token, heartbeat_at=now)
    if taken != 1:
        return None
    row.refresh_from_db()
    return token


def assert_held(row, token: str) -> None:
    """Inside a transaction: raise LeaseLost unless the lease is still ours (and hold the row until the commit)."""
    if type(row).objects.filter(pk=row.pk, worker=token).update(heartbeat_at=timezone.now()) != 1:
        raise LeaseLost(f"{type(row).__name__} {row.pk} has another worker.")


def release(row, token: str, *, seen: int | None = None) -> bool:
    """Give the lease back. With `seen` (a value of `wakeups`): only if no wake-up came since; False means: look again."""
    held = type(row).objects.filter(pk=row.pk, worker=token)
    if seen is not None:
        held = held.filter(wakeups=seen)
    return held.update(worker="", heartbeat_at=None) == 1


def is_stale(row) -> bool:
    """Held by a worker that has given no sign of life."""
    return bool(row.worker) and (row.heartbeat_at is None or row.heartbeat_at < timezone.now() - STALE_AFTER)


@contextmanager
def heartbeat(row, token: str):
    """Renew the lease from a thread while the block runs: a fit of ten minutes must not look like a dead worker."""
    stop = threading.Event()
    held = type(row).objects.filter(pk=row.pk, worker=token)

    def beat() -> None:
        while not stop.wait(BEAT_EVERY):
            try:
                close_old_connections()
                held.update(heartbeat_at=timezone.now())
            except Exception:  # noqa: BLE001 - a beat missed for any reason is only a beat missed; the next one may pass
                logger.warning("heartbeat of %s %s missed", type(row).__name__, row.pk, exc_info=True)
        connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat-{row.pk}", daemon=True)
    thread.start()
    try:
        yield
    except SystemExit:  # the worker is asked to stop: the next one need not wait until this lease is stale
        release(row, token)
        raise
    finally:
        stop.set()
        thread.join(timeout=BEAT_EVERY)
