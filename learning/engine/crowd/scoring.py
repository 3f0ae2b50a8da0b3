"""How each person does: where the label is known, beside the others, and how fast. One row per answer, see `answers`."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import betaincinv
from scipy.stats import norm

from learning.engine.crowd.answers import codes, latest, vote_counts
from learning.engine.errors import EngineError

Interval = Literal["wilson", "exact"]
LEVEL = 0.95
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Shares:
    """right and n (A,) of each person, share = right / n with its 95 % interval low .. high; without n: nan, 0 and 1."""

    right: np.ndarray
    n: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def shares(right: np.ndarray, n: np.ndarray, interval: Interval = "wilson") -> Shares:
    """Shares with an interval: Wilson (1927), 95 % on average, or "exact": Clopper & Pearson (1934), 95 % at least."""
    if interval not in get_args(Interval):
        raise EngineError(f"Unknown interval {interval!r}; known are: {', '.join(get_args(Interval))}.")
    right, n = np.asarray(right, dtype=np.int64), np.asarray(n, dtype=np.int64)
    trials = np.maximum(n, 1)
    share = right / trials
    if interval == "wilson":
        z = float(norm.ppf((1 + LEVEL) / 2))
        middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
        half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
        low, high = middle - half, middle + half
    else:
        tail = (1 - LEVEL) / 2
        low = betaincinv(np.maximum(right, 1), trials - right + 1, tail)
        high = betaincinv(right + 1, np.maximum(trials - right, 1), 1 - tail)
    # At the ends the interval reaches the end; the formulas miss it by rounding, or are not defined there.
    low = np.where(right == 0, 0.0, np.maximum(low, 0.0))
    high = np.where(right == trials, 1.0, np.minimum(high, 1.0))
    return Shares(right, n, np.where(n > 0, share, np.nan), np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0))


def gold_scores(
    items: np.ndarray,
    annotators: np.ndarray,
    values: np.ndarray,
    gold: np.ndarray,
    *,
    n_annotators: int,
    interval: Interval = "wilson",
) -> Shares:
    """How often each person is right on gold items, by their last answer; gold (n_items,): the label, -1 unknown."""
    gold = np.asarray(gold, dtype=np.int64)
    rows = latest(items, annotators)
    items = codes("items", items, len(gold))[rows]
    annotators = codes("annotators", annotators, n_annotators)[rows]
    values = codes("values", values)[rows]
    known = gold[items] >= 0
    return _counted(annotators[known], values[known] == gold[items[known]], n_annotators, interval)


def agreement_with_others(
    items: np.ndarray,
    annotators: np.ndarray,
    values: np.ndarray,
    *,
    n_items: int,
    n_annotators: int,
    n_classes: int,
    weights: np.ndarray | None = None,
    interval: Interval = "wilson",
) -> Shares:
    """How often each person says what most of the others say, their own answer left out, so that it cannot help them.

    Items that nobody else answered, or on which the others are tied, do not count. weights (A,): of each person's vote, all
    1.
    """
    rows = latest(items, annotators)
    items = codes("items", items, n_items)[rows]
    annotators = codes("annotators", annotators, n_annotators)[rows]
    values = codes("values", values, n_classes)[rows]
    weight = np.ones(n_annotators) if weights is None else np.asarray(weights, dtype=float)
    counts = vote_counts(items, values, n_items=n_items, n_classes=n_classes, weights=weight[annotators])
    counted, same = np.zeros(len(items), dtype=bool), np.zeros(len(items), dtype=bool)
    step = max(1, _BLOCK // n_classes)
    for begin in range(0, len(items), step):
        block = slice(begin, begin + step)
        others = counts[items[block]]
        position = np.arange(len(others))
        others[position, values[block]] -= weight[annotators[block]]
        best = others.max(axis=1)
        in_front = others >= best[:, None] - 1e-9 * counts[items[block]].sum(axis=1)[:, None]
        counted[block] = (in_front.sum(axis=1) == 1) & (best > 0)
        same[block] = in_front[position, values[block]]
    return _counted(annotators[counted], same[counted], n_annotators, interval)


def _counted(annotators: np.ndarray, right: np.ndarray, n_annotators: int, interval: Interval) -> Shares:
    n = np.bincount(annotators, minlength=n_annotators)
    return shares(np.bincount(annotators[right], minlength=n_annotators), n, interval)


@dataclass(frozen=True)
class Speeds:
    """Per person (A,): n answers that were timed, the median of their seconds and the middle half low .. high, or nan."""

    n: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def speeds(annotators: np.ndarray, seconds: np.ndarray, *, n_annotators: int) -> Speeds:
    """How long each person takes for an answer; seconds (m,), nan where not measured. Medians: some go away in between."""
    annotators = codes("annotators", annotators, n_annotators)
    seconds = np.asarray(seconds, dtype=float)
    if len(seconds) != len(annotators):
        raise EngineError(f"There are {len(annotators)} answers but {len(seconds)} times.")
    timed = np.isfinite(seconds)
    grouped = pd.Series(seconds[timed]).groupby(annotators[timed])
    people = np.arange(n_annotators)
    middle, low, high = (grouped.quantile(q).reindex(people).to_numpy() for q in (0.5, 0.25, 0.75))
    return Speeds(np.bincount(annotators[timed], minlength=n_annotators), middle, low, high)
