"""TypiClust: the most typical item of each cluster, for the start when there are hardly any labels."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from learning.engine.blocks import row_blocks
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread

MAX_CLUSTERS = 500
NEIGHBORS = 20
TINY_CLUSTER = 5
_SAMPLE = 20_000  # forty to a cluster, where there are most
_EXACT_UP_TO = 3_000
_STEPS = 10  # of k-means on more; from good centers its clusters are then within one percent of as tight as they get
_LOOKED_AT = 3_000
_BEGUN_FROM, _BEGUN_NUMBERS = 12_288, 500_000  # rows from which centers begin: of few columns more, whose outliers weigh more


def cluster_pool(rows: np.ndarray, pool: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    """(p,) cluster of each item of the pool, of embedded rows (n, e).

    k-means; beyond 3,000 items ten steps of it, beyond 20,000 on a random sample, and all others join the nearest center.
    """
    sample = pool
    if len(pool) > _SAMPLE:  # not every k-th item: the order of a file may be periodic
        sample = np.sort(np.random.default_rng(seed).choice(pool, size=_SAMPLE, replace=False))
    n_clusters = min(n_clusters, len(sample))
    near = _rows(rows, sample)
    middle = near.mean(axis=0, dtype=np.float64).astype(np.float32)  # far from zero, float32 cannot tell rows apart
    near -= middle
    first = first_centers(near, n_clusters, np.random.default_rng([seed, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal rows make fewer clusters than asked
        steps = 100 if len(sample) <= _EXACT_UP_TO else _STEPS
        means = KMeans(n_clusters, init=first, n_init=1, max_iter=steps, random_state=seed).fit(near)
    if len(sample) == len(pool):
        return means.labels_
    centers = means.cluster_centers_.astype(np.float32)
    half = 0.5 * np.einsum("ij,ij->i", centers, centers)
    found = np.empty(len(pool), dtype=np.int64)
    for there, block in row_blocks(rows, pool, n_clusters):
        found[there] = ((block - middle) @ centers.T - half).argmax(axis=1)
    return found


def first_centers(rows: np.ndarray, n_clusters: int, rng: np.random.Generator) -> np.ndarray:
    """(k, e) of the rows (n, e), by k-means++ (Arthur & Vassilvitskii 2007), the best of 2 + log k draws each time.

    As scikit-learn's own, without going to float64 and back for every draw, which takes longer than the clustering. `rows` have
    their mean near zero; of more than 12,288, or half a million numbers, a random part is looked at.
    """
    most = max(5 * n_clusters, min(_BEGUN_FROM, _BEGUN_NUMBERS // rows.shape[1]))
    if len(rows) > most:
        rows = rows[np.sort(rng.choice(len(rows), size=most, replace=False))]
    # |x - c|^2 = (x, |x|^2, 1) . (-2 c, 1, |c|^2): one product, and no passes over its result.
    norms, ones = np.einsum("ij,ij->i", rows, rows)[:, None], np.ones((len(rows), 1), dtype=rows.dtype)
    one_side, other_side = np.hstack([rows, norms, ones]), np.hstack([-2 * rows, ones, norms])
    draws = np.array([rng.integers(len(rows))])
    squared = np.full(len(rows), np.inf, dtype=rows.dtype)
    chosen: list[int] = []
    while True:
        after = other_side[draws] @ one_side.T
        np.minimum(after, squared, out=after)
        np.maximum(after, 0, out=after)  # rounding goes below zero
        best = int(after.sum(axis=1, dtype=np.float64).argmin())
        chosen.append(int(draws[best]))
        if len(chosen) == n_clusters:
            return rows[chosen]
        squared = after[best]
        squared[chosen[-1]] = 0
        reached = np.cumsum(squared, dtype=np.float64)
        if reached[-1] > 0:
            draws = np.searchsorted(reached, rng.random(2 + int(np.log(n_clusters))) * reached[-1], side="right")
        else:  # no other rows than these: any will do
            draws = np.array([rng.integers(len(rows))])


def typicality(rows: np.ndarray, neighbors: int = NEIGHBORS) -> np.ndarray:
    """(k,) one over the mean distance to the nearest neighbours (at most 20) among the same rows (k, e)."""
    k = min(neighbors, len(rows) - 1)
    if k < 1:
        return np.ones(len(rows))
    rows = rows - rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)  # else squares cancel out where rows are far from zero
    norms = np.einsum("ij,ij->i", rows, rows)
    found = np.empty(len(rows))
    for there, block in row_blocks(rows, None, len(rows)):
        squared = np.maximum(norms[there, None] + norms - 2 * (block @ rows.T), 0)
        squared[np.arange(len(block)), np.arange(there.start, there.stop)] = np.inf  # an item is not its own neighbour
        nearest = np.partition(squared, k - 1, axis=1)[:, :k]
        found[there] = 1 / (np.sqrt(nearest).mean(axis=1) + 1e-12)
    return found


def _rows(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.asarray(rows[positions], dtype=np.float32)


@strategies.register("typiclust")
class TypiClust(Strategy):
    """Cluster the pool into l + b (at most 500) clusters; of the largest with the fewest labels take the most typical item.

    Hacohen, Dekel & Weinshall (2022). Typical: near its 20 nearest neighbours within the cluster, of which at most 3,000 random
    members are looked at. Clusters of five items and fewer come last. Works on the embedding (`Derived.embedding`), needs no
    label and no model. Costs k-means of at most 20,000 rows, one pass over the pool, and k^2 e per cluster that is asked.
    """

    label = "Typical items (TypiClust)"
    help = "Asks typical items of different clusters: the best start when there are hardly any labels; needs no model."
    family = "Variety: ask what differs from all that is labelled"
    needs = frozenset({"features"})
    batch_aware = True
    sequential = False  # the number of clusters follows from the batch
    reference = "Hacohen, Dekel & Weinshall (2022), Active learning on a budget: opposite strategies suit high and low budgets."
    cost = "k-means of a sample + O(m k e)"

    def _select(self, context: Context, size: int) -> Selection:
        rng, derived = context.rng, context.derived
        asked = context.asked
        pool = np.union1d(context.candidates, asked)
        n_clusters = min(len(asked) + size, MAX_CLUSTERS)
        with one_thread():
            cluster = cluster_pool(derived.embedding, pool, n_clusters, int(rng.integers(2**31)))
            return self._from_clusters(context, size, pool, cluster)

    def _from_clusters(self, context: Context, size: int, pool: np.ndarray, cluster: np.ndarray) -> Selection:
        n_clusters = int(cluster.max()) + 1
        total = np.bincount(cluster, minlength=n_clusters)
        covered = np.bincount(cluster[np.searchsorted(pool, context.asked)], minlength=n_clusters)
        mine = cluster[np.searchsorted(pool, context.candidates)]
        order = np.argsort(mine, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(mine, minlength=n_clusters))[:-1])
        left = np.array([len(part) for part in members])
        tiny = total <= TINY_CLUSTER
        shuffle = context.rng.random(n_clusters)
        ranked: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        taken = np.zeros(n_clusters, dtype=np.int64)
        picks, values = [], []
        while len(picks) < size:
            # Least covered first, of those the largest; tiny ones when there is nothing else.
            best = int(np.lexsort((shuffle, -total, covered, tiny, left == 0))[0])
            if best not in ranked:
                ranked[best] = self._ranked(context, members[best])
            places, typicalities = ranked[best]
            picks.append(places[taken[best]])
            values.append(typicalities[taken[best]])
            taken[best] += 1
            covered[best] += 1
            left[best] -= 1
        return Selection(context.candidates[np.asarray(picks)], scores=np.asarray(values))

    def _ranked(self, context: Context, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A cluster's candidates (k,), the most typical first, and their typicality (k,), 0 where unknown; ties at random."""
        rng = context.rng
        looked_at = places if len(places) <= _LOOKED_AT else rng.choice(places, size=_LOOKED_AT, replace=False)
        values = typicality(_rows(context.derived.embedding, context.candidates[looked_at]))
        order = np.lexsort((rng.random(len(values)), -values))
        others = np.setdiff1d(places, looked_at)
        return np.concatenate([looked_at[order], others]), np.concatenate([values[order], np.zeros(len(others))])
