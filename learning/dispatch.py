"""From the database to the queue of RQ: a trial that has work gets a job, on commit, once per wake-up."""

import logging
from collections.abc import Sequence
from functools import partial

import django_rq
from django.db import transaction
from django.db.models import F, QuerySet
from redis.exceptions import RedisError

from learning.models import Run, Trial
from projects import leases

logger = logging.getLogger("alambic.learning")
QUEUE = "learning"
ANALYSES = "analyses"  # people wait for no analysis: workers take from this queue when the others are empty
_JOBS = {QUEUE: "learning.jobs.advance", ANALYSES: "learning.jobs.analyse"}


def queue_of(kind: str) -> str:
    return ANALYSES if kind == Run.Kind.ANALYSIS else QUEUE


def job_id(trial_id: int, wakeups: int) -> str:
    """RQ refuses an id while an older job of that id is stored, also an ended one: so the wake-up is part of it."""
    return f"trial-{trial_id}-{wakeups}"


def wake_and_enqueue(trial: Trial) -> None:
    """Say that there is work, in the caller's transaction; the job follows on commit.

    Redis being away is no error here: the wake-up is in the database, and `recover` makes the job as soon as it can.
    """
    leases.wake(trial)
    trial.refresh_from_db(fields=["wakeups"])
    transaction.on_commit(partial(enqueue, queue_of(trial.run.kind), [(trial.pk, trial.wakeups)]))


def wake_all(run: Run, trials: QuerySet[Trial]) -> None:
    """The same for many trials of one run: two statements, however many they are."""
    trials.update(wakeups=F("wakeups") + 1)
    found = list(trials.order_by("pk").values_list("pk", "wakeups"))
    transaction.on_commit(partial(enqueue, queue_of(run.kind), found))


def enqueue(name: str, trials: Sequence[tuple[int, int]]) -> None:
    """Jobs for (trial, wake-up) pairs, in this order."""
    try:
        queue = django_rq.get_queue(name)
        for start in range(0, len(trials), 500):
            queue.enqueue_many(
                [
                    queue.prepare_data(
                        _JOBS[name], (trial,), job_id=job_id(trial, wakeups), timeout=-1, result_ttl=60, failure_ttl=3600
                    )
                    for trial, wakeups in trials[start : start + 500]
                ]
            )
    except RedisError as error:
        logger.warning("Redis is away (%s): %s trials go on when it is back.", error, len(trials))


def work_waits() -> bool:
    """Does a run that people wait for, or an import, stand in the queue?"""
    try:
        return any(django_rq.get_queue(name).count for name in (QUEUE, "imports"))
    except RedisError:
        return False
