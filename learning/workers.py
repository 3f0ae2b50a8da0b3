"""RQ's worker, with our maintenance in it, and the question "is anybody there?"."""

import time
from datetime import timedelta

import django_rq
from django.db import connections
from redis.exceptions import RedisError
from rq import Worker as RQWorker
from rq.utils import now as rq_now

QUEUES = ("learning", "imports", "analyses")  # in this order
# An idle worker speaks every 15 s, a busy one every 30 s (RQ's monitoring interval). RQ itself would list a killed one for 90 s.
SILENT_AFTER = timedelta(seconds=45)
_alive: tuple[float, int] = (0.0, 0)


class Worker(RQWorker):
    """Forks a process per job, so that a job that dies takes nobody with it.

    Its time to live is short: a worker that was killed disappears from the list within half a minute, and an idle one looks
    for abandoned work every ten seconds.
    """

    def __init__(self, *args, **kwargs) -> None:
        kwargs.setdefault("worker_ttl", 30)
        kwargs.setdefault("maintenance_interval", 10)
        super().__init__(*args, **kwargs)

    def fork_work_horse(self, job, queue) -> None:
        # A connection that two processes share breaks both: each opens its own.
        connections.close_all()
        super().fork_work_horse(job, queue)

    def run_maintenance_tasks(self) -> None:
        from learning.recovery import recover

        super().run_maintenance_tasks()
        recover()
        connections.close_all()


def alive() -> int | None:
    """How many workers serve the learning queue now; None where Redis does not answer. Remembered for two seconds."""
    global _alive
    now = time.monotonic()
    if now - _alive[0] < 2:
        return _alive[1]
    try:
        workers = RQWorker.all(queue=django_rq.get_queue(QUEUES[0]))
        count = sum(worker.last_heartbeat is not None and rq_now() - worker.last_heartbeat < SILENT_AFTER for worker in workers)
    except RedisError:
        return None
    _alive = (now, count)
    return count
