"""Before real work: items whose right answer is shown after one's own, then a test with a pass mark. See docs/training.md.

Both are gold. They need no place in the queue, because nothing is scarce: anybody may be asked for the same ones. An answer is a
row of Annotation that is never current and never counts (`gold` and `extra` both true, which no other answer is); its token says
what it was: `training.<try>.<part>.<mark>.<digest of the client's token>`. So a score stays what the person was told, also when
the settings or the gold change later, and an answer that is sent twice counts once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from annotation import statements, turns
from annotation.golds import draw
from annotation.models import Annotation, Gold, Verdict
from projects.models import Item, Membership, Project, User
from projects.training_settings import Training, training_of

SHOWN, TEST = "training", "qualification"  # the parts, and what REST calls the purpose of their items
BADGES = {SHOWN: "Training", TEST: "Test"}
_MARKS = {"r": True, "w": False, "s": False}  # right, wrong, skipped


class NotYet(Exception):
    """A real item, answered by somebody who has not passed and whom nobody asked for it."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer of the training: which try, which part, which item, right or not."""

    attempt: int
    part: str
    item_id: int
    right: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person is. `part`: what comes next; None: nothing, because `passed`, or all tries are used, or no items are there.

    `items`: what is left of this part, in order; `n`: how many of it are answered; `of`: how many it has.
    """

    settings: Training
    attempt: int
    part: str | None
    items: list[int]
    n: int
    of: int
    right: int
    passed: bool
    last: tuple[int, int] | None  # right, and of how many, of the last test that was failed


def answers_of_training():
    """As a condition: answers that are no annotations. Nothing counts them."""
    return {"gold": True, "extra": True}


def awaiting(user: User, project: Project) -> Membership | None:
    """This person's membership, if the project has a training that they have not passed; one query, where it has one."""
    if not project.training or training_of(project) is None:
        return None
    return project.memberships.filter(user=user, qualified_at=None).first()


def standing(user: User, project: Project) -> Standing:
    """A fixed number of queries: the project's gold, and this person's answers of the training."""
    return _standing(user, project, _given(user, project))


def _given(user: User, project: Project) -> list[Given]:
    rows = Annotation.objects.filter(project=project, user=user, withdrawn_at=None, **answers_of_training()).order_by("pk")
    found = []
    for item, token in rows.values_list("item_id", "token"):
        _, attempt, part, mark, digest = token.split(".")
        found.append(Given(int(attempt), part, item, _MARKS[mark], digest))
    return found


def _standing(user: User, project: Project, given: list[Given]) -> Standing:
    settings = training_of(project) or Training()
    attempt = max((one.attempt for one in given), default=1)
    gold = list(Gold.objects.filter(project=project).order_by("pk").values_list("item_id", "training"))
    last = None
    for attempt in (attempt, attempt + 1):  # noqa: B020
        mine = [one for one in given if one.attempt == attempt]
        shown, tested = ([one for one in mine if one.part == part] for part in (SHOWN, TEST))
        right = sum(one.right for one in tested)
        left = _left([item for item, training in gold if training], settings.shown - len(shown), given, attempt)
        if left and not tested:  # a later wish for more training items takes nobody out of the test
            return Standing(settings, attempt, SHOWN, left, len(shown), len(shown) + len(left), 0, False, last)
        untouched = _untouched(user, project, [item for item, training in gold if not training])
        left = _left(untouched, settings.test - len(tested), given, attempt)
        if left:
            return Standing(settings, attempt, TEST, left, len(tested), len(tested) + len(left), right, False, last)
        if not tested and settings.test:  # there are no test items: nobody can be measured
            return Standing(settings, attempt, None, [], 0, 0, 0, False, last)
        if right >= settings.needed(len(tested)) and mine:
            return Standing(settings, attempt, None, [], len(tested), len(tested), right, True, last)
        last = (right, len(tested)) if tested else None
        if not tested or attempt >= settings.tries:
            break
    return Standing(settings, attempt, None, [], 0, 0, 0, False, last)


def _left(items: list[int], n: int, given: list[Given], attempt: int) -> list[int]:
    """The next `n` of these that were not answered in this try: those first that were not in an earlier one either."""
    done = {one.item_id for one in given if one.attempt == attempt}
    seen = {one.item_id for one in given}
    left = [item for item in items if item not in done]
    return sorted(left, key=lambda item: item in seen)[: max(0, n)]


def _untouched(user: User, project: Project, items: list[int]) -> list[int]:
    """In an order of this person's own; last what they have answered in real work, for they may know it."""
    worked = Annotation.objects.filter(project=project, user=user, item__in=Gold.objects.filter(project=project).values("item"))
    known = set(worked.exclude(**answers_of_training()).values_list("item_id", flat=True)) if items else set()
    return sorted(items, key=lambda item: (item in known, draw(project, user, "test", item)))


# --- What a person does


