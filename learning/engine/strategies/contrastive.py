"""Contrastive active learning: ask what resembles labelled items and is predicted otherwise."""

import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.derived import squared_norms
from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy
from learning.engine.threads import one_thread

_CENTERS_AT_ONCE = 512
_SMALLEST = 1e-12  # of a probability in a logarithm: what a learner is quite sure of must not be infinitely different


def nearest(X: Matrix, positions: np.ndarray, among: np.ndarray, k: int) -> np.ndarray:
    """(m, min(k, l)) places in `among` (l,) of the rows nearest to each of X[positions] (m,) by Euclidean distance, unordered.

    Of rows of length one, as texts have, these are the ones of the largest cosine. In blocks of both, so that memory is O(mk).
    """
    k = min(k, len(among))
    found = np.zeros((len(positions), 0), dtype=np.int32)
    distances = np.zeros((len(positions), 0), dtype=X.dtype)
    with one_thread():
        for start in range(0, len(among), _CENTERS_AT_ONCE):
            centers = take(X, among[start : start + _CENTERS_AT_ONCE])
            n_kept = min(k, found.shape[1] + centers.shape[0])
            kept, kept_distances = np.empty((len(found), n_kept), np.int32), np.empty((len(found), n_kept), X.dtype)
            columns, used = _as_columns(centers)
            norms = squared_norms(centers).astype(X.dtype)
            for there, rows in row_blocks(X, positions, 2 * centers.shape[0]):
                # The length of the row itself does not change which centers are nearest to it.
                products = np.asarray((rows if used is None else rows[:, used]) @ columns)
                products += norms
                values = np.hstack([distances[there], products])
                best = _smallest(values, n_kept)
                kept_distances[there] = np.take_along_axis(values, best, axis=1)
                places = np.arange(start, start + centers.shape[0], dtype=np.int32)
                names = np.hstack([found[there], np.broadcast_to(places, products.shape)])
                kept[there] = np.take_along_axis(names, best, axis=1)
            found, distances = kept, kept_distances
    return found


def _as_columns(centers: Matrix) -> tuple[np.ndarray, np.ndarray | None]:
    """(rows (w, d) as columns, times -2; which of the d they use, None for all): few of a text's words are in 512 others."""
    if not sparse.issparse(centers):
        return -2 * centers.T, None
    used = np.unique(centers.indices)
    return np.ascontiguousarray(-2 * centers[:, used].toarray().T), used


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """(m, k) places of the k smallest of each row of `values` (m, w).

    Finding their limit is several times faster than finding them; with it they are where no other value equals the limit.
    """
    if k == values.shape[1]:
        return np.broadcast_to(np.arange(k), values.shape)
    below = values <= np.partition(values, k - 1, axis=1)[:, k - 1 : k]
    clear = np.count_nonzero(below, axis=1) == k
    places = np.empty((len(values), k), dtype=np.int64)
    places[clear] = np.nonzero(below[clear])[1].reshape(-1, k)
    places[~clear] = np.argpartition(values[~clear], k - 1, axis=1)[:, :k]
    return places


def mean_divergence(P: np.ndarray, Q: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """(m,) mean over the neighbours j (m, k) of KL(Q_j || P_i), for probabilities P (m, C) and Q (l, C), in nats.

    The mean of the divergences is the mean of the negative entropies less the product of the mean probabilities with log P: no
    array (m, k, C).
    """
    m, k = neighbors.shape
    weights = sparse.csr_matrix((np.full(m * k, 1 / k), neighbors.ravel(), np.arange(0, m * k + 1, k)), shape=(m, len(Q)))
    log_q, log_p = np.log(np.maximum(Q, _SMALLEST)), np.log(np.maximum(P, _SMALLEST))
    own = weights @ np.einsum("ij,ij->i", Q, log_q)
    return np.maximum(own - np.einsum("ij,ij->i", weights @ Q, log_p), 0.0)


@strategies.register("contrastive")
class Contrastive(ScoredStrategy):
    """Mean KL divergence of the predictions for the k nearest labelled items from the prediction for x (Margatina et al. 2021).

    Neighbours by Euclidean distance in the features; all labelled items where there are fewer than k. Needs proba, model and
    features; one prediction of the pool + O(mld) for dense rows, O(nnz l) at most for sparse ones.
    """

    label = "Contrastive (CAL)"
    help = "Asks what resembles labelled items and yet is predicted otherwise; for a hundred labels or more, not for the start."
    family = "Both: unsure and varied or typical"
    parameters = (
        Parameter(
            "neighbors",
            "int",
            10,
            minimum=1,
            maximum=1000,
            label="Neighbours",
            help="How many of the most similar labelled items an item is compared with.",
        ),
    )
    needs = frozenset({"proba", "model", "features"})
    reference = "Margatina, Vernikos, Barrault & Aletras (2021), Active learning by acquiring contrastive examples."
    cost = "one prediction of the pool + O(mld) dense, O(nnz l) sparse"
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        from learning.engine.loop import predict  # it imports the strategies

        of_labeled = predict(context.model, context.X, context.labeled, context.proba.shape[1])
        neighbors = nearest(context.X, context.candidates, context.labeled, self.settings["neighbors"])
        return mean_divergence(context.proba, of_labeled, neighbors)
