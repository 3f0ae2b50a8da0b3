"""Before the first run: the project's own order asks, so that nobody waits for a learner that nobody has started.

Queries without a trial (Purpose.PLAIN) are opened a few hundred at a time, when somebody finds too few. Which comes next follows
from the project and its items alone: by id, or by a permutation of the ids that the project's id seeds; so every process says the
same, and what two of them open at once is opened once (an item has one query without a trial: a unique constraint).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from annotation import queries, statements, turns
from annotation.models import Purpose, Query, Reservation, Verdict
from projects.models import Item, Project, User

CHUNK = 300
_PROBES = 2000  # ids looked up in one statement
# Where the next look begins, by project: all before has its query or its label. It only saves looking: lost with the process,
# and forgotten after a while, because a label may be taken back and an import that was slower may bring lower ids.
_FORGET_AFTER = 600.0
_begins: dict[tuple, tuple[float, int]] = {}
# A long look that found nothing is not repeated at once: people who wait ask every two seconds.
_LONG, _REST_FACTOR = 0.05, 100
_rests: dict[tuple, float] = {}


def asks_in_order(project: Project) -> bool:
    """Does the project's own order ask? Until a development run is started, unless the project does not want it."""
    return project.plain_order != "none" and project.archived_at is None and not statements.was_started(project.pk)


class Opened(Enum):
    NOTHING = "nothing"  # the order does not ask here
    ALL = "all"  # everything has been opened: since the last look, perhaps
    MORE = "more"  # others may be faster to claim it


def open_more(project: Project, user: User, enough: Callable[[], bool]) -> Opened:
    """Open the next items for this person (and everybody).

    `enough` is asked again once nobody else is opening: whoever came first has opened for all.
    """
    rest = (project.pk, project.created_at, user.pk)
    if time.monotonic() < _rests.get(rest, 0.0) or not asks_in_order(project):
        return Opened.NOTHING
    begun = time.monotonic()
    found = _next_items(project, user)  # looks before it locks
    if not found.ids:
        if (took := time.monotonic() - begun) > _LONG:
            _rests[rest] = time.monotonic() + _REST_FACTOR * took
        _remember(found)
        return Opened.ALL
    with turns.write(durable=False):
        queries.lock_order(project)
        if enough():
            return Opened.MORE
        if not asks_in_order(project):
            return Opened.NOTHING
        if Query.objects.filter(item__in=found.ids[:1], trial=None).exists():  # somebody was first
            found = _next_items(project, user)
        slots = queries.slots_of(project, found.ids, project.annotators_per_item)
        last = Query.objects.filter(project=project, trial=None).order_by("-pk").values_list("rank", flat=True).first() or 0
        rows = [
            Query(
                project=project, item_id=pk, trial=None, round_number=0, purpose=Purpose.PLAIN, strategy=project.plain_order,
                rank=rank, wanted=slots[pk], order=queries.order_of(Purpose.PLAIN, rank),
            )
            for rank, pk in enumerate(found.ids, last + 1)
        ]  # fmt: skip
        Query.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(lambda: _remember(found))
    return Opened.MORE


@dataclass(frozen=True, slots=True)
class _Found:
    ids: list[int]
    key: tuple
    position: int | None  # where the next look may begin; None: as before


def _next_items(project: Project, user: User) -> _Found:
    """The next items without a query and without a label; first those that are reserved for this person."""
    first, last = _ends(project)
    key = (project.pk, project.created_at, project.plain_order, *((first, last) if project.plain_order == "random" else ()))
    if last is None:
        return _Found([], key, None)
    free = _without_query(project)
    mine = Reservation.objects.filter(project=project, user=user).values("item")
    if ids := list(free.filter(pk__in=mine).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        return _Found(ids, key, None)
    is_reserved = Reservation.objects.filter(project=project).exists()
    if is_reserved:
        free = free.exclude(Exists(Reservation.objects.filter(item=OuterRef("pk"))))
    since, begin = _begins.get(key, (0.0, 0))
    if begin and time.monotonic() - since > _FORGET_AFTER:
        begin = 0
        del _begins[key]
    search = _at_random if project.plain_order == "random" else _by_id
    ids, position = search(project, free, first, last, begin)
    # What is reserved for others now may be free later: it is not passed for good.
    return _Found(ids, key, None if is_reserved else position)


def _ends(project: Project) -> tuple[int | None, int | None]:
    """The lowest and the highest id: two looks at the ends of an index, where one statement would read all of it."""
    return project.items.aggregate(e=Min("pk"))["e"], project.items.aggregate(e=Max("pk"))["e"]


def _without_query(project: Project) -> QuerySet[Item]:
    asked = Query.objects.filter(item=OuterRef("pk"))
    labeled = Verdict.objects.filter(item=OuterRef("pk"), current=True)
    return Item.objects.filter(~Exists(asked), ~Exists(labeled), project=project)


def _by_id(project: Project, free: QuerySet[Item], first: int, last: int, begin: int) -> tuple[list[int], int]:
    ids = list(free.filter(pk__gt=begin).order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return ids, ids[-1] if len(ids) == CHUNK else last


def _at_random(project: Project, free: QuerySet[Item], first: int, last: int, begin: int) -> tuple[list[int], int]:
    ids: list[int] = []
    for position, chunk in _permuted(project.pk, first, last, begin):
        there = set(free.filter(pk__in=chunk).values_list("pk", flat=True))
        for offset, pk in enumerate(chunk):
            if pk in there:
                ids.append(pk)
                if len(ids) == CHUNK:
                    return ids, position[offset] + 1
    return ids, 1 << 62


def _permuted(seed: int, first: int, last: int, begin: int) -> Iterator[tuple[list[int], list[int]]]:
    """(positions, ids) of a random permutation of first..last from a position on, without ever holding all of them.

    A Feistel network of four rounds permutes the numbers below a power of four; those beyond the range are left out.
    """
    n = last - first + 1
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    keys = np.random.default_rng([seed, 0xA1]).integers(1, 1 << 63, size=(4, 2), dtype=np.uint64) | np.uint64(1)
    for start in range(begin, 1 << (2 * half), _PROBES):
        position = np.arange(start, min(start + _PROBES, 1 << (2 * half)), dtype=np.uint64)
        left, right = position >> np.uint64(half), position & mask
        for multiplier, added in keys:
            mixed = (right + added) * multiplier
            mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
            left, right = right, left ^ ((mixed >> np.uint64(33)) & mask)
        number = (left << np.uint64(half)) | right
        inside = number < n
        yield position[inside].tolist(), (number[inside].astype(np.int64) + first).tolist()


def _remember(found: _Found) -> None:
    if found.position is None:
        return
    if len(_begins) > 500:
        _begins.clear()
    _begins[found.key] = (_begins.get(found.key, (time.monotonic(), 0))[0], found.position)
