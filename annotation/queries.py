"""How learning asks: it opens, re-ranks, holds and withdraws queries; the queue (annotation/queue.py) serves the open ones.

All of these are set-based writes inside the caller's transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from annotation.models import Assignment, Purpose, Query

Status = Query.Status
_ORDER_STEP = 10**7


@dataclass(frozen=True, slots=True)
class Ask:
    """One item that a trial asks for, and why."""

    item_id: int
    rank: int
    purpose: Purpose
    strategy: str
    score: float | None = None
    probability: float | None = None
    in_batch: bool = True
    prediction: int | None = None


def ask(project, trial, round_number: int, asks: Iterable[Ask], *, wanted: int) -> None:
    """Open one query per ask. An item that this trial asked for before, and did not get, is asked again in its new rank.

    `wanted`: answers per item; 0: the known labels answer, the query is closed as soon as it is open.
    """
    status, closed = (Status.OPEN, None) if wanted else (Status.ANSWERED, timezone.now())
    rows = [
        Query(
            project=project, trial=trial, item_id=a.item_id, round_number=round_number, purpose=a.purpose,
            strategy=a.strategy, score=a.score, rank=a.rank, probability=a.probability, in_batch=a.in_batch,
            prediction=a.prediction,
            status=status, wanted=wanted, order=a.purpose.priority * _ORDER_STEP + a.rank, closed_at=closed,
        )
        for a in asks
    ]  # fmt: skip
    why = ["round_number", "purpose", "strategy", "score", "rank", "probability", "prediction", "in_batch"]
    Query.objects.bulk_create(
        rows,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["trial", "item"],
        update_fields=[*why, "status", "wanted", "order", "closed_at"],
    )


def withdraw_unserved(trial) -> int:
    """Take back what nobody holds: the next ranking decides anew. What is on somebody's screen stays asked."""
    on_a_screen = Assignment.objects.filter(query=OuterRef("pk"), state=Assignment.State.LEASED, leased_until__gt=timezone.now())
    half_answered = Assignment.objects.filter(query=OuterRef("pk"), state=Assignment.State.SUBMITTED)
    unserved = trial.queries.filter(status=Status.OPEN).exclude(Exists(on_a_screen)).exclude(Exists(half_answered))
    return unserved.update(status=Status.WITHDRAWN, closed_at=timezone.now())


def withdraw_all(trial) -> int:
    """The trial is over. An answer that is under way when this happens is still stored and counts for its item."""
    return trial.queries.filter(status__in=[Status.OPEN, Status.HELD]).update(status=Status.WITHDRAWN, closed_at=timezone.now())


def hold(trial) -> int:
    """The run pauses: its queries are not served, and not forgotten."""
    return trial.queries.filter(status=Status.OPEN).update(status=Status.HELD)


def resume(trial) -> int:
    return trial.queries.filter(status=Status.HELD).update(status=Status.OPEN)


def progress(trial, round_number: int) -> dict[str, int]:
    """How many of a round's batch are in which status (the ranking beyond the batch not counted)."""
    rows = trial.queries.filter(round_number=round_number, in_batch=True).values_list("status").annotate(n=Count("pk"))
    return dict(rows)
