"""How far a project's people agree, and how each of them does: one read of the answers, all numbers from engine/crowd."""

import json
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
from django.db.models import Count, Max, Sum

from annotation.models import Annotation, Gold
from learning.engine import crowd
from learning.quality.labels import disagreement
from projects.models import Project

# The most recent answers; the page says when there are more.
MOST_ANSWERS = 50_000


def quality(project: Project) -> dict[str, Any]:
    """{answers, percent, alpha: {value, low, high}, pairs: [{first, second, items, percent, kappa}], people: [...]}
    and what `labels.disagreement` finds, with None or nothing in it where there are no answers.

    people: {user (id), answers, gold: {n, share, low, high}, seconds (median), agreement (with the others)}. None where a
    number is undefined. Kept in this process until an answer, a label or a gold value changes.
    """
    return _figures(project.pk, _state(project))


def _state(project: Project) -> tuple:
    """Another one whenever the numbers may be others: also after a merge of labels, which leaves the answers' ids."""
    rows = _rows(project).order_by()
    ids = rows.aggregate(n=Count("pk"), last=Max("pk"), total=Sum("pk"))
    given = sorted((_key(value), n) for value, n in rows.values_list("value").annotate(n=Count("pk")))
    gold = sorted((item, _key(value)) for item, value in Gold.objects.filter(project=project).values_list("item_id", "value"))
    return (*ids.values(), *given, *gold)


def _rows(project: Project | int):
    return Annotation.objects.filter(project=project, current=True, skipped=False)


@lru_cache(maxsize=32)
def _figures(project: int, state: tuple) -> dict[str, Any]:
    found = list(_rows(project).order_by("-pk").values_list("item_id", "user_id", "value", "seconds", "gold")[:MOST_ANSWERS])
    if not found:
        nothing: dict[str, Any] = {"several": 0, "fleiss": None, "labels": [], "confusions": [], "matrix": None, "windows": []}
        return {"answers": 0, "percent": None, "alpha": None, "pairs": [], "people": []} | nothing
    known = {item: _key(value) for item, value in Gold.objects.filter(project=project).values_list("item_id", "value")}
    names = {key: i for i, key in enumerate(sorted({_key(value) for _, _, value, _, _ in found} | set(known.values())))}
    users, people = np.unique([user for _, user, *_ in found], return_inverse=True)
    keys, items = np.unique([item for item, *_ in found], return_inverse=True)
    values = np.array([names[_key(value)] for _, _, value, _, _ in found])
    n, classes = len(users), len(names)
    gold = np.array([names[known[key]] if key in known else -1 for key in keys.tolist()])
    scores = crowd.gold_scores(items, people, values, gold, n_annotators=n)
    others = crowd.agreement_with_others(items, people, values, n_items=len(keys), n_annotators=n, n_classes=classes)
    timed = np.array([seconds is not None for *_, seconds, _ in found])
    seconds = np.array([row[3] for row in found if row[3] is not None], dtype=float)
    speed = crowd.speeds(people[timed], seconds, n_annotators=n)
    pairs = crowd.pairwise_agreement(items, people, values, n_classes=classes)
    given = np.bincount(people, minlength=n)
    return {
        "answers": len(found),
        "percent": _estimate(crowd.percent_agreement(items, values, n_classes=classes)),
        "alpha": _estimate(crowd.krippendorff_alpha(items, values, n_classes=classes)),
        "pairs": [
            {"first": int(users[a]), "second": int(users[b]), "items": int(m), "percent": _number(p), "kappa": _number(k)}
            for a, b, m, p, k in zip(pairs.first, pairs.second, pairs.n_items, pairs.percent, pairs.kappa, strict=True)
        ],
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
    } | disagreement(items[::-1], values[::-1], [json.loads(key) for key in names])


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