def next_items(user: User, project: Project, count: int) -> list[tuple[Item, dict]]:
    """The next items of the part that this person is in, each with what the page says of it."""
    where = standing(user, project)
    if where.passed:  # a member again, after having been one: what was passed is passed
        _qualify(project, user)
        return []
    chosen = where.items[:count]
    found = Item.objects.in_bulk(chosen)
    return [(found[pk], _about(where, where.n + k)) for k, pk in enumerate(chosen, 1)]


def _about(where: Standing, n: int) -> dict:
    number = f"{f'Try {where.attempt} of {where.settings.tries}, item' if where.attempt > 1 else 'Item'} {n} of {where.of}"
    needed = where.settings.needed(where.of)
    why = f"{number}: the right answer is shown after yours." if where.part == SHOWN else f"{number}: {needed} must be right."
    return {"purpose": where.part, "why": why, "training": {"part": where.part, "n": n, "of": where.of}}


def submit(
    user: User, project: Project, membership: Membership, item: Item, *, worked: bool, value, token: str,
    seconds: float | None, skipped: bool, flagged: bool, comment: str, guidelines: int | None,
) -> tuple[Annotation, dict] | None:  # fmt: skip
    """Store an answer of the training, and say what comes of it. None: the item is none of the training of this person.

    `worked`: they had it in real work. Inside the caller's transaction. The membership's row is locked: two tabs take turns.
    """
    list(Membership.objects.select_for_update().filter(pk=membership.pk).values_list("pk"))
    given = _given(user, project)
    digest = _digest(user, project, token)
    where = _standing(user, project, given)
    earlier = next((one for one in given if one.digest == digest), None)
    if earlier is None and item.pk not in where.items:
        # The page of another tab, or from before a manager's "begin anew": its answer has nowhere to go, and nothing is lost.
        if any(one.item_id == item.pk for one in given) or (not worked and statements.gold_value(item.pk) is not None):
            return Annotation(project=project, item=item, user=user), {"stale": True, **_nothing()}
        return None
    if earlier is not None:
        return _row(user, item, digest), _told(earlier, where, given)
    right = not skipped and value == statements.gold_value(item.pk)
    mark = "s" if skipped else "r" if right else "w"
    now = timezone.now()
    row = Annotation.objects.create(
        project=project, item=item, user=user, value=value, seconds=seconds, skipped=skipped, flagged=flagged, comment=comment,
        guidelines=guidelines, gold=True, extra=True, current=False, created_at=now,
        token=f"training.{where.attempt}.{where.part}.{mark}.{digest}",
    )  # fmt: skip
    one = Given(where.attempt, where.part, item.pk, right, digest)
    given.append(one)
    after = _standing(user, project, given)
    if after.passed:
        _qualify(project, user, now)
    return row, _told(one, after, given)


def repeated(user: User, project: Project, item: Item, token: str) -> tuple[Annotation, dict] | None:
    """The last answer of the test again, sent twice, from who has passed by it; None: it was none of the training."""
    digest = _digest(user, project, token)
    if (row := _row(user, item, digest)) is None:
        return None
    given = _given(user, project)
    one = next((one for one in given if one.digest == digest), None)
    told = _told(one, standing(user, project), given) if one else {"stale": True, **_nothing()}
    return row, told


def _row(user: User, item: Item, digest: str) -> Annotation | None:
    mine = Annotation.objects.filter(user=user, item=item, **answers_of_training())
    return mine.filter(token__endswith=f".{digest}").first()


def _told(one: Given, after: Standing, given: list[Given]) -> dict:
    """What the page shows after an answer: in the training the right one, and at the end of a part how it went on."""
    told = {"stale": False, **_nothing(), "part": one.part, "item": one.item_id}
    if one.part == SHOWN:
        value = statements.gold_value(one.item_id)
        told |= {"right": one.right, "answer": value, "explanation": _explanation(one.item_id, value)}
    newest = given[-1].digest == one.digest
    if newest and (after.passed or after.part != one.part or after.attempt != one.attempt):
        told["result"] = _result(one, after, given)
    return told


def _nothing() -> dict:
    return {"part": None, "item": None, "right": None, "answer": None, "explanation": "", "result": None}


def _result(one: Given, after: Standing, given: list[Given]) -> dict:
    tested = [other for other in given if other.attempt == one.attempt and other.part == TEST]
    right, needed = sum(other.right for other in tested), after.settings.needed(len(tested))
    facts = {"passed": after.passed, "right": right, "of": len(tested), "needed": needed}
    if one.part == SHOWN and after.part == TEST:
        must = after.settings.needed(after.of)
        title = "Now the test"
        text = f"{_items(after.of)}, without the right answers. {must} of {after.of} must be right."
    elif one.part == SHOWN and after.passed:
        title, text = "That was the training", "From here on your answers count."
    elif one.part == SHOWN:
        title, text = "That was the training", "There are no test items yet. A manager of this project must mark some as gold."
    elif after.passed:
        title, text = "You have passed", f"{right} of {len(tested)} were right. From here on your answers count."
    else:
        title = "Not passed"
        text = f"{right} of {len(tested)} were right; {needed} are needed. {_go_on(after)}"
    return facts | {"title": title, "text": text, "tries_left": _tries_left(after)}


