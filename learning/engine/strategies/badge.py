"""BADGE: batches whose loss gradients are large and point in different directions."""

import numpy as np

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread

_REFRESH_AFTER = 32
_PROPOSALS = 200


class _Gradients:
    """g = (p - e_best) x (features, 1) of each candidate, in two factors: the product of m x C x d numbers is never built.

    |g_i - g_j|^2 = |a_i|^2 |h_i|^2 + |a_j|^2 |h_j|^2 - 2 (a_i . a_j)(h_i . h_j).
    """

    def __init__(self, X: Matrix, positions: np.ndarray, proba: np.ndarray, norms: np.ndarray) -> None:
        self.X, self.positions = X, positions
        self.a = np.array(proba, dtype=np.float32)
        self.a[np.arange(len(self.a)), self.a.argmax(axis=1)] -= 1
        self.squared = np.einsum("ij,ij->i", self.a, self.a, dtype=np.float64) * (norms[positions] + 1)

    def factors(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(C, k), (d, k) and the squared lengths (k,) of the gradients at these places."""
        rows = take(self.X, self.positions[chosen])
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        return self.a[chosen].T, np.ascontiguousarray(dense.T, dtype=np.float32), self.squared[chosen]

    def to_nearest(self, places: np.ndarray | None, centers: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Squared distance of the gradients at these places (None: all) to the nearest center."""
        a_centers, h_centers, lengths = centers
        positions = self.positions if places is None else self.positions[places]
        a = self.a if places is None else self.a[places]
        squared = self.squared if places is None else self.squared[places]
        found = np.empty(len(positions))
        for there, rows in row_blocks(self.X, positions, 4 * len(lengths)):
            products = np.asarray(rows @ h_centers) + 1
            products *= a[there] @ a_centers
            products *= -2
            products += lengths.astype(products.dtype)
            found[there] = products.min(axis=1) + squared[there]
        return np.maximum(found, 0)


def seed_by_distance(gradients: _Gradients, chosen: list[int], size: int, rng: np.random.Generator) -> list[int]:
    """k-means++ seeding (Arthur & Vassilvitskii 2007): each next one in proportion to its squared distance to those before.

    `chosen` come first, `size` more follow. Distances only shrink, so what they were a moment ago is an upper bound: proposals
    are drawn in proportion to that and accepted with the share that is true, which gives exactly the same distribution. All are
    brought up to date once in 32 picks, by one matrix product.
    """
    picked, waiting = list(chosen), []
    nearest = gradients.squared
    if picked:
        nearest = gradients.to_nearest(None, gradients.factors(np.asarray(picked)))
    nearest = _without(nearest, picked)
    total = np.cumsum(nearest)
    wanted = len(chosen) + size
    while len(picked) < wanted:
        place = _accepted(gradients, nearest, total, waiting, rng)
        if place is not None:
            picked.append(place)
            waiting.append(place)
        elif not waiting:  # all that is left has the gradient of one that was chosen
            left = np.setdiff1d(np.arange(len(nearest)), picked)
            picked += rng.choice(left, size=wanted - len(picked), replace=False).tolist()
        if waiting and (place is None or len(waiting) >= _REFRESH_AFTER):
            nearest = np.minimum(nearest, gradients.to_nearest(None, gradients.factors(np.asarray(waiting))))
            nearest, waiting = _without(nearest, picked), []
            total = np.cumsum(nearest)
    return picked[len(chosen) :]


def _without(nearest: np.ndarray, picked: list[int]) -> np.ndarray:
    nearest = nearest.copy()
    nearest[picked] = 0.0
    return nearest


def _accepted(
    gradients: _Gradients, bound: np.ndarray, total: np.ndarray, waiting: list[int], rng: np.random.Generator
) -> int | None:
    if not total[-1] > 0:
        return None
    proposals = np.minimum(np.searchsorted(total, rng.random(_PROPOSALS) * total[-1], side="right"), len(bound) - 1)
    coins = rng.random(_PROPOSALS)
    if not waiting:
        found = np.flatnonzero(bound[proposals] > 0)
        return int(proposals[found[0]]) if len(found) else None
    true = np.minimum(bound[proposals], gradients.to_nearest(proposals, gradients.factors(np.asarray(waiting))))
    true[np.isin(proposals, waiting)] = 0.0  # their own distance is zero but for rounding
    accepted = np.flatnonzero(coins * bound[proposals] < true)
    return int(proposals[accepted[0]]) if len(accepted) else None


@strategies.register("badge")
class Badge(Strategy):
    """k-means++ seeding on the gradients of the loss at the predicted class (Ash et al. 2020); the largest one comes first.

    The gradient is that of a softmax-linear layer over the features. Needs proba and features. What is pending counts as chosen.
    Costs O(m (C + d)) per pick dense, O(m C + nnz) sparse, by matrix products of 32 picks at a time; memory O(m C). The score is
    the length of the gradient.
    """

    label = "BADGE"
    help = "Asks items whose labels would change the model much, each in another direction: unsure and varied at once."
    family = "Both: unsure and varied or typical"
    needs = frozenset({"proba", "model", "features"})
    batch_aware = True
    reference = (
        "Ash, Zhang, Krishnamurthy, Langford & Agarwal (2020), Deep batch active learning by diverse, uncertain gradients."
    )
    cost = "one prediction of the pool + O(m(C+d)) per pick"

    def _select(self, context: Context, size: int) -> Selection:
        from learning.engine import loop  # it imports the strategies

        with one_thread():
            positions, proba = context.candidates, context.proba
            if len(context.pending):
                pending = loop.predict(context.model, context.X, context.pending, context.n_classes)
                positions, proba = np.concatenate([positions, context.pending]), np.concatenate([proba, pending])
            gradients = _Gradients(context.X, positions, proba, context.derived.squared_norms)
            m = len(context.candidates)
            chosen = list(range(m, len(positions)))
            first = []
            if not chosen:
                lengths = gradients.squared
                first = [int(context.rng.choice(np.flatnonzero(lengths == lengths.max())))]
            picks = first + seed_by_distance(gradients, chosen + first, size - len(first), context.rng)
        picks = np.asarray(picks, dtype=np.int64)
        return Selection(context.candidates[picks], scores=np.sqrt(gradients.squared[picks]))
