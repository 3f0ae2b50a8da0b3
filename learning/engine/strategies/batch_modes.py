"""From scores to a batch: the best ones, the best ones by chance, or good ones that differ from each other."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from learning.engine.strategies.base import Context
from learning.engine.strategies.covering import farthest_first
from learning.engine.threads import one_thread

AUTO = "auto"
MODES = {
    AUTO: "By chance of rank; the best one where the batch size is 1",
    "top": "The best ones",
    "rank": "By chance, the higher ranked the likelier",
    "power": "By chance, in proportion to a power of the score",
    "softmax": "By chance, in proportion to the exponential of the score",
    "diverse": "One of each cluster of the best ones",
    "ranked": "The best ones that are far from what is labelled or chosen",
    "cluster_margin": "The best ones, clusters taking turns",
}
STOCHASTIC = frozenset({"rank", "power", "softmax"})
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Picks:
    """Indices (b,) into the scores, best first; for modes that draw: the weights (m,) in proportion to which they drew."""

    indices: np.ndarray
    weights: np.ndarray | None = None

    @property
    def probability(self) -> np.ndarray | None:
        """(b,) of each pick, given those before it."""
        return None if self.weights is None else sequential_probability(self.weights, self.indices)


def pick(
    mode: str, scores: np.ndarray, size: int, context: Context, *, beta: float, prefilter: int, lowest: float | None
) -> Picks:
    """`size` of the candidates whose `scores` (m,) these are, by one of MODES (but "auto").

    beta: how much the stochastic modes prefer the best. prefilter: how many times the batch the clustering modes look at. lowest:
    the least value that the score can have, or None.
    """
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        scores = np.where(np.isnan(scores), -np.inf, scores)
    if mode == "top":
        return Picks(top(scores, size, context.rng))
    if mode in STOCHASTIC:
        log_weights = _log_weights(mode, scores, beta, lowest, context.rng)
        return Picks(gumbel_top(log_weights, size, context.rng), np.exp(log_weights - log_weights.max()))
    if mode == "ranked":
        return Picks(ranked(scores, size, context, lowest))
    best = top(scores, min(len(scores), prefilter * size), context.rng)
    if mode == "diverse":
        return Picks(best[diverse(positive(scores[best], lowest), size, context, best)])
    return Picks(best[round_robin(clusters_of(context)[context.candidates[best]], size)])


def top(scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of the `size` largest scores, largest first; equal scores in random order. NaN counts as the smallest.

    O(m) for m scores, plus sorting the batch. Without random ties the order of the file would decide: on iris the tie rule alone
    moves the accuracy after 20 queries between 0.61 and 0.95.
    """
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        scores = np.where(np.isnan(scores), -np.inf, scores)
    if size >= len(scores):
        chosen = np.arange(len(scores))
    else:
        limit = np.partition(scores, len(scores) - size)[len(scores) - size]
        above = np.flatnonzero(scores > limit)
        equal = np.flatnonzero(scores == limit)
        chosen = np.concatenate([above, rng.choice(equal, size=size - len(above), replace=False)])
    return chosen[np.lexsort((rng.random(len(chosen)), -scores[chosen]))]


# --- Stochastic modes (Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal 2023, Stochastic batch acquisition)


def _log_weights(mode: str, scores: np.ndarray, beta: float, lowest: float | None, rng: np.random.Generator) -> np.ndarray:
    if mode == "rank":
        return np.maximum(-beta * np.log(ranks(scores, rng)), -700.0)  # e^-745 is zero: every item keeps a chance
    if mode == "power":
        return np.maximum(beta * np.log(positive(scores, lowest)), -700.0)
    scores = np.clip(scores, -1e300, 1e300)
    return np.maximum(beta * (scores - scores.max()), -700.0)


