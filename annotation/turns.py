"""SQLite lets one connection write at a time. Here those who answer stand in a line for it, instead of knocking.

SQLite's own way to wait is to sleep and try again, up to 100 ms long: the writer's place lies idle meanwhile, and who knocks at
the wrong moments waits for seconds. A lock that the kernel hands on wakes the next one at once. It only orders: whoever does
not use it (a worker's commit) is kept out by SQLite's own lock, as ever. PostgreSQL needs none of this.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

from django.db import connection, transaction

_in_process = threading.Lock()
_files: dict[tuple[int, str], int] = {}  # by process: a lock on a file is shared with a forked child


@contextmanager
def write(*, durable: bool = True) -> Iterator[None]:
    """One transaction that writes. Not `durable`: a power cut may take it back (a lease), so it need not wait for the disk."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or connection.in_atomic_block or "memory" in name:
        with transaction.atomic():
            yield
        return
    with ExitStack() as turn:
        turn.enter_context(_in_process)
        file = _file(f"{name}-turn")
        fcntl.flock(file, fcntl.LOCK_EX)
        turn.callback(fcntl.flock, file, fcntl.LOCK_UN)
        with nullcontext() if durable else _without_sync(), transaction.atomic():
            transaction.on_commit(turn.close)  # the first of the hooks: what others do then (Redis) holds nobody up
            yield


@contextmanager
def _without_sync() -> Iterator[None]:
    with connection.cursor() as cursor:
        level = cursor.execute("PRAGMA synchronous").fetchone()[0]
        cursor.execute("PRAGMA synchronous=OFF" if level == 0 else "PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA synchronous={level}")


def _file(path: str) -> int:
    key = (os.getpid(), path)
    if key not in _files:
        _files[key] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return _files[key]
