"""How far people agree on labels, beyond chance. One row per answer: items, annotators and values (m,), see `answers`.

A coefficient is a function of sums over items, so that a bootstrap over items is a matrix product (`resampling`).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from learning.engine.crowd.answers import codes, latest, pairs_within
from learning.engine.crowd.resampling import DRAWS, Estimate, estimates
from learning.engine.errors import EngineError


@dataclass(frozen=True)
class Units:
    """The units with two answers or more, in the form that every coefficient needs; U units, V values, K filled cells.

    A unit is what one answer is about: an item, or a stretch of a text. Cell k says that `count[k]` answers of unit
    `unit[k]` are `value[k]`. sizes (U,): answers per unit; weights (U,): how much a unit counts (the length of a stretch);
    groups (U,): the item that it belongs to, for items are what a bootstrap draws.
    """

    unit: np.ndarray
    value: np.ndarray
    count: np.ndarray
    sizes: np.ndarray
    weights: np.ndarray
    groups: np.ndarray
    n_values: int

    @classmethod
    def of(
        cls,
        units: np.ndarray,
        values: np.ndarray,
        n_values: int,
        *,
        weights: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> "Units":
        """units (m,) and values (m,): codes, a row per answer. weights, groups: one per code of unit (all 1; the unit)."""
        units = codes("items", units)
        values = codes("values", values, n_values, len(units))
        cells, count = np.unique(units * n_values + values, return_counts=True)
        unit, value = np.divmod(cells, n_values)
        given = np.bincount(units)
        keep = given[unit] > 1 if len(unit) else np.empty(0, dtype=bool)
        kept, position = np.unique(unit[keep], return_inverse=True)
        return cls(
            unit=position,
            value=value[keep],
            count=count[keep].astype(float),
            sizes=given[kept].astype(float),
            weights=np.ones(len(kept)) if weights is None else np.asarray(weights, dtype=float)[kept],
            groups=np.arange(len(kept)) if groups is None else np.unique(groups[kept], return_inverse=True)[1],
            n_values=n_values,
        )

    @property
    def n_groups(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    @property
    def n_answers(self) -> int:
        return int(self.sizes.sum())

    def same_pairs(self) -> np.ndarray:
        """(K,) for each cell: agreeing ordered pairs / (size - 1), which makes a unit count as often as it has answers."""
        return self.count * (self.count - 1) / (self.sizes[self.unit] - 1)

    def per_group(self, columns: np.ndarray, values: np.ndarray, width: int, units: np.ndarray | None = None) -> sparse.csr_array:
        """(n_groups, width): values times their unit's weight, summed per group and column. units: of each value."""
        units = self.unit if units is None else units
        shape = (self.n_groups, width)
        return sparse.csr_array((values * self.weights[units], (self.groups[units], columns)), shape=shape)

    def estimate(self, sums: sparse.csr_array, coefficient, apart: np.ndarray, draws: int, seed: int) -> list[Estimate]:
        return estimates(sums, coefficient, self.n_groups, self.n_answers, apart=apart, draws=draws, seed=seed)

    @property
    def usual(self) -> tuple[float, float]:
        """Answers per unit, and the weight of an item, of the mean item."""
        weight = float(self.weights.sum())
        return (float(self.sizes @ self.weights) / weight, weight / self.n_groups) if weight else (2.0, 0.0)

    def halves(self) -> tuple[float, np.ndarray]:
        """What the usual item would add of which half of the answers are the commonest value and half the next one: the
        agreeing pairs / (size - 1), and the answers per value (V,)."""
        size, weight = self.usual
        given = np.zeros(self.n_values)
        commonest = np.bincount(self.value, self.count * self.weights[self.unit], self.n_values)
        given[np.argsort(-commonest, kind="stable")[:2]] = weight * size / 2
        return weight * size * alike_of_halves(size), given


def alike_of_halves(size: float) -> float:
    """The share of agreeing pairs among so many answers, half of which are one value and half another."""
    return (size / 2 - 1) / (size - 1)


