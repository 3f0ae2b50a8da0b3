"""Who gets which item, and what becomes of an answer. The algorithm with a picture: docs/queue.md.

What is scarce is a *slot* of an item: it has as many as answers are wanted. Two unique constraints guard it, (item, user) and
(item, slot), so a claim is one atomic statement, an INSERT that does nothing on conflict or a conditional UPDATE of a slot
whose lease has run out, and holds on SQLite and PostgreSQL, in any number of processes.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from annotation import golds, plain, statements, suggestions, training, turns
from annotation.models import Annotation, Assignment, Query
from annotation.verdicts import close_if_nobody_is_left, settle
from projects.models import Item, Project, User
from projects.task_types import InvalidValue, task_type

State = Assignment.State
LEASE = timedelta(minutes=20)
_SPARE = 8  # candidates beyond those that are needed, because others are claiming too
_TRIES = 6  # for somebody who would go away with nothing although something was open
MAX_SECONDS = 4 * 60 * 60.0  # nobody looks at one item for longer: a clock that jumped


@dataclass(frozen=True, slots=True)
class Submission:
    """`outcome`: stored; repeated (this token was here before, nothing changed); changed (an earlier answer of the same person
    was replaced); extra (the item had all its answers already; this one is kept beside them); training (before real work, with
    what is said of it in `training`: annotation/training.py)."""

    annotation: Annotation
    outcome: str
    message: str
    training: dict | None = None


def lease_next(
    user: User, project: Project, count: int, now: datetime | None = None, *, renew_after: timedelta = timedelta(0)
) -> list[Assignment]:
    """Up to `count` items for this person: first what they hold already (renewed), then the next open queries in order, among
    them now and then an item of gold. Before a project's first run its own order is asked further.

    It looks first and locks only to write, so somebody who waits for work (and asks every two seconds) never holds up those
    who answer. Leases renewed less than `renew_after` ago are left as they are. Nothing for who has a training before them.
    """
    if project.training and training.awaiting(user, project):
        return []
    now = now or timezone.now()
    mine = statements.held(user.pk, project.pk, count)
    if stale := [a for a in mine if a.leased_until < now + LEASE - renew_after]:
        with turns.write(durable=False):
            lost = _renew(stale, user, now)
        mine = [a for a in mine if a.pk not in lost]
    take = _take_locked if statements.locks_rows() else _take_first
    for tries_left in reversed(range(_TRIES)):
        if (need := count - len(mine)) <= 0:
            break
        claimed, gold, goes_on = take(user, project, len(mine), need, now, is_last=tries_left == 0)
        mine += claimed
        for offset, place in gold:
            mine.insert(offset, place)
        if not goes_on:
            break
    return mine


_Taken = tuple[list[Assignment], list[tuple[int, Assignment]], bool]  # claimed; gold, each where it belongs; look again?


def _take_first(user: User, project: Project, n_held: int, need: int, now: datetime, *, is_last: bool) -> _Taken:
    """Look, then claim: of several who saw the same, each slot goes to the first. For SQLite: to lock would hold up everybody."""
    found = _open_candidates(user, project, need, now)
    if found is None:
        return [], [], False
    with turns.write(durable=False):
        gold = _lease_gold(user, project, found, n_held, need, now)
        claimed = _claim(user, found, need - len(gold), now)
        if not claimed and not gold:  # others were faster: look again, now that this transaction has its turn
            claimed = _claim(user, _open_candidates(user, project, need, now) or {}, need, now)
    return claimed, gold, not len(claimed) + len(gold) >= min(need, len(found)) > 0


def _take_locked(user: User, project: Project, n_held: int, need: int, now: datetime, *, is_last: bool) -> _Taken:
    """Claim what nobody else is claiming or answering this moment, so that nobody claims in vain. For PostgreSQL.

    Who would go away with nothing waits at last, for one item alone: nobody who holds some waits, so no two wait for each other.
    """
    with turns.write(durable=False):
        if is_last and not n_held:
            found = _candidates(user, project, 1, now, lock=statements.WAIT)
        else:
            found = _candidates(user, project, need, now, lock=statements.FREE)
        gold = _lease_gold(user, project, found, n_held, need, now)
        claimed = _claim(user, found, need - len(gold), now)
    enough = len(claimed) + len(gold) == need
    return claimed, gold, not enough and _open_candidates(user, project, need, now) is not None


def _lease_gold(
    user: User, project: Project, found: dict[int, statements.Candidate], n_held: int, need: int, now: datetime
) -> list[tuple[int, Assignment]]:
    due = golds.due(user, project, n_held, need) if found else []
    return golds.lease(user, due, list(found.values())[-1].query(), now + LEASE, now) if due else []


def _open_candidates(user: User, project: Project, count: int, now: datetime) -> dict[int, statements.Candidate] | None:
    """The next queries with room; where there are too few and no run was ever started, the project's own order goes on.

    None: there is nothing. Empty: there was something, and others were faster.
    """
    found = _candidates(user, project, count + _SPARE, now)
    if len(found) >= count:
        return found
    opened = plain.open_more(project, user, lambda: len(_candidates(user, project, count + _SPARE, now)) >= count)
    if opened != plain.Opened.NOTHING:
        found = _candidates(user, project, count + _SPARE, now)
    return found if found or opened == plain.Opened.MORE else None


def _renew(held: list[Assignment], user: User, now: datetime) -> set[int]:
    """Returns the ids of those that had run out and that somebody else has taken over meanwhile."""
    mine = Assignment.objects.filter(pk__in=[a.pk for a in held], user=user, state=State.LEASED)
    n_renewed = mine.update(leased_until=now + LEASE)
    for assignment in held:
        assignment.leased_until = now + LEASE
    return set() if n_renewed == len(held) else {a.pk for a in held} - set(mine.values_list("pk", flat=True))


def _candidates(user: User, project: Project, count: int, now: datetime, *, lock: str = "") -> dict[int, statements.Candidate]:
    """The next queries that have room, by item."""
    wanted: dict[int, statements.Candidate] = {}
    for candidate in statements.candidates(user.pk, project.pk, now, count, lock=lock):
        wanted.setdefault(candidate.item_id, candidate)  # two runs may ask for the same item: one answer serves both
    return wanted


def _claim(user: User, wanted: dict[int, statements.Candidate], count: int, now: datetime) -> list[Assignment]:
    """The first `count` of these that are still to be had."""
    claimed: list[Assignment] = []
    remaining = list(wanted.values())
    while remaining and len(claimed) < count:
        chosen, remaining = remaining[: count - len(claimed)], remaining[count - len(claimed) :]
        fresh = [(c.query(), user.pk, c.next_slot, State.LEASED) for c in chosen if c.next_slot is not None]
        got = statements.insert_assignments(fresh, now + LEASE, now) if fresh else {}
        new = {q.item_id: _leased(got[q.item_id], user, q, slot, now) for q, _, slot, _ in fresh if q.item_id in got}
        taken = [c for c in chosen if c.next_slot is None]
        rows: dict[int, list[Assignment]] = {c.item_id: [] for c in taken}
        for row in Assignment.objects.filter(item__in=rows, slot__isnull=False) if rows else ():
            rows[row.item_id].append(row)
        for candidate in taken:
            if assignment := _claim_one(user, candidate.query(), rows[candidate.item_id], now):
                new[candidate.item_id] = assignment
        claimed += [new[c.item_id] for c in chosen if c.item_id in new]
    return claimed


def _leased(pk: int, user: User, query: Query, slot: int | None, now: datetime) -> Assignment:
    return Assignment(pk=pk, item=query.item, query=query, user=user, slot=slot, state=State.LEASED, leased_until=now + LEASE)


def _claim_one(user: User, query: Query, rows: list[Assignment], now: datetime) -> Assignment | None:
    free = [slot for slot in range(query.wanted) if slot not in {row.slot for row in rows}]
    slot = free[0] if free else None
    if free:
        pk = statements.insert_assignment(query, user.pk, slot, State.LEASED, now + LEASE, now)
    else:
        expired = [row for row in rows if row.state == State.LEASED and row.leased_until <= now]
        pk, slot = (expired[0].pk, expired[0].slot) if expired and _take_over(expired[0], user, query, now) else (None, None)
    if pk is None:
        return None  # somebody was faster
    return _leased(pk, user, query, slot, now)


def _take_over(expired: Assignment, user: User, query: Query, now: datetime) -> bool:
    held = Assignment.objects.filter(pk=expired.pk, user=expired.user_id, state=State.LEASED, leased_until=expired.leased_until)
    # Whoever held it may be renewing all that they hold this moment: two that wait for each other's rows would never end.
    if not held.select_for_update(skip_locked=True).values_list("pk", flat=True):
        return False
    try:
        with transaction.atomic():
            return held.update(user=user, query=query, leased_until=now + LEASE) == 1
    except IntegrityError:  # this person has taken a place at the item meanwhile, in another tab
        return False


def touch(user: User, project: Project, now: datetime | None = None) -> int:
    """The page is still open: all leases of this person in the project are renewed."""
    held = Assignment.objects.filter(user=user, state=State.LEASED, item__project=project)
    return held.update(leased_until=(now or timezone.now()) + LEASE)


def release(user: User, project: Project, *, renewed_until: datetime | None = None) -> int:
    """The page was closed: its items may go to others at once.

    `renewed_until`: the latest lease that the closed page knew of. What was renewed since belongs to another page (a reload's
    farewell often arrives after the new page's first request).
    """
    held = Assignment.objects.filter(user=user, state=State.LEASED, item__project=project)
    if renewed_until is not None:
        held = held.filter(leased_until__lte=renewed_until)
    deleted, _ = held.delete()
    return deleted


def submit(
    user: User,
    project: Project,
    *,
    value,
    token: str,
    assignment: Assignment | int | None = None,
    item: Item | int | None = None,
    seconds: float | None = None,
    skipped: bool = False,
    flagged: bool = False,
    comment: str = "",
    guidelines: int | None = None,
    suggested: str | None = suggestions.AS_GIVEN,
) -> Submission:
    """Store one person's answer. Never refused for a lost lease, never counted twice. `guidelines`: the version on the page;
    `suggested`: the label that the page suggested, None where it showed none.

    Raises InvalidValue (the value is none of the task's), Http404 (no such item here), training.NotYet.
    """
    if not token or len(token) > 64:
        raise InvalidValue("The token must be a text of 1 to 64 characters, new for every answer.")
    stored, task = None, task_type(project.task)
    if not skipped:
        labels = statements.label_ids(project.pk)
        try:
            stored = task.parse(value, labels)
        except InvalidValue:
            if earlier := _by_token(user, project, token):  # the label was retired after the answer was stored
                return earlier
            raise
    try:
        with turns.write():
            if statements.has_token(token) and (earlier := _by_token(user, project, token)):
                return earlier
            found = _item(project, assignment, item)
            if stored is not None:
                task.check_content(stored, found.content)
            if project.training and (
                trained := _train(
                    user, project, found, assignment is not None, value=stored, token=token, seconds=_sane(seconds),
                    skipped=skipped, flagged=flagged, comment=comment, guidelines=guidelines,
                )
            ):  # fmt: skip
                return trained
            return _store(user, project, found, stored, _sane(seconds), token, skipped, flagged, comment, guidelines, suggested)
    except IntegrityError:
        if earlier := _by_token(user, project, token):  # the same submit, twice at once
            return earlier
        raise


def _train(user: User, project: Project, item: Item, named: bool, **answer) -> Submission | None:
    """The answer as one of the training, where it is one. `named`: with its lease, as only real work is. Raises NotYet."""
    membership = training.awaiting(user, project)
    if membership is None:
        taken = None if named else training.repeated(user, project, item, answer["token"])
    else:
        place = statements.place(item.pk, user.pk)
        if named and place:  # it was on the screen when the training was switched on
            return None
        worked = bool(place) or Annotation.objects.filter(item=item, user=user, current=True).exists()
        taken = training.submit(user, project, membership, item, worked=worked, **answer)
        if taken is None and not worked:
            raise training.NotYet(
                "First the training of this project: this item is none of it. Try it again when you have passed."
            )
    return Submission(taken[0], "training", "", taken[1]) if taken else None


def skip(user: User, project: Project, *, token: str, reason: str = "", **which) -> Submission:
    """Somebody else may know: the item is not asked of this person again."""
    return submit(user, project, value=None, token=token, skipped=True, comment=reason, **which)


def undo(user: User, project: Project, annotation: Annotation | int | None = None) -> Annotation | None:
    """Take back my last answer (or the named one); its item is leased to me again. None where there is nothing to undo.

    Answers of the training stand; and who has it before them gets no real item back.
    """
    if project.training and training.awaiting(user, project):
        return None
    with turns.write():
        mine = Annotation.objects.filter(user=user, project=project, current=True, withdrawn_at=None)
        if annotation is not None:
            mine = mine.filter(pk=getattr(annotation, "pk", annotation))
        last = mine.select_related("item").order_by("-pk").first()
        if last is None:
            return None
        now = timezone.now()
        statements.lock_item(project.pk, item=last.item_id)
        if not Annotation.objects.filter(pk=last.pk, current=True).update(current=False, withdrawn_at=now):
            return None  # the same undo, twice at once
        place = Assignment.objects.filter(item=last.item, user=user)
        last.current, last.withdrawn_at = False, now
        if last.gold:  # nothing rested on it; it is theirs to answer again
            place.update(state=State.LEASED, leased_until=now + LEASE)
            return last
        place.filter(slot__isnull=False).update(state=State.LEASED, leased_until=now + LEASE)
        place.filter(slot__isnull=True).delete()  # a skip or an extra answer held no slot
        settle(project, last.item, reopens_skipped=last.skipped)
        if not place.exists():
            _claim_again(user, last.item, now)
        return last


def _claim_again(user: User, item: Item, now: datetime) -> None:
    """After an undone skip: the item is theirs again, where a slot is still free."""
    query = item.queries.filter(status=Query.Status.OPEN).select_related("item").order_by("order").first()
    if query:
        _claim_one(user, query, list(Assignment.objects.filter(item=item, slot__isnull=False)), now)


def _by_token(user: User, project: Project, token: str) -> Submission | None:
    earlier = Annotation.objects.filter(token=token).first()
    if earlier is None:
        return None
    if earlier.user_id != user.pk or earlier.project_id != project.pk:
        raise InvalidValue("This token was used for another answer: choose a new, random one for every answer.")
    return Submission(earlier, "repeated", "This answer was stored already.")


def _item(project: Project, assignment, item) -> Item:
    """The item that is answered; an assignment that went to somebody else still names it."""
    if assignment is not None:
        found = statements.lock_item(project.pk, assignment=getattr(assignment, "pk", assignment))
    else:
        found = statements.lock_item(project.pk, item=getattr(item, "pk", item))
    if found is None:
        raise Http404("No such assignment in this project." if assignment is not None else "No such item in this project.")
    return found


def _store(
    user,
    project,
    item: Item,
    value,
    seconds,
    token: str,
    skipped: bool,
    flagged: bool,
    comment: str,
    guidelines: int | None,
    suggested: str | None,
) -> Submission:
    now = timezone.now()
    place = statements.place(item.pk, user.pk)
    query = place.query if place else _query_of(item)
    replaced = statements.supersede(item.pk, user.pk)
    # A place that holds no slot and is still open is one at gold. Without a place it is gold where it is not asked of people.
    gold = bool(replaced)
    if replaced is None:
        unasked = place is None and (query is None or query.status != Query.Status.OPEN)
        gold = (place is not None and golds.is_lease(place)) or (unasked and statements.has_gold(item.pk))
    saw = None if gold else suggestions.shown(project, user, item, place, suggested, replaced is not None)
    outcome = _take_gold(place, skipped) if gold else _take_place(user, item, place, query, skipped, now)
    annotation = Annotation(
        project=project, item=item, user=user, query=query, value=value, seconds=seconds, skipped=skipped,
        extra=outcome == "extra", flagged=flagged, comment=comment, gold=gold, guidelines=guidelines, suggestion=saw,
        token=token, created_at=now,
    )  # fmt: skip
    statements.insert_annotation(annotation)
    if replaced is not None and outcome != "extra":
        outcome = "changed"
    if not gold:
        settle(project, item)
        if skipped:
            close_if_nobody_is_left(project, item)
    return Submission(annotation, outcome, _MESSAGES[outcome])


_MESSAGES = {
    "stored": "Saved.",
    "changed": "Your earlier answer is replaced; it stays in the history.",
    "extra": "Somebody else had answered this item meanwhile. Your answer is kept as an extra one.",
}


def _query_of(item: Item) -> Query | None:
    """What an answer without a lease is an answer to: an open query, else one that has its answers already."""
    asked = item.queries.exclude(status=Query.Status.WITHDRAWN).order_by("order", "pk")
    return next((query for query in asked if query.status == Query.Status.OPEN), asked[0]) if asked else None


def _take_gold(place: Assignment | None, skipped: bool) -> str:
    """An answer to gold fills no slot: it says something of the person, and nothing new of the item."""
    if place:
        Assignment.objects.filter(pk=place.pk).update(state=State.SKIPPED if skipped else State.EXTRA)
    return "stored"


def _take_place(user, item: Item, place: Assignment | None, query: Query | None, skipped: bool, now: datetime) -> str:
    """Settle the person's place at the item: their slot, a free one, or none (an extra answer, a skip)."""
    until = now + LEASE
    if skipped:
        if place:
            Assignment.objects.filter(pk=place.pk).update(state=State.SKIPPED, slot=None)
        elif query:
            statements.insert_assignment(query, user.pk, None, State.SKIPPED, until, now)
        return "stored"
    if place and place.slot is not None:
        if statements.submit_place(place):
            return "stored"
        place = None  # its lease had run out, and somebody has taken it over this very moment
    slot = _free_slot(item, query, now) if query and query.status == Query.Status.OPEN else None
    state = State.SUBMITTED if slot is not None else State.EXTRA
    if place:
        if slot is None or not _give_slot(place, slot):
            Assignment.objects.filter(pk=place.pk).update(state=State.EXTRA)
            slot = None
    elif query is None:
        return "stored"  # answered without being asked (by REST): no slot is needed
    elif statements.insert_assignment(query, user.pk, slot, state, until, now) is None:
        statements.insert_assignment(query, user.pk, None, State.EXTRA, until, now)
        slot = None
    return "stored" if slot is not None else "extra"


def _give_slot(place: Assignment, slot: int) -> bool:
    try:
        with transaction.atomic():
            return Assignment.objects.filter(pk=place.pk).update(state=State.SUBMITTED, slot=slot) == 1
    except IntegrityError:  # somebody has claimed it this very moment
        return False


def _free_slot(item: Item, query: Query, now: datetime) -> int | None:
    rows = {row.slot: row for row in Assignment.objects.filter(item=item, slot__isnull=False)}
    for slot in range(query.wanted):
        if slot not in rows:
            return slot
        if rows[slot].state == State.LEASED and rows[slot].leased_until <= now:
            gone = Assignment.objects.filter(pk=rows[slot].pk, state=State.LEASED, leased_until=rows[slot].leased_until)
            if gone.delete()[0]:  # its lease has run out; who held it may still answer, as an extra one
                return slot
    return None


def _sane(seconds: float | None) -> float | None:
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(float(seconds), MAX_SECONDS)