def _items(n: int) -> str:
    return "One item" if n == 1 else f"{n} items"


def _tries_left(where: Standing) -> int:
    return 0 if where.passed or where.part is None else where.settings.tries - where.attempt + 1


def _go_on(where: Standing) -> str:
    left = _tries_left(where)
    if not left:
        return "That was the last try: a manager of this project can let you try again, or let you in."
    others = "one more try" if left == 1 else f"{left} more tries"
    return f"You have {others}, with other items as far as there are. If you think this is wrong, ask a manager."


def _explanation(item_id: int, value: Any) -> str:
    """Why it is the right answer: what a reviewer wrote when settling it, else the data's own column "explanation"."""
    said = Verdict.objects.filter(item=item_id, value=value).exclude(comment="").order_by("-current", "-pk")
    if comment := said.values_list("comment", flat=True).first():
        return comment
    metadata = Item.objects.values_list("metadata", flat=True).get(pk=item_id)
    found = metadata.get("explanation") if isinstance(metadata, dict) else None
    return str(found)[:2000] if isinstance(found, str | int | float) and str(found).strip() else ""


def why_nothing(user: User, project: Project) -> tuple[str, str]:
    """To somebody who has not passed, and for whom nothing is there: a title and a sentence."""
    where = standing(user, project)
    if where.last:
        right, of = where.last
        return (
            "You have not passed the test",
            f"{right} of {of} were right; {where.settings.needed(of)} are needed. {_go_on(where)}",
        )
    return (
        "Nothing is there to train with",
        "This project wants a training before real work, and has no items for it. A manager can mark some, or let you in.",
    )


def introduction(user: User, project: Project) -> str:
    """What is said above the page to who has not passed; empty: they may work."""
    if awaiting(user, project) is None:
        return ""
    settings = training_of(project)
    if settings is None:
        return ""
    parts = []
    if settings.shown:
        n = settings.shown
        parts.append(f"{n} item{'' if n == 1 else 's'} to learn with, each followed by the right answer")
    if settings.test:
        n = settings.test
        parts.append(f"a test of {n} item{'' if n == 1 else 's'}, of which {settings.needed(n)} must be right")
    kept = project.annotations.filter(user=user, current=True).exists()
    return f"Before real work: {', then '.join(parts)}." + (" What you have answered before stays." if kept else "")


# --- What a manager does


def let_in(project: Project, user: User) -> bool:
    """Without a test. False: may work already."""
    with turns.write():
        return _qualify(project, user)


def let_everybody_in(project: Project) -> int:
    """Who is a member now; who comes later must pass."""
    with turns.write():
        return project.memberships.filter(qualified_at=None).update(qualified_at=timezone.now())


def begin_anew(project: Project, user: User) -> None:
    """All tries again, from the first training item on; what they answered in real work stays."""
    with turns.write():
        mine = Annotation.objects.filter(project=project, user=user, withdrawn_at=None, **answers_of_training())
        mine.update(withdrawn_at=timezone.now())
        project.memberships.filter(user=user).update(qualified_at=None)


def states(project: Project) -> Mapping[int, str]:
    """{user id: where they are, in words} of all members who have not passed, in a fixed number of queries."""
    settings = training_of(project)
    if settings is None:
        return {}
    found: dict[int, list[Given]] = {}
    waiting = project.memberships.filter(user=OuterRef("user"), qualified_at=None)
    rows = Annotation.objects.filter(Exists(waiting), project=project, withdrawn_at=None, **answers_of_training()).order_by("pk")
    for user, item, token in rows.values_list("user_id", "item_id", "token"):
        _, attempt, part, mark, digest = token.split(".")
        found.setdefault(user, []).append(Given(int(attempt), part, item, _MARKS[mark], digest))
    people = project.memberships.filter(qualified_at=None).values_list("user_id", flat=True)
    return {user: _in_words(settings, found.get(user, [])) for user in people}


def _in_words(settings: Training, given: list[Given]) -> str:
    if not given:
        return "training not begun"
    attempt = given[-1].attempt
    tested = [one for one in given if one.attempt == attempt and one.part == TEST]
    words = f"try {attempt} of {settings.tries}: "
    if not tested:
        return f"{words}training item {sum(one.attempt == attempt for one in given)} of {settings.shown}"
    return f"{words}{sum(one.right for one in tested)} of {len(tested)} right"


def _qualify(project: Project, user: User, now: datetime | None = None) -> bool:
    return project.memberships.filter(user=user, qualified_at=None).update(qualified_at=now or timezone.now()) == 1


def _digest(user: User, project: Project, token: str) -> str:
    return hashlib.blake2b(f"{project.pk}:{user.pk}:{token}".encode(), digest_size=16).hexdigest()
