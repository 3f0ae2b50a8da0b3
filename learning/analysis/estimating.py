"""The estimate of a draft: asked for, awaited, shown. Redis may forget the job at any time; then it is simply asked for again."""

import logging
from functools import partial
from typing import Any

import django_rq
from django.db import transaction
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from learning import workers
from learning.analysis.measure import on_workers, plan_key
from learning.dispatch import ANALYSES
from learning.models import Run
from projects.errors import WrongState
from projects.models import User

logger = logging.getLogger("alambic.learning")
# Longer than any measurement should take: one training cannot be broken off from inside.
TIMEOUT = 180


def ask(run: Run, *, again: bool = False) -> None:
    """A short job that measures this draft, on commit. Asked twice it is one job; `again`: what was found is forgotten."""
    if again:
        Run.objects.filter(pk=run.pk, status=Run.Status.DRAFT).update(estimate={})
    transaction.on_commit(partial(_enqueue, run.pk, job_id(run), again))


def measure_draft(run: Run, user: User | None) -> None:
    """On somebody's word, also where it was measured already. Raises WrongState for what is no draft of an analysis."""
    if run.kind != Run.Kind.ANALYSIS or run.status != Run.Status.DRAFT:
        raise WrongState("Only a draft of an analysis can be measured.")
    ask(run, again=True)
    run.refresh_from_db(fields=["estimate"])


def job_id(run: Run) -> str:
    return f"measure-{run.pk}-{plan_key(run.project, run.configuration)}"


def state(run: Run) -> dict[str, Any]:
    """What a page shows: the estimate where there is one for the plan and the items as they are now, else how far it is.

    state: "done", "failed" (with its error), "measuring", "queued", "lost" (there is no job), or "away" (no Redis).
    """
    if run.estimate.get("plan") == plan_key(run.project, run.configuration):
        if error := run.estimate.get("error"):
            return {"state": "failed", "error": error}
        there = workers.alive()
        return {"state": "done", **run.estimate, "workers": there, "seconds_on_workers": on_workers(run.estimate, there)}
    try:
        return {"state": _state_of(job_id(run)), "workers": workers.alive()}
    except RedisError:
        return {"state": "away"}


def _state_of(name: str) -> str:
    queue = django_rq.get_queue(ANALYSES)
    try:
        status = Job.fetch(name, connection=queue.connection).get_status(refresh=False)
    except NoSuchJobError:
        return "lost"
    if status == JobStatus.STARTED:
        return "measuring"
    # A job that was popped by a worker that then died says "queued" for ever: what counts is the queue's list.
    return "queued" if queue.get_job_position(name) is not None else "failed" if status == JobStatus.FAILED else "lost"


def _enqueue(run_id: int, name: str, again: bool) -> None:
    try:
        known = _state_of(name)
        if known in {"queued", "measuring"} or (known == "failed" and not again):
            return
        # First in its queue: who waits for an estimate does not wait for a thousand trials of another analysis.
        django_rq.get_queue(ANALYSES).enqueue(
            "learning.jobs.measure", run_id, job_id=name, at_front=True, job_timeout=TIMEOUT, result_ttl=0, failure_ttl=3600
        )
    except RedisError as error:
        logger.warning("Redis is away (%s): the estimate of run %s is asked for again by its page.", error, run_id)
