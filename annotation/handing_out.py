"""Whose items are whose: a manager reserves items for people, takes work back, gives it to somebody else, or pauses somebody.

While an item is reserved, only those people are asked for it (annotation/statements.py). What somebody has on the screen when
it is reserved for others may still be answered: no answer is ever refused.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from annotation import queries, statements, turns
from annotation.models import Assignment, Query, Reservation
from annotation.verdicts import ANSWERING_ROLES
from projects.errors import Refused, WrongState
from projects.item_search import STATES, find_items
from projects.metadata import having
from projects.models import Item, Membership, Project, User
from projects.numbers import whole

MAX_ITEMS = 100_000  # in one request: its transaction lets nobody else write meanwhile
MODES = {"share": "Share them out evenly", "all": "Everybody gets all of them"}
_CHUNK = 2000
State = Assignment.State


@dataclass
class HandedOut:
    """`items` were reserved; `people`: {username: how many of them}; `left_out`: all whom they are meant for have answered these.
    `unknown`: {what stood in the column, and is nobody here: how many items}."""

    items: int = 0
    left_out: int = 0
    people: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


def chosen_items(
    project: Project, *, ids: Sequence[int] | None = None, filter: Mapping[str, Any] | None = None
) -> QuerySet[Item]:
    """The items of these ids, or those that the search of the page of items finds: state, label, dataset, search.

    Raises Refused: an id that is not of this project, a filter that there is not.
    """
    if ids is not None:
        if len(ids) > MAX_ITEMS:
            raise Refused("items", f"At most {MAX_ITEMS:,} items at once.")
        found = project.items.filter(pk__in={pk for pk in ids if 0 < pk < 2**63})
        if n_missing := len(set(ids)) - found.count():
            raise Refused("items", f"{n_missing} of these ids are no items of this project.")
        return found
    given = dict(filter or {})
    if unknown := set(given) - {"state", "label", "dataset", "search"}:
        raise Refused("filter", f"There is no filter {sorted(unknown)[0]!r}; there are: state, label, dataset, search.")
    if not isinstance(given.get("state") or "", str) or (given.get("state") or "") not in STATES:
        raise Refused("filter", f"The state must be one of: {', '.join(name for name in STATES if name)}.")
    numbers = {}
    for name in ("label", "dataset"):
        value = given.get(name)
        numbers[f"{name}_id"] = None if value in (None, "") else whole(value)
        if numbers[f"{name}_id"] is None and value not in (None, ""):
            raise Refused("filter", f"The {name} must be an id.")
    search = given.get("search") or ""
    if not isinstance(search, str):
        raise Refused("filter", "The search must be a text.")
    return find_items(project, state=given.get("state") or "", search=search[:200], **numbers)


def workers(project: Project) -> QuerySet[Membership]:
    """The members who may be given work."""
    return project.memberships.filter(role__in=ANSWERING_ROLES, user__is_active=True).select_related("user")


def reserve(project: Project, items: QuerySet[Item], people: Sequence[User], mode: str = "share") -> HandedOut:
    """Reserve items for people, in the place of whomever they were reserved for.

    `share`: each item for one of them (or for as many as the project wants answers of it), evenly; `all`: each for everybody.
    Raises Refused, WrongState (too many items).
    """
    people = list(dict.fromkeys(people))
    if mode not in MODES:
        raise Refused("mode", f"The mode must be one of: {', '.join(MODES)}.")
    may = set(workers(project).values_list("user_id", flat=True))
    if not people:
        raise Refused("users", "Choose at least one person.")
    if outside := [str(user) for user in people if user.pk not in may]:
        raise Refused("users", f"{', '.join(outside[:5])} cannot label in this project.")
    ids = _ids(items)
    everybody = [user.pk for user in people]
    if mode == "all":
        return _write(project, dict.fromkeys(ids, everybody), {})
    slots = queries.slots_of(project, ids, project.annotators_per_item, reserved=False)
    return _write(project, dict.fromkeys(ids, everybody), slots)


def reserve_by_column(project: Project, items: QuerySet[Item], column: str, by: str = "name") -> HandedOut:
    """Reserve each item for whom a column of its data names: a username or an e-mail address (`name`), or those who have the
    skill that stands there (`skill`). Several are separated by commas or semicolons. Items with nothing there stay as they are.

    Raises Refused (no such way), WrongState (too many items).
    """
    if by not in {"name", "skill"}:
        raise Refused("by", "Must be name (a username or an e-mail address) or skill.")
    if not column:
        raise Refused("column", "Say which column of the data.")
    known = _by_name(project) if by == "name" else _by_skill(project)
    meant: dict[int, list[int]] = {}
    unknown: Counter[str] = Counter()
    for pk, value in _values(items, column):
        names = _names(value)
        unknown.update(name[:100] for name in names if name.lower() not in known)
        if found := [user for name in names for user in known.get(name.lower(), [])]:
            meant[pk] = list(dict.fromkeys(found))
    result = _write(project, meant, {})
    result.unknown = dict(unknown.most_common())
    return result


def release_reserved(project: Project, items: QuerySet[Item] | None = None, people: Sequence[User] | None = None) -> int:
    """These reservations end (all of the project's where neither items nor people are named): everybody may be asked."""
    with turns.write():
        found = Reservation.objects.filter(project=project)
        if people is not None:
            found = found.filter(user__in=people)
        if items is not None:
            found = found.filter(item__in=items)
        ids = sorted(set(found.values_list("item_id", flat=True)[: MAX_ITEMS + 1]))
        n = found.filter(item__in=ids).delete()[0] if len(ids) <= MAX_ITEMS else found.delete()[0]
        _fit(project, ids)
    return n


# --- One person's work


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`leases`: what was on the screen (an answer that still comes is kept); `reserved`: reservations that ended or moved."""

    leases: int
    reserved: int


def take_back(project: Project, user: User, to: User | None = None) -> TakenBack:
    """End all leases of a person at once; what was meant for them goes to `to`, else to those it is meant for too, or to anybody.

    Raises WrongState: `to` cannot be given work.
    """
    if to is not None:
        if to == user:
            raise WrongState("The work would stay where it is: choose somebody else.")
        member = workers(project).filter(user=to).first()
        if member is None:
            raise WrongState(f"{to} cannot label in this project.")
        if member.paused_at:
            raise WrongState(f"{to} is paused: let them go on first.")
    with turns.write():
        leased = Assignment.objects.filter(user=user, item__project=project, state=State.LEASED)
        on_screen = list(leased.filter(slot__isnull=False).values_list("item_id", flat=True))
        n_leases = leased.delete()[0]
        reserved = Reservation.objects.filter(project=project, user=user)
        ids = list(reserved.values_list("item_id", flat=True))
        reserved.delete()
        if to is not None:
            _give(project, sorted({*ids, *on_screen}), to)
        _fit(project, sorted({*ids, *on_screen}))
    return TakenBack(n_leases, len(ids))


def _give(project: Project, ids: list[int], to: User) -> None:
    """Reserve these for one person, beside whom they are meant for already; not what they have answered."""
    for chunk in _chunks(ids):
        done = set(
            Assignment.objects.filter(item__in=statements.these(chunk), user=to)
            .exclude(state=State.LEASED)
            .values_list("item_id", flat=True)
        )
        statements.reserve((project.pk, pk, to.pk) for pk in chunk if pk not in done)


def pause_member(project: Project, user: User) -> bool:
    """No new items for this person, who is told so; what is on the screen may still be answered. False: paused already."""
    with turns.write():
        return project.memberships.filter(user=user, paused_at=None).update(paused_at=timezone.now()) == 1


def resume_member(project: Project, user: User) -> bool:
    with turns.write():
        return project.memberships.filter(user=user, paused_at__isnull=False).update(paused_at=None) == 1


@dataclass(frozen=True, slots=True)
class Share:
    """What one member has: reserved and not answered yet, on the screen, answered."""

    membership: Membership
    waiting: int
    leased: int
    answered: int

    @property
    def may_label(self) -> bool:
        return self.membership.user.is_active and self.membership.role in ANSWERING_ROLES


def shares(project: Project) -> list[Share]:
    """One per member who may label, or for whom items are still reserved; in a fixed number of queries."""
    found = Reservation.objects.filter(project=project).order_by()
    reserved = dict(found.values_list("user").annotate(n=Count("pk")))
    done = found.filter(item__annotations__user=F("user"), item__annotations__current=True)
    finished = dict(done.values_list("user").annotate(n=Count("pk")))
    held = Assignment.objects.filter(item__project=project, state=State.LEASED, leased_until__gt=timezone.now()).order_by()
    leased = dict(held.values_list("user").annotate(n=Count("pk")))
    said = project.annotations.filter(current=True, skipped=False).order_by()
    answered = dict(said.values_list("user").annotate(n=Count("pk")))
    members = project.memberships.filter(Q(pk__in=workers(project)) | Q(user__in=reserved))
    return [
        Share(m, reserved.get(m.user_id, 0) - finished.get(m.user_id, 0), leased.get(m.user_id, 0), answered.get(m.user_id, 0))
        for m in members.select_related("user").order_by("user__username")
    ]


# --- How it is written


def _ids(items: QuerySet[Item]) -> list[int]:
    found = list(items.order_by("pk").values_list("pk", flat=True)[: MAX_ITEMS + 1])
    if len(found) > MAX_ITEMS:
        raise WrongState(f"These are more than {MAX_ITEMS:,} items, the most at once: choose a data set, or search.")
    return found


def _chunks(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield list(ids[start : start + _CHUNK])


def _write(project: Project, meant: Mapping[int, list[int]], slots: Mapping[int, int]) -> HandedOut:
    """`meant`: {item: users}. With `slots` ({item: n}) each item goes to n of its users, in turns; without, to all of them."""
    result, per_user, turn = HandedOut(), Counter(), 0
    ids = sorted(meant)
    with turns.write():
        for chunk in _chunks(ids):
            done: dict[int, set[int]] = defaultdict(set)
            places = Assignment.objects.filter(item__in=statements.these(chunk)).exclude(state=State.LEASED)
            for item, user in places.values_list("item_id", "user_id"):
                done[item].add(user)
            rows = []
            for pk in chunk:
                users = meant[pk]
                if slots:
                    users, turn = users[turn % len(users) :] + users[: turn % len(users)], turn + min(slots[pk], len(users))
                # Nobody is asked twice, so for whom has answered there is nothing to reserve.
                users = [user for user in users if user not in done[pk]]
                users = users[: slots[pk]] if slots else users
                rows += [(project.pk, pk, user) for user in users]
                per_user.update(users)
                result.items += bool(users)
                result.left_out += not users
            Reservation.objects.filter(item__in=statements.these(chunk)).delete()
            statements.reserve(rows)
        _fit(project, ids)
    names = dict(User.objects.filter(pk__in=per_user).values_list("pk", "username"))
    result.people = {names[pk]: n for pk, n in per_user.most_common()}
    return result


def _fit(project: Project, ids: Sequence[int]) -> None:
    """An item must not want more answers than the people whom it is reserved for can give, or it would wait for ever."""
    if project.annotators_per_item == 1:
        return
    for chunk in _chunks(ids):
        base = queries.slots_of(project, chunk, project.annotators_per_item, reserved=False)
        meant = dict(
            Reservation.objects.filter(item__in=statements.these(chunk)).order_by().values_list("item").annotate(n=Count("pk"))
        )
        given = Assignment.objects.filter(item__in=statements.these(chunk), state=State.SUBMITTED).order_by()
        given = dict(given.values_list("item").annotate(n=Count("pk")))
        by_wanted: dict[tuple[int, int], list[int]] = defaultdict(list)
        for pk in chunk:
            by_wanted[min(base[pk], meant[pk] + given.get(pk, 0)) if pk in meant else base[pk], base[pk]].append(pk)
        asked = Query.objects.filter(status__in=[Query.Status.OPEN, Query.Status.HELD], wanted__gt=0)
        for (wanted, usual), items in by_wanted.items():  # one that a tie or a reviewer has raised stays as it is
            asked.filter(item__in=statements.these(items), wanted__lte=usual).exclude(wanted=wanted).update(wanted=wanted)


def _values(items: QuerySet[Item], column: str) -> list[tuple[int, Any]]:
    found = list(having(items, column).order_by("pk").values_list("pk", "metadata")[: MAX_ITEMS + 1])
    if len(found) > MAX_ITEMS:
        raise WrongState(f"These are more than {MAX_ITEMS:,} items, the most at once: choose a data set, or search.")
    return [(pk, metadata.get(column)) for pk, metadata in found if isinstance(metadata, dict)]


def _names(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else re.split(r"[,;]", str(value if value is not None else ""))
    return [str(part).strip() for part in parts if str(part).strip()]


def _by_name(project: Project) -> dict[str, list[int]]:
    """{username or e-mail address, in small letters: [user]}; an address that two members share names nobody."""
    found: dict[str, list[int]] = {}
    addresses = Counter(m.user.email.lower() for m in workers(project) if m.user.email)
    for member in workers(project):
        if addresses[member.user.email.lower()] == 1:
            found[member.user.email.lower()] = [member.user_id]
    return found | {member.user.username.lower(): [member.user_id] for member in workers(project)}


def _by_skill(project: Project) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for member in workers(project):
        for skill in member.skills:
            found[str(skill).lower()].append(member.user_id)
    return dict(found)
