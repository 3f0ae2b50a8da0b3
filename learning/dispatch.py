"""From the database to the queue of RQ: a trial that has work gets a job, on commit, once per wake-up."""

import logging
from functools import partial

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

from learning.models import Trial
from projects import leases

logger = logging.getLogger("alambic.learning")
QUEUE = "learning"


def job_id(trial_id: int, wakeups: int) -> str:
    """RQ refuses an id while an older job of that id is stored, also an ended one: so the wake-up is part of it."""
    return f"trial-{trial_id}-{wakeups}"


def wake_and_enqueue(trial: Trial) -> None:
    """Say that there is work, in the caller's transaction; the job follows on commit.

    Redis being away is no error here: the wake-up is in the database, and `recover` makes the job as soon as it can.
    """
    leases.wake(trial)
    trial.refresh_from_db(fields=["wakeups"])
    transaction.on_commit(partial(_enqueue, trial.pk, trial.wakeups))


def _enqueue(trial_id: int, wakeups: int) -> None:
    try:
        django_rq.get_queue(QUEUE).enqueue(
            "learning.jobs.advance", trial_id, job_id=job_id(trial_id, wakeups), job_timeout=-1, result_ttl=60, failure_ttl=3600
        )
    except RedisError as error:
        logger.warning("Redis is away (%s): trial %s goes on when it is back.", error, trial_id)