def percent_agreement(items: np.ndarray, values: np.ndarray, *, n_classes: int, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """How often two answers to an item are the same: the mean over items of the share of agreeing pairs (Fleiss 1971)."""
    units = Units.of(items, values, n_classes)
    rows = np.arange(len(units.sizes))
    same = units.same_pairs() / units.sizes[units.unit]
    sums = units.per_group(np.zeros_like(units.unit), same, 2) + units.per_group(np.ones_like(rows), np.ones(len(rows)), 2, rows)
    size, weight = units.usual
    apart = np.array([weight * alike_of_halves(size), weight])
    return units.estimate(sums, lambda s: divided(s[:, :1], s[:, 1:]), apart, draws, seed)[0]


def krippendorff_alpha(items: np.ndarray, values: np.ndarray, *, n_classes: int, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Krippendorff's alpha for nominal values (2011): 1 - observed / expected disagreement; 1 is perfect, 0 chance.

    Any number of answers per item; every answer counts as one, also a second one of the same person (`latest` leaves it
    out). None where all answers are the same: nothing then tells agreement from chance.
    """
    units = Units.of(items, values, n_classes)
    return units.estimate(nominal_sums(units), nominal_alpha, np.hstack(units.halves()), draws, seed)[0]


def nominal_sums(units: Units) -> sparse.csr_array:
    """(n_groups, 1 + V): what agrees, then the answers of each value."""
    agreeing = units.per_group(np.zeros_like(units.unit), units.same_pairs(), 1 + units.n_values)
    return sparse.csr_array(agreeing + units.per_group(1 + units.value, units.count, 1 + units.n_values))


def nominal_alpha(sums: np.ndarray) -> np.ndarray:
    """(b, 1) alpha of (b, 1 + V) sums."""
    counts = sums[:, 1:]
    n = counts.sum(axis=1, keepdims=True)
    observed = divided(n - sums[:, :1], n)
    # exact also where all answers are the same, which a difference of large squares is not
    expected = divided((counts * (n - counts)).sum(axis=1, keepdims=True), n * (n - 1))
    return 1 - divided(observed, expected)


def fleiss_kappa(
    items: np.ndarray, values: np.ndarray, *, n_classes: int, per_item: int | None = None, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Fleiss' kappa (1971) of items with the same number of answers each; `per_item`: only the items with so many.

    Raises EngineError where the numbers differ and `per_item` is not given.
    """
    items = codes("items", items)
    values = codes("values", values, n_classes, len(items))
    given = np.bincount(items)
    if per_item is None and (sizes := np.unique(given[given > 0])).size > 1:
        raise EngineError(
            f"Fleiss' kappa needs the same number of answers to every item, and here it is {sizes[0]} to {sizes[-1]}. "
            "Krippendorff's alpha takes any number."
        )
    chosen = given[items] == per_item if per_item is not None else slice(None)
    units = Units.of(items[chosen], values[chosen], n_classes)
    return units.estimate(nominal_sums(units), _fleiss, np.hstack(units.halves()), draws, seed)[0]


def _fleiss(sums: np.ndarray) -> np.ndarray:
    counts = sums[:, 1:]
    n = counts.sum(axis=1, keepdims=True)
    by_chance = divided((counts * (n - counts)).sum(axis=1, keepdims=True), n**2)
    return 1 - divided(divided(n - sums[:, :1], n), by_chance)


@dataclass(frozen=True)
class LabelAgreement:
    """One label against all others. alpha: nominal alpha of "this label or another"; specific: of those who gave it, the
    share of others who gave it too (Fleiss 1981's proportion of specific agreement). n_answers: how often it was given."""

    label: int
    n_answers: int
    alpha: Estimate
    specific: Estimate


def agreement_by_label(
    items: np.ndarray, values: np.ndarray, *, n_classes: int, draws: int = DRAWS, seed: int = 0
) -> list[LabelAgreement]:
    """How well people agree on each label; one bootstrap serves all of them."""
    units = Units.of(items, values, n_classes)
    width = 2 * n_classes + 1
    rows = np.arange(len(units.sizes))
    sums = (
        units.per_group(units.value, units.count, width)
        + units.per_group(n_classes + units.value, units.same_pairs(), width)
        + units.per_group(np.full_like(rows, width - 1), units.sizes, width, rows)
    )

    def both(s: np.ndarray) -> np.ndarray:
        given, same, n = s[:, :n_classes], s[:, n_classes:-1], s[:, -1:]
        observed, expected = divided(2 * (given - same), n), divided(2 * given * (n - given), n * (n - 1))
        return np.hstack([1 - divided(observed, expected), divided(same, given)])

    size, weight = units.usual
    # Of each label: half gave it, half did not.
    halves = np.full(n_classes, weight * size / 2)
    apart = np.r_[halves, halves * alike_of_halves(size), weight * size]
    found = units.estimate(sparse.csr_array(sums), both, apart, draws, seed)
    given = np.bincount(units.value, units.count, n_classes).astype(int)
    return [LabelAgreement(c, int(given[c]), found[c], found[n_classes + c]) for c in range(n_classes)]


def alpha_over_time(
    items: np.ndarray,
    values: np.ndarray,
    times: np.ndarray,
    edges: np.ndarray,
    *,
    n_classes: int,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """Alpha per window of time: W of them, from edges[w] up to but not including edges[w + 1]; edges (W + 1,) ascending.

    times (m,) of the answers. An item belongs, with all of its answers, to the window of its last one: splitting it between
    two windows would lose the pair. Raises EngineError where the edges do not ascend.
    """
    items, edges = codes("items", items), np.asarray(edges)
    values, times = codes("values", values, n_classes, len(items)), np.asarray(times)
    if len(times) != len(items):
        raise EngineError(f"There are {len(items)} answers but {len(times)} times.")
    if len(edges) < 2 or not (edges[:-1] < edges[1:]).all():
        raise EngineError("The edges of the windows of time must ascend, and there must be two at least.")
    order = np.lexsort((times, items))
    last = np.append(np.diff(items[order]) != 0, True) if len(items) else np.empty(0, dtype=bool)
    window_of_item = np.full(int(items.max(initial=-1)) + 1, -1)
    window_of_item[items[order][last]] = np.searchsorted(edges, times[order][last], side="right") - 1
    window = window_of_item[items]
    found = []
    for w in range(len(edges) - 1):
        inside = window == w
        found.append(krippendorff_alpha(items[inside], values[inside], n_classes=n_classes, draws=draws, seed=seed))
    return found


@dataclass(frozen=True)
class Pairs:
    """Two people each (P,): first < second, n_items that both answered, the share alike, Cohen's kappa or nan."""

    first: np.ndarray
    second: np.ndarray
    n_items: np.ndarray
    percent: np.ndarray
    kappa: np.ndarray


def pairwise_agreement(items: np.ndarray, annotators: np.ndarray, values: np.ndarray, *, n_classes: int) -> Pairs:
    """Percent agreement and Cohen's kappa (1960) of every two people with an item in common, by their last answers.

    Kappa is undefined (nan) where both gave one and the same label throughout.
    """
    items, annotators, values = _last_answers(items, annotators, values, n_classes)
    order = np.argsort(annotators, kind="stable")  # the smaller code comes first in every pair
    items, annotators, values = items[order], annotators[order], values[order]
    one, other = pairs_within(items)
    n_annotators = int(annotators.max(initial=0)) + 1
    keys, pair = np.unique(annotators[one] * n_annotators + annotators[other], return_inverse=True)
    n = np.bincount(pair, minlength=len(keys)).astype(float)
    same = np.bincount(pair, values[one] == values[other], len(keys)) / n
    shape = (len(keys), n_classes)
    gave = [sparse.csr_array((np.ones(len(pair)), (pair, values[rows])), shape=shape) for rows in (one, other)]
    by_chance = np.asarray(gave[0].multiply(gave[1]).sum(axis=1)).ravel() / n**2
    kappa = 1 - divided(1 - same, 1 - by_chance)
    first, second = np.divmod(keys, n_annotators)
    return Pairs(first, second, n.astype(int), same, kappa)


def confusion_between(
    items: np.ndarray, annotators: np.ndarray, values: np.ndarray, first: int, second: int, *, n_classes: int
) -> np.ndarray:
    """(C, C) int64: the items that both answered, rows by what `first` said, columns by what `second` said."""
    items, annotators, values = _last_answers(items, annotators, values, n_classes)
    a, b = annotators == first, annotators == second
    _, rows, columns = np.intersect1d(items[a], items[b], assume_unique=True, return_indices=True)
    cells = values[a][rows] * n_classes + values[b][columns]
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def cohen_kappa(confusion: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Cohen's kappa (1960) of two people's confusion matrix (C, C), with the interval of a bootstrap over its items."""
    confusion = np.asarray(confusion)
    n, n_classes = int(confusion.sum()), len(confusion)
    cells = np.repeat(np.arange(n_classes**2), confusion.ravel())
    rows, columns = np.divmod(cells, n_classes)
    items = np.arange(n)
    ones = np.ones(n)
    at = (
        np.concatenate([items, items, items]),
        np.concatenate([np.where(rows == columns, 0, 1), 2 + rows, 2 + n_classes + columns]),
    )
    sums = sparse.csr_array((np.tile(ones, 3), at), shape=(n, 2 + 2 * n_classes))

    def kappa(s: np.ndarray) -> np.ndarray:
        total = s[:, :2].sum(axis=1, keepdims=True)
        by_chance = divided((s[:, 2 : 2 + n_classes] * s[:, 2 + n_classes :]).sum(axis=1, keepdims=True), total**2)
        return 1 - divided(divided(s[:, 1:2], total), 1 - by_chance)

    commonest = np.argsort(-(confusion.sum(axis=0) + confusion.sum(axis=1)), kind="stable")[:2]
    apart = np.zeros(2 + 2 * n_classes)
    apart[np.r_[1, 2 + commonest, 2 + n_classes + commonest]] = np.r_[1, np.full(2 * len(commonest), 1 / len(commonest))]
    return estimates(sums, kappa, n, 2 * n, apart=apart, draws=draws, seed=seed)[0]


def _last_answers(
    items: np.ndarray, annotators: np.ndarray, values: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = latest(items, annotators)
    values = codes("values", values, n_classes, len(items))
    return codes("items", items)[rows], codes("annotators", annotators)[rows], values[rows]


def divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, nan where b is 0."""
    shape = np.broadcast(a, b).shape
    return np.divide(a, b, out=np.full(shape, np.nan), where=np.broadcast_to(b, shape) != 0)
