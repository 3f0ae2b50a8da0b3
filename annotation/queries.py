"""How learning asks: it opens, re-ranks, holds and withdraws queries; the queue (annotation/queue.py) serves the open ones.

All of these are set-based writes inside the caller's transaction.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from annotation import statements
from annotation.models import Assignment, Purpose, Query, Reservation
from projects.models import Project

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


def order_of(purpose: Purpose, rank: int) -> int:
    return purpose.priority * _ORDER_STEP + rank


def ask(project, trial, round_number: int, asks: Iterable[Ask], *, wanted: int) -> None:
    """Open one query per ask. An item that this trial asked for before, and did not get, is asked again in its new rank.

    `wanted`: answers per item (of the share of the items that the project has chosen, one of the others; no more than the
    item is reserved for); 0: the known labels answer, the query is closed as soon as it is open.
    """
    asks = list(asks)
    status, closed = (Status.OPEN, None) if wanted else (Status.ANSWERED, timezone.now())
    slots = slots_of(project, [a.item_id for a in asks], wanted)
    statements.ask(
        (
            project.pk, trial.pk, int(a.item_id), int(round_number), str(a.purpose), a.strategy, _number(a.score), int(a.rank),
            _number(a.probability), None if a.prediction is None else int(a.prediction), bool(a.in_batch),
            str(status), slots[a.item_id], order_of(a.purpose, int(a.rank)), closed,
        )
        for a in asks
    )  # fmt: skip


def _number(value: float | None) -> float | None:
    """Also of numpy's numbers, which databases do not know."""
    return None if value is None else float(value)


def has_overlap(project: Project, item_id: int) -> bool:
    """Is this item among the share that several people label? Drawn once and for all, so every process and run says the same."""
    digest = hashlib.blake2b(f"{project.pk}:{item_id}".encode(), digest_size=8, person=b"overlap").digest()
    return int.from_bytes(digest, "big") < project.overlap * 2**64


def slots_of(project: Project, item_ids: list[int], wanted: int, *, reserved: bool = True) -> dict[int, int]:
    """{item: how many answers it wants}. With `reserved` no more than people whom it is reserved for: it would wait for ever."""
    if wanted == 0:
        return dict.fromkeys(item_ids, 0)
    slots = {pk: wanted if wanted == 1 or has_overlap(project, pk) else 1 for pk in item_ids}
    reservations = Reservation.objects.filter(project=project)
    if reserved and wanted > 1 and reservations.exists():
        for start in range(0, len(item_ids), 2000):
            chunk = reservations.filter(item__in=item_ids[start : start + 2000])
            for pk, n in chunk.order_by().values_list("item").annotate(n=Count("pk")):
                slots[pk] = min(slots[pk], n)
    return slots


def withdraw_unserved(trial) -> int:
    """Take back what nobody holds: the next ranking decides anew. What is on somebody's screen stays asked."""
    return _withdraw_unserved(trial.queries.all())


def withdraw_plain(project: Project) -> int:
    """A run was started: from here on the learner asks. Call in the transaction that starts it."""
    lock_order(project)
    return _withdraw_unserved(Query.objects.filter(project=project, trial=None, purpose=Purpose.PLAIN))


def lock_order(project: Project) -> None:
    """Who opens plain queries and who starts a run take turns (PostgreSQL; SQLite has one writer anyway)."""
    list(Project.objects.select_for_update(no_key=True).filter(pk=project.pk).values_list("pk"))


def _withdraw_unserved(asked) -> int:
    held = Assignment.objects.filter(query=OuterRef("pk"), slot__isnull=False)  # gold beside a query holds no slot of it
    on_a_screen = held.filter(state=Assignment.State.LEASED, leased_until__gt=timezone.now())
    half_answered = held.filter(state=Assignment.State.SUBMITTED)
    unserved = asked.filter(status=Status.OPEN).exclude(Exists(on_a_screen)).exclude(Exists(half_answered))
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
