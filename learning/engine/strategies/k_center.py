"""Core-set selection: cover the pool, so that no item is far from a labelled one."""

import numpy as np

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread

_CENTERS_AT_ONCE = 256
_ACTIVE = 4096
_FLUSH_AFTER = 64


class _Distances:
    """Squared distance of each candidate to its nearest center.

    A new center is a matrix-vector product over the whole pool, bound by memory. Distances only shrink, so the farthest
    candidate is usually among those that were farthest a moment ago: new centers are first applied to these alone, and to all
    others in one matrix product (BLAS level 3) when the answer could lie among them. The picks are those of the plain algorithm.
    """

    def __init__(self, X: Matrix, candidates: np.ndarray) -> None:
        self.X, self.candidates = X, candidates
        self.norms = np.empty(len(candidates))
        for there, rows in row_blocks(X, candidates, 1):
            self.norms[there] = squared_norms(rows)
        self.nearest = np.full(len(candidates), np.inf)

    def apply(self, centers: np.ndarray) -> None:
        """Bring every candidate up to date with the centers at these positions."""
        for start in range(0, len(centers), _CENTERS_AT_ONCE):
            rows, norms = _center_rows(self.X, centers[start : start + _CENTERS_AT_ONCE])
            for there, block in row_blocks(self.X, self.candidates, len(norms)):
                nearest = _nearest(block, self.norms[there], rows, norms)
                np.minimum(self.nearest[there], nearest, out=self.nearest[there])


def squared_norms(rows: Matrix) -> np.ndarray:
    """(m,) float64."""
    if isinstance(rows, np.ndarray):
        return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64).ravel()


def _center_rows(X: Matrix, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = take(X, positions)
    dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
    return np.ascontiguousarray(dense.T), squared_norms(rows)


def _nearest(block: Matrix, block_norms: np.ndarray, centers: np.ndarray, center_norms: np.ndarray) -> np.ndarray:
    products = np.asarray(block @ centers)
    products *= -2
    products += center_norms
    return np.maximum(products.min(axis=1) + block_norms, 0)


def farthest_first(
    X: Matrix, candidates: np.ndarray, centers: np.ndarray, batch_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The candidates that k-center greedy takes, in order, as indices into `candidates`, and their distances when taken.

    Without any center the first one is drawn at random; its distance is infinite.
    """
    distances = _Distances(X, candidates)
    distances.apply(np.asarray(centers, dtype=np.int64))
    nearest, waiting = distances.nearest, []
    chosen, lengths = [], []
    active, fresh, limit, rows = np.empty(0, dtype=np.int64), np.empty(0), np.inf, None
    while len(chosen) < batch_size:
        if not (len(fresh) and fresh.max() > limit) or len(waiting) >= _FLUSH_AFTER:
            distances.apply(candidates[waiting])
            waiting = []
            nearest[chosen] = -1.0
            size = min(_ACTIVE, len(nearest))
            # Equal distances in random order: all that equal the largest are among the active ones, or drawn from.
            active = _largest(nearest, size, rng)
            limit = np.delete(nearest, active).max(initial=-np.inf) if len(nearest) > size else -np.inf
            fresh, rows = nearest[active].copy(), take(X, candidates[active])
        equal = np.flatnonzero(fresh == fresh.max())
        place = int(equal[0] if len(equal) == 1 else rng.choice(equal))
        chosen.append(int(active[place]))
        lengths.append(fresh[place])
        waiting.append(chosen[-1])
        center, norms = _center_rows(X, candidates[chosen[-1:]])
        np.minimum(fresh, _nearest(rows, distances.norms[active], center, norms), out=fresh)
        fresh[np.isin(active, chosen[-1:])] = -1.0
    return np.asarray(chosen, dtype=np.int64), np.sqrt(lengths)


def _largest(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    if size >= len(values):
        return np.arange(len(values))
    limit = np.partition(values, len(values) - size)[len(values) - size]
    above = np.flatnonzero(values > limit)
    return np.concatenate([above, rng.choice(np.flatnonzero(values == limit), size=size - len(above), replace=False)])


@strategies.register("k_center")
class KCenter(Strategy):
    """Repeatedly take the candidate farthest (Euclidean) from everything labelled, pending or taken.

    Sener & Savarese (2018). Needs features, no model, so it also works before there are labels. Costs O(m(l+b)d) for dense rows,
    O(nnz(l+b)) for sparse ones, in blocks; memory O(m). The score is the distance when taken.
    """

    label = "K-center (core-set)"
    help = "Asks the items farthest from all labelled ones: a varied batch, needs no model, sensitive to outliers."
    needs = frozenset({"features"})
    batch_aware = True
    reference = "Sener & Savarese (2018), Active learning for convolutional neural networks: a core-set approach."
    cost = "O(m(l+b)d) dense, O(nnz(l+b)) sparse"

    def _select(self, context: Context, batch_size: int) -> Selection:
        centers = np.concatenate([context.labeled, context.pending]).astype(np.int64)
        with one_thread():
            best, distances = farthest_first(context.X, context.candidates, centers, batch_size, context.rng)
        return Selection(context.candidates[best], scores=distances)
