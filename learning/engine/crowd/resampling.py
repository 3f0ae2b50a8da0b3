"""Intervals of agreement: items are drawn again with replacement, for the answers of one item belong together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from learning.engine.randomness import generator
from learning.engine.threads import one_thread

DRAWS = 1000
LEVEL = 0.95
_BLOCK = 2_000_000  # numbers drawn at a time: 16 MB
_FEW_KINDS = 3  # a binomial number costs as much as three items drawn
_USABLE = 0.9


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its 95 % interval; None where it is undefined. Only items with two answers or more count."""

    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_answers: int


def estimates(
    sums: sparse.csr_array,
    coefficient: Callable[[np.ndarray], np.ndarray],
    n_items: int,
    n_answers: int,
    *,
    apart: np.ndarray,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """The coefficients of a sum over items, with percentile intervals of the bootstrap over items (Efron 1979).

    sums (n, k): what each of n items adds; coefficient: (b, k) sums -> (b, q) values, nan where undefined. A draw weighs
    each item by how often it was drawn, so all draws are one matrix product. apart (k,): what an item would add of which the
    answers differ. One such more is drawn from for the low end, since from ten items on which all agree a bootstrap draws ten
    such, and would be sure. Intervals are widened to hold the value, and None where more than a tenth of the draws is
    undefined, or without draws.
    """
    total = np.asarray(sums.sum(axis=0), dtype=float).reshape(1, -1)
    drawn = below = None
    with one_thread():  # how many cores there are must not change the last digits
        values = coefficient(total)[0]
        if draws and sums.shape[0] > 1:
            summed = [np.asarray(weights @ rows) for weights, rows in _blocks(sums, draws, seed)]
            drawn = np.concatenate([coefficient(part) for part in summed])
            n = sums.shape[0]
            times = generator(seed, "apart").binomial(n + 1, 1 / (n + 1), size=draws)[:, None]
            ends = np.cumsum([len(part) for part in summed])[:-1]
            below = np.concatenate([coefficient(a + b * apart) for a, b in zip(summed, np.split(times, ends), strict=True)])
    found = []
    for position, value in enumerate(values):
        low = high = None
        if drawn is not None and np.isfinite(value):
            usable = drawn[np.isfinite(drawn[:, position]), position]
            lower = below[np.isfinite(below[:, position]), position]
            if min(len(usable), len(lower)) >= _USABLE * draws:
                low = min(float(np.quantile(lower, (1 - LEVEL) / 2)), float(value))
                high = max(float(np.quantile(usable, (1 + LEVEL) / 2)), float(value))
        found.append(Estimate(float(value) if np.isfinite(value) else None, low, high, n_items, n_answers))
    return found


def _blocks(sums: sparse.csr_array, draws: int, seed: int) -> Iterator[tuple[np.ndarray, sparse.csr_array]]:
    """Weights (b, kinds) of the draws and the rows that they weigh (kinds, k), as many draws at a time as memory likes."""
    rng = generator(seed, "agreement")
    n = sums.shape[0]
    rows, counts = _kinds(sums)
    at_once = max(1, _BLOCK // max(len(counts), rows.shape[1]))
    for begin in range(0, draws, at_once):
        size = min(at_once, draws - begin)
        if len(counts) * _FEW_KINDS < n:
            yield rng.multinomial(n, counts / n, size=size).astype(float), rows
        else:  # faster than kind by kind when most items are of their own kind
            kind = np.repeat(np.arange(len(counts)), counts)[rng.integers(n, size=(size, n))]
            cells = (kind + len(counts) * np.arange(size)[:, None]).ravel()
            yield np.bincount(cells, minlength=size * len(counts)).reshape(size, -1).astype(float), rows


def _kinds(sums: sparse.csr_array) -> tuple[sparse.csr_array, np.ndarray]:
    """Items that add the same are of one kind: the rows of the kinds, and how many items each has.

    Found by one number per row, any fixed mixture of its columns: sorting numbers takes a hundredth of sorting rows. Should
    different rows ever share a number, every item is its own kind.
    """
    mixture = np.random.default_rng(0).standard_normal(sums.shape[1])
    _, first, kind, counts = np.unique(sums @ mixture, return_index=True, return_inverse=True, return_counts=True)
    rows = sums[first]
    if abs(sums - rows[kind]).max() > 0:
        return sums, np.ones(sums.shape[0], dtype=np.int64)
    return rows, counts