def ranks(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(m,) 1 = largest score; equal scores in random order."""
    shuffled = rng.permutation(len(scores))
    order = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    found = np.empty(len(scores))
    found[order] = np.arange(1, len(scores) + 1)
    return found


def positive(scores: np.ndarray, lowest: float | None) -> np.ndarray:
    """(m,) in 0..1: scores counted from the least possible (None: the least there is) in shares of the largest.

    Never quite zero: every item keeps a chance.
    """
    scores = np.clip(scores, -1e300, 1e300)
    shifted = np.maximum(scores - (scores.min(initial=0.0) if lowest is None else lowest), 0.0)
    largest = shifted.max(initial=0.0)
    return np.maximum(shifted / largest, 1e-9) if largest > 0 else np.ones(len(scores))


def gumbel_top(log_weights: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` different indices, drawn one after the other in proportion to exp(log_weights) of those that are left.

    By the Gumbel-top-k trick (Kool, van Hoof & Welling 2019): O(m), and the first picks of a longer draw are a shorter draw.
    """
    keys = log_weights + rng.gumbel(size=len(log_weights))
    chosen = np.argpartition(keys, len(keys) - size)[len(keys) - size :] if size < len(keys) else np.arange(len(keys))
    return chosen[np.argsort(-keys[chosen], kind="stable")]


def sequential_probability(weights: np.ndarray, picks: np.ndarray, gone: np.ndarray | None = None) -> np.ndarray:
    """(b,) weight of each pick over the weight of all that were left then; `gone` (indices) had left before the first."""
    mine = weights[picks]
    left = weights.sum() - (weights[gone].sum() if gone is not None and len(gone) else 0.0)
    before = np.concatenate([[0.0], np.cumsum(mine)[:-1]])
    # From the end where little is left: there the difference of two large sums would be all rounding.
    remaining = np.maximum(left - before, mine)
    return np.minimum(mine / np.maximum(remaining, _TINY), 1.0)


# --- Modes that look at the features


def diverse(weights: np.ndarray, size: int, context: Context, chosen: np.ndarray) -> np.ndarray:
    """Weighted k-means of the chosen ones into `size` clusters, the item nearest to each center (Zhdanov 2019).

    weights (k,), chosen (k,) indices into the candidates; returns places in `chosen`, those of the largest weight first.
    """
    if len(chosen) <= size:
        return np.argsort(-weights, kind="stable")
    rows = np.asarray(context.derived.embedding[context.candidates[chosen]], dtype=np.float32)
    seed = int(context.rng.integers(2**31))
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal rows make fewer clusters than asked: see below
        means = KMeans(size, n_init=1, max_iter=50, random_state=seed).fit(rows, sample_weight=weights)
        distance = means.transform(rows)
    picked = _nearest_each(distance, means.labels_, size)
    if len(picked) < size:  # equal rows leave clusters empty: the best of the others fill up
        others = np.setdiff1d(np.arange(len(chosen)), picked)
        picked = np.concatenate([picked, others[np.argsort(-weights[others], kind="stable")][: size - len(picked)]])
    return picked[np.argsort(-weights[picked], kind="stable")]


def _nearest_each(distance: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    own = distance[np.arange(len(labels)), labels]
    order = np.lexsort((own, labels))
    _, first = np.unique(labels[order], return_index=True)
    return order[first]


def ranked(scores: np.ndarray, size: int, context: Context, lowest: float | None) -> np.ndarray:
    """alpha (1 - similarity to the nearest labelled or chosen) + (1 - alpha) score, alpha = m / (m + l) (Cardoso et al. 2017).

    Similarity is 1 / (1 + Euclidean distance); the score is scaled to 0 .. 1.
    """
    u = positive(scores, lowest)
    alpha = len(scores) / (len(scores) + len(context.labeled))

    def value(squared: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return alpha * (1 - 1 / (1 + np.sqrt(squared))) + (1 - alpha) * u[indices]

    with one_thread():
        return farthest_first(context, size, value)[0]


def clusters_of(context: Context) -> np.ndarray:
    """(n,) cluster of every item: average-linkage clusters of k-means centers, made once per pool (Citovsky et al. 2021)."""
    return context.derived.get("clusters", lambda: _cluster(context.derived))


def _cluster(derived) -> np.ndarray:
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.cluster import MiniBatchKMeans

    from learning.engine.blocks import row_blocks

    rows = derived.embedding
    # Average linkage needs all pairs, so it joins the centers of small k-means clusters instead of the items themselves.
    n_small = int(min(2000, max(1, len(derived.pool) // 5)))
    sample = derived.sample(50_000)
    small = MiniBatchKMeans(n_small, n_init=1, batch_size=4096, max_iter=20, random_state=0)
    small.fit(np.asarray(rows[sample], dtype=np.float32))
    n_large = max(1, n_small // 4)
    joined = np.zeros(n_small, dtype=np.int64)
    if n_small > 1:
        joined = fcluster(linkage(small.cluster_centers_, "average"), n_large, "maxclust") - 1
    found = np.empty(len(rows), dtype=np.int32)
    for there, block in row_blocks(rows, None, n_small):
        found[there] = joined[small.predict(np.asarray(block, dtype=np.float32))]
    return found


def round_robin(clusters: np.ndarray, size: int) -> np.ndarray:
    """Places (size,) in `clusters` (k,), best first within each: one of each cluster per turn, small clusters first."""
    _, inverse, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    turn = np.empty(len(clusters), dtype=np.int64)
    turn[order] = np.arange(len(clusters)) - np.repeat(starts, counts)
    return np.lexsort((inverse, counts[inverse], turn))[:size]
