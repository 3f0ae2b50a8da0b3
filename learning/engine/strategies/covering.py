"""Greedy selection by the distance to the nearest item that is labelled, pending or taken: for core-sets and ranked batches."""

from collections.abc import Callable

import numpy as np

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.derived import squared_norms
from learning.engine.strategies.base import Context

_CENTERS_AT_ONCE = 64
_ACTIVE = 256, 4096  # candidates that hear of each pick at once: a sixteenth of them within these bounds (measured)
_FLUSH_AFTER = 64
Value = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Nearest:
    """Squared distance (n,) of every item to its nearest center; centers can be added.

    Products are made in blocks of fixed shape, unused columns filled with zeros, so that it makes no difference to a single bit
    in how many steps the centers came: what was kept from an earlier round equals what a restarted process computes.
    """

    def __init__(self, X: Matrix, norms: np.ndarray) -> None:
        self.X, self.norms = X, norms
        self.squared = np.full(X.shape[0], np.inf)
        self.centers = np.empty(0, dtype=np.int64)

    def add(self, centers: np.ndarray) -> None:
        """Bring every item up to date with the centers at these positions."""
        for start in range(0, len(centers), _CENTERS_AT_ONCE):
            columns, norms = center_columns(self.X, centers[start : start + _CENTERS_AT_ONCE], _CENTERS_AT_ONCE)
            for there, block in row_blocks(self.X, None, 4 * _CENTERS_AT_ONCE):
                np.minimum(self.squared[there], to_nearest(block, self.norms[there], columns, norms), out=self.squared[there])
        self.centers = np.concatenate([self.centers, centers])


def nearest_asked(context: Context) -> Nearest:
    """To what is labelled or pending; kept from round to round as long as that only grows."""
    kept = context.cache.get("nearest")
    if kept is None or len(np.setdiff1d(kept.centers, context.asked)):
        kept = Nearest(context.X, context.derived.squared_norms)
    new = np.setdiff1d(context.asked, kept.centers)
    if len(new):
        kept.add(new)
    context.cache["nearest"] = kept
    return kept


def center_columns(X: Matrix, positions: np.ndarray, width: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(d, w) rows as columns, times -2, and their squared norms (w,); filled up to `width` with columns infinitely far away."""
    rows = take(X, positions)
    dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
    width = max(width, len(positions))
    columns = np.zeros((X.shape[1], width), dtype=dense.dtype)
    columns[:, : len(positions)] = dense.T
    columns *= -2
    norms = np.full(width, np.inf)
    norms[: len(positions)] = squared_norms(rows)
    return columns, norms


def to_nearest(block: Matrix, block_norms: np.ndarray, columns: np.ndarray, norms: np.ndarray) -> np.ndarray:
    """(k,) squared distance of each row of the block (k, d) to the nearest of the centers of `center_columns`."""
    products = np.asarray(block @ columns)
    products += norms.astype(products.dtype)
    nearest = products[:, 0] if products.shape[1] == 1 else products.min(axis=1)  # numpy reduces short rows one by one
    return np.maximum(nearest + block_norms, 0)


def farthest_first(context: Context, size: int, value: Value | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Take the candidate of the largest value, `size` times: indices into the candidates, and their values when taken.

    `value(squared distances (k,), indices (k,))` must not fall with the distance; without it the distance itself counts. Without
    any center all distances are infinite, and the first pick is drawn from the largest values at random, as among all equal ones.

    A new center means a product with the whole pool. But distances only shrink, so the best candidate is usually among those
    that were best a moment ago: new centers are first applied to these alone, and to all others in one matrix product when
    the answer could lie among them. The picks are those of the plain algorithm.
    """
    value = value or (lambda squared, indices: np.sqrt(squared))
    X, candidates, rng = context.X, context.candidates, context.rng
    state = nearest_asked(context)
    everyone, gone = np.arange(len(candidates)), np.zeros(len(candidates), dtype=bool)
    squared = state.squared[candidates]
    chosen: list[int] = []
    values: list[float] = []
    waiting: list[int] = []
    active, fresh, fresh_squared, limit, rows = np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), np.inf, None
    row_norms = np.empty(0)
    scratch = Nearest(X, state.norms)
    n_active = min(max(len(candidates) // 16, _ACTIVE[0]), _ACTIVE[1], len(candidates))
    while len(chosen) < size:
        if not (len(fresh) and fresh.max() > limit) or len(waiting) >= _FLUSH_AFTER:
            if waiting:
                scratch.squared = squared if len(candidates) == X.shape[0] else _spread(squared, candidates, X.shape[0])
                scratch.add(candidates[waiting])
                squared = scratch.squared[candidates]
            waiting = []
            current = value(squared, everyone)
            current[gone] = -np.inf
            active = _largest(current, n_active, rng)
            limit = np.delete(current, active).max(initial=-np.inf)
            fresh, fresh_squared, rows = current[active], squared[active], take(X, candidates[active])
            row_norms = state.norms[candidates[active]]
        equal = np.flatnonzero(fresh == fresh.max())
        place = int(equal[0] if len(equal) == 1 else rng.choice(equal))
        chosen.append(int(active[place]))
        values.append(float(fresh[place]))
        waiting.append(chosen[-1])
        gone[chosen[-1]] = True
        columns, norms = center_columns(X, candidates[chosen[-1:]])
        np.minimum(fresh_squared, to_nearest(rows, row_norms, columns, norms), out=fresh_squared)
        fresh = value(fresh_squared, active)
        fresh[gone[active]] = -np.inf
    return np.asarray(chosen, dtype=np.int64), np.asarray(values)


def _spread(values: np.ndarray, places: np.ndarray, n: int) -> np.ndarray:
    spread = np.full(n, np.inf)
    spread[places] = values
    return spread


def _largest(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of the `size` largest; among those that equal the smallest of them, drawn at random."""
    if size >= len(values):
        return np.arange(len(values))
    limit = np.partition(values, len(values) - size)[len(values) - size]
    above = np.flatnonzero(values > limit)
    return np.concatenate([above, rng.choice(np.flatnonzero(values == limit), size=size - len(above), replace=False)])
