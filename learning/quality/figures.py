"""How far a project's people agree, and how each of them does: one read of the answers, all numbers from engine/crowd."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from math import isfinite
from typing import Any

import numpy as np
from django.db.models import Count, Max, Sum
from django.db.models.functions import Length

from annotation.models import Annotation, Gold
from learning.engine import crowd
from learning.quality import marks, sets
from learning.quality.answers import DRAWS, Answers
from learning.quality.labels import disagreement
from projects.models import Item, Project
from projects.task_types import task_type

# The most recent answers; the page says when there are more.
MOST_ANSWERS = 50_000


def quality(project: Project) -> dict[str, Any]:
    """{answers, percent, alpha: {value, low, high}, pairs: [{first, second, items, percent, kappa}], people: [...]}
    and what `labels.disagreement` finds, with None or nothing in it where there are no answers, f1 ({value, low, high}, of marks)
    and measure: what alpha means here, where it is not that of single labels. Then pairs have f1, kappa is None, and the gold and
    agreement of each person are F1 of the parts of their answers.

    people: {user (id), answers, gold: {n, share, low, high}, seconds (median), agreement (with the others)}. None where a
    number is undefined. Kept in this process until an answer, a label or a gold value changes.

    For agreement only as many answers of an item count as the project wants of one (at least two): a further person is asked
    where people disagree, or where a model or a reviewer doubts, and who looks at such items more often finds too much or too
    little agreement.
    """
    return _figures(project.pk, project.task, max(2, project.annotators_per_item), _state(project))


def _state(project: Project) -> tuple:
    """Another one whenever the numbers may be others: also after a merge of labels, which leaves the answers' ids."""
    rows = _rows(project).order_by()
    ids = rows.aggregate(n=Count("pk"), last=Max("pk"), total=Sum("pk"))
    given = sorted(task_type(project.task).count(rows).items())
    gold = sorted((item, _key(value)) for item, value in Gold.objects.filter(project=project).values_list("item_id", "value"))
    return (*ids.values(), *given, *gold)


def _rows(project: Project | int):
    return Annotation.objects.filter(project=project, current=True, skipped=False)


@lru_cache(maxsize=32)
def _figures(project: int, task: str, per_item: int, state: tuple) -> dict[str, Any]:
    kind = _KINDS[task]
    wanted = ("item_id", "user_id", "value", "seconds", "gold")
    found = list(_rows(project).order_by("-pk").values_list(*wanted)[: kind.most_answers])[::-1]
    if not found:
        return {"answers": 0, "percent": None, "alpha": None, "pairs": [], "people": []} | _NO_AGREEMENT
    known = {item: _key(value) for item, value in Gold.objects.filter(project=project).values_list("item_id", "value")}
    names = {key: i for i, key in enumerate(sorted({_key(value) for _, _, value, _, _ in found} | set(known.values())))}
    users, people = np.unique([user for _, user, *_ in found], return_inverse=True)
    keys, items = np.unique([item for item, *_ in found], return_inverse=True)
    values = np.array([names[_key(value)] for _, _, value, _, _ in found])
    n = len(users)
    gold = np.array([names[known[key]] if key in known else -1 for key in keys.tolist()])
    scores = crowd.gold_scores(items, people, values, gold, n_annotators=n)
    timed = np.array([seconds is not None for *_, seconds, _ in found])
    seconds = np.array([row[3] for row in found if row[3] is not None], dtype=float)
    speed = crowd.speeds(people[timed], seconds, n_annotators=n)
    given = np.bincount(people, minlength=n)
    # From here on it is about agreement.
    wanted = _first_of_each(items, np.array([row[4] for row in found]), per_item)
    stored = [row[2] for row, keep in zip(found, wanted.tolist(), strict=True) if keep]
    items, people, values = items[wanted], people[wanted], values[wanted]
    near = values if kind.of is None else crowd.codes_within(items, values)
    classes = int(near.max()) + 1 if kind.of else len(names)
    others = crowd.agreement_with_others(items, people, near, n_items=len(keys), n_annotators=n, n_classes=classes)
    pairs = crowd.pairwise_agreement(items, people, near, n_classes=classes)
    together = [
        {"first": int(users[a]), "second": int(users[b]), "items": int(m), "percent": _number(p), "kappa": _number(k)}
        for a, b, m, p, k in zip(pairs.first, pairs.second, pairs.n_items, pairs.percent, pairs.kappa, strict=True)
    ]
    if kind.of is None:
        alpha = _estimate(crowd.krippendorff_alpha(items, values, n_classes=classes))
        agreed = disagreement(items, values, [json.loads(key) for key in names]) | {"f1": None, "measure": ""}
    else:
        answers = Answers(items, people, keys, stored)
        agreed = _partial(kind, answers)
        alpha = agreed.pop("alpha")
        f1, others, scores = _f1(kind, answers, {item: json.loads(key) for item, key in known.items()}, n)
        for row, a, b in zip(together, pairs.first.tolist(), pairs.second.tolist(), strict=True):
            row |= {"kappa": None, "f1": f1.get((a, b))}
    return {
        "answers": len(found),
        "percent": _estimate(crowd.percent_agreement(items, near, n_classes=classes)),
        "alpha": alpha,
        "pairs": together,
        "people": [
            {
                "user": int(users[i]),
                "answers": int(given[i]),
                "gold": _share(scores, i),
                "agreement": _share(others, i),
                "seconds": _number(speed.median[i]),
            }
            for i in range(n)
        ],
    } | agreed


