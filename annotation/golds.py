"""Gold: items whose answer is known for certain, mixed in unseen among everybody's items, to see how good answers are.

An item of gold is leased without a slot (`Assignment.slot` is null), beside a query of another item whose words it shows, so that
nothing tells it from the others. Its answer is kept (`Annotation.gold`), changes no verdict, and closes no query.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, F, OuterRef, QuerySet, Value

from annotation import statements, turns
from annotation.models import Annotation, Assignment, Gold, Query, Verdict
from projects.errors import WrongState
from projects.metadata import having
from projects.models import Item, Project, User
from projects.task_types import InvalidValue, task_type

MAX_ITEMS = 100_000  # in one request: its transaction lets nobody else write meanwhile
_CHUNK = 2000


def due(user: User, project: Project, n_held: int, count: int) -> list[tuple[int, int]]:
    """The gold that is due among the next `count` of this person, who holds `n_held`: (its place in their list, item).

    Which of a person's items are gold is drawn once and for all, by how many they have answered: nobody gets other ones by
    loading the page again. Never one that they had before.
    """
    if not project.gold_share:
        return []
    position = project.annotations.filter(user=user, current=True).count() + n_held
    offsets = [n_held + k for k in range(count) if draw(project, user, "position", position + k) < project.gold_share]
    if not offsets:
        return []
    had = Assignment.objects.filter(item=OuterRef("item"), user=user)
    answered = Annotation.objects.filter(item=OuterRef("item"), user=user)
    left = Gold.objects.filter(~Exists(had), ~Exists(answered), project=project, training=False).values_list("item_id", flat=True)
    chosen = sorted(left, key=lambda item: draw(project, user, "item", item))
    return list(zip(offsets, chosen, strict=False))


def draw(project: Project, user: User, what: str, number: int) -> float:
    """From 0 to 1, of each person and number another, and the same in every process."""
    return _drawn(project, f"{user.pk}:{what}:{number}")


def _drawn(project: Project, what: object) -> float:
    digest = hashlib.blake2b(f"{project.pk}:{what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def lease(user: User, gold: list[tuple[int, int]], beside: Query, until: datetime, now: datetime) -> list[tuple[int, Assignment]]:
    """Lease what is due to a person, beside a query that is asked. Inside the caller's transaction."""
    if not gold:
        return []
    found = Item.objects.in_bulk([pk for _, pk in gold])
    leased = []
    for offset, pk in gold:
        query = Query(pk=beside.pk, item_id=pk)
        if assignment := statements.insert_assignment(query, user.pk, None, Assignment.State.LEASED, until, now):
            place = Assignment(
                pk=assignment, item=found[pk], query=beside, user=user, state=Assignment.State.LEASED, leased_until=until
            )
            leased.append((offset, place))
    return leased


def is_lease(place: Assignment) -> bool:
    """Does this place hold gold? Every other lease holds a slot."""
    return place.slot is None and place.state == Assignment.State.LEASED


# --- What a manager does


@dataclass
class Marked:
    """What became of a request to mark gold. `unknown`: {what stood in the column, and is no answer here: how many items}."""

    marked: int = 0
    without_answer: int = 0
    unknown: dict[str, int] = field(default_factory=dict)


def mark(project: Project, items: QuerySet[Item], user: User, *, training: bool = False) -> Marked:
    """The current verdict of each of these items is its gold answer. One that was gold before takes the new answer."""
    ids = _limited(items)
    verdicts = Verdict.objects.filter(item__project=project, current=True)
    answers: dict[int, object] = {}
    for start in range(0, len(ids), _CHUNK):
        answers |= dict(verdicts.filter(item__in=ids[start : start + _CHUNK]).values_list("item_id", "value"))
    _store(project, answers, user, training)
    return Marked(len(answers), len(ids) - len(answers))


def mark_by_column(project: Project, items: QuerySet[Item], column: str, user: User, *, training: bool = False) -> Marked:
    """What stands in a column of the data is the gold answer; where it is empty the item is none."""
    labels = dict(project.labels.filter(retired_at=None).values_list("name", "pk"))
    task = task_type(project.task)
    result = Marked()
    answers: dict[int, object] = {}
    for pk, metadata, content in _with_column(items, column, with_content=task.needs_content):
        value = metadata.get(column)
        try:
            raw = task.read_cell(value) if isinstance(value, str) else value
            if raw is not None:
                answers[pk] = task.read(raw, labels, content)
        except InvalidValue:
            result.unknown[str(value)[:100]] = result.unknown.get(str(value)[:100], 0) + 1
    _store(project, answers, user, training)
    result.marked = len(answers)
    return result


def unmark(project: Project, items: QuerySet[Item]) -> int:
    """These are gold no more. Answers that were given stay marked as ones to gold."""
    with turns.write():
        removed, _ = Gold.objects.filter(project=project, item__in=items).delete()
    return removed


def share_out(project: Project, n_training: int) -> int:
    """Of all gold, so many items are for training; which, is drawn. Those that are stay so. Returns how many are now.

    Raises WrongState: there is not so much gold.
    """
    with turns.write():
        gold = list(Gold.objects.filter(project=project).values_list("pk", "item_id", "training"))
        if n_training > len(gold):
            raise WrongState(f"The project has {len(gold)} gold item{'' if len(gold) == 1 else 's'} in all: mark more first.")
        gold.sort(key=lambda row: (not row[2], _drawn(project, row[1])))
        chosen = [pk for pk, _, _ in gold[:n_training]]
        Gold.objects.filter(project=project, training=True).exclude(pk__in=chosen).update(training=False)
        Gold.objects.filter(project=project, pk__in=chosen, training=False).update(training=True)
    return n_training


def _store(project: Project, answers: dict[int, object], user: User, training: bool) -> None:
    rows = [Gold(project=project, item_id=pk, value=value, training=training, created_by=user) for pk, value in answers.items()]
    with turns.write():
        Gold.objects.bulk_create(
            rows, batch_size=_CHUNK, update_conflicts=True, unique_fields=["item"], update_fields=["value", "training"]
        )


def _limited(items: QuerySet[Item]) -> list[int]:
    ids = list(items.order_by("pk").values_list("pk", flat=True)[: MAX_ITEMS + 1])
    if len(ids) > MAX_ITEMS:
        raise WrongState(f"These are more than {MAX_ITEMS:,} items, the most at once: choose a data set, or search.")
    return ids


def _with_column(items: QuerySet[Item], column: str, *, with_content: bool) -> list[tuple[int, dict, str]]:
    content = F("content") if with_content else Value("")
    found = list(having(items, column).order_by("pk").values_list("pk", "metadata", content)[: MAX_ITEMS + 1])
    if len(found) > MAX_ITEMS:
        raise WrongState(f"These are more than {MAX_ITEMS:,} items, the most at once: choose a data set, or search.")
    return [row for row in found if isinstance(row[1], dict)]