def _first_of_each(items: np.ndarray, gold: np.ndarray, most: int) -> np.ndarray:
    """(m,): is the answer among the first `most` to its item, in the order in which they came? Those to gold all are."""
    asked = np.flatnonzero(~gold)
    order = np.argsort(items[asked], kind="stable")
    by_item = items[asked][order]
    begins = np.searchsorted(by_item, by_item)  # where each item's answers begin
    first = gold.copy()
    first[asked[order]] = np.arange(len(order)) - begins < most
    return first


def _partial(kind: "_Kind", answers: Answers) -> dict[str, Any]:
    """The agreement of answers that can be alike in part."""
    several = answers.only(answers.several)
    nothing = _NO_AGREEMENT | {"measure": kind.measure, "alpha": None}
    if not len(several.items):
        return nothing
    lengths = None
    if kind.needs_lengths:
        length = dict(Item.objects.filter(pk__in=several.keys.tolist()).values_list("pk", Length("content")))
        lengths = np.array([length[key] for key in several.keys.tolist()])
    return nothing | kind.of(several, lengths) | {"several": len(several.keys)}


def _f1(
    kind: "_Kind", answers: Answers, gold: Mapping[int, Any], n: int
) -> tuple[dict[tuple[int, int], float | None], crowd.PersonF1, crowd.PersonF1]:
    """(by two people's codes, each person with the others, each person with gold) of the parts that answers share."""
    code = {key: i for i, key in enumerate(answers.keys.tolist())}
    known = {code[key]: value for key, value in gold.items() if key in code}
    gold_items = np.array(list(known), dtype=np.int64)
    m = len(answers.items)
    parts = kind.parts(np.concatenate([answers.items, gold_items]), [*answers.stored, *known.values()])
    of = (answers.items, answers.people, parts[:m])
    pairs = crowd.pairwise_f1(*of)
    return (
        {(int(a), int(b)): _number(f1) for a, b, f1 in zip(pairs.first, pairs.second, pairs.f1, strict=True)},
        crowd.f1_with_others(*of, n_annotators=n, draws=DRAWS),
        crowd.f1_with_gold(*of, gold_items, parts[m:], n_annotators=n, draws=DRAWS),
    )


@dataclass(frozen=True)
class _Kind:
    """How agreement is measured on a task's answers. `of` gets those to items with several, and lengths; None: one label each."""

    of: Callable[[Answers, Any], dict[str, Any]] | None = None
    parts: Callable[[np.ndarray, list[Any]], Any] | None = None
    measure: str = ""
    needs_lengths: bool = False
    most_answers: int = MOST_ANSWERS


# Of a text with many marks, each answer is many stretches.
_MARKS = {"parts": marks.parts, "measure": marks.MEASURE, "needs_lengths": True, "most_answers": 10_000}
_KINDS = {
    "single": _Kind(),
    "multiple": _Kind(sets.agreement, sets.parts, sets.MEASURE),
    "spans": _Kind(marks.agreement, **_MARKS),
    "spans_overlapping": _Kind(partial(marks.agreement, distance="masi"), **_MARKS),
}
_NO_AGREEMENT: dict[str, Any] = {
    "several": 0, "fleiss": None, "labels": [], "confusions": [], "matrix": None, "windows": [], "f1": None, "measure": "",
}  # fmt: skip


def for_reader(found: dict[str, Any], user_id: int, *, sees_all: bool) -> dict[str, Any]:
    """Managers and reviewers see everybody; others the project's numbers and their own row."""
    if sees_all:
        return found
    hidden = {"pairs": [], "labels": [], "confusions": [], "matrix": None, "windows": []}
    return found | hidden | {"people": [row for row in found["people"] if row["user"] == user_id]}


def without_ids(found: dict[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """The same with `person` (their names here) instead of ids, by name: ids, and their order, tell who is who."""
    people = [row | {"user": None, "person": names[row["user"]]} for row in found["people"]]
    pairs = []
    for row in found["pairs"]:
        first, second = sorted([names[row["first"]], names[row["second"]]])
        pairs.append(row | {"first": first, "second": second})
    return found | {
        "people": sorted(people, key=lambda row: row["person"]),
        "pairs": sorted(pairs, key=lambda row: (row["first"], row["second"])),
    }


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _estimate(found: crowd.Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "items": found.n_items}


def _share(found: crowd.Shares, i: int) -> dict[str, Any]:
    numbers = {name: _number(getattr(found, name)[i]) for name in ("share", "low", "high")}
    return {"n": int(found.n[i])} | numbers
