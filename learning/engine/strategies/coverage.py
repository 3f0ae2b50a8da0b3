"""Cover as much of the pool as a batch can: ProbCover and MaxHerding, for few labels."""

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import KMeans

from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread

MAX_CANDIDATES = 3_000
MAX_COVERED = 6_000
_FOR_RADIUS = 1_000
PURITY = 0.95


def _unit_rows(context: Context, positions: np.ndarray) -> np.ndarray:
    rows = np.asarray(context.derived.embedding[positions], dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(k, n) of rows of length one (or zero)."""
    norms = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)
    return np.maximum(norms - 2 * (a @ b.T), 0)


def _some(positions: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    return positions if len(positions) <= size else np.sort(rng.choice(positions, size=size, replace=False))


def _blocks(positions: np.ndarray, size: int = 512) -> Iterator[np.ndarray]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


@strategies.register("prob_cover")
class ProbCover(Strategy):
    """Repeatedly take the item whose ball of radius delta holds the most items that no ball holds yet (Yehuda et al. 2022).

    On embedded rows of length one. delta: the largest radius for which 95 % of the balls are pure, all of one k-means cluster
    (as many clusters as classes) among 1,000 random items, unless it is given; results hang on it, which MaxHerding mends. At
    most 3,000 random candidates (or the batch, where that is more) and 6,000 random items to cover are looked at, so cost and
    memory are bounded. Needs no label and no model. The score is how many items are newly covered.
    """

    label = "Coverage (ProbCover)"
    help = "Asks items that have the most others close by, which are not close to a labelled one: for few labels; needs no model."
    family = "Variety: ask what differs from all that is labelled"
    parameters = (
        Parameter(
            "delta", "float", 0.0, minimum=0, maximum=2, label="Radius", help="Of a ball around rows of length one; 0: automatic."
        ),
    )
    needs = frozenset({"features"})
    batch_aware = True
    max_pool = MAX_CANDIDATES
    reference = "Yehuda, Dekel, Hacohen & Weinshall (2022), Active learning through a covering lens."
    cost = "O(3,000 x 6,000 e), whatever the pool"

    def _select(self, context: Context, size: int) -> Selection:
        rng = context.rng
        with one_thread():
            radius = self.settings["delta"] or _radius_of_the_pool(context)
            left, near = self._balls(context, radius)
        gains = _count(near[left])
        free = np.ones(len(gains), dtype=bool)
        picks, values = [], []
        for _ in range(size):
            best = np.flatnonzero(free & (gains == gains[free].max()))
            pick = int(rng.choice(best))
            picks.append(pick)
            values.append(float(gains[pick]))
            free[pick] = False
            new = np.flatnonzero(near[:, pick] & left)
            left[new] = False
            gains = gains - _count(near[new])
        return Selection(context.candidates[np.asarray(picks)], scores=np.asarray(values))

    def _balls(self, context: Context, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """((u,) which items no ball holds yet, (u, m) which of them the ball of each candidate would hold)."""
        pool, mentioned = context.derived.pool, np.concatenate([context.asked, context.candidates])
        if len(pool) <= MAX_CANDIDATES and np.isin(mentioned, pool).all():  # all of it in memory, from round to round
            kept = context.cache.get("balls")
            if kept is None or kept[0] != radius:
                rows = _unit_rows(context, pool)
                kept = context.cache["balls"] = (radius, _within(rows, rows, radius))
            within = kept[1]
            places = np.searchsorted(pool, context.asked)
            return ~within[places].any(axis=0), within[:, np.searchsorted(pool, context.candidates)]
        to_cover = _unit_rows(context, _some(pool, MAX_COVERED, context.rng))
        left = np.ones(len(to_cover), dtype=bool)
        for part in _blocks(context.asked):
            left &= ~_within(_unit_rows(context, part), to_cover, radius).any(axis=0)
        return left, _within(to_cover, _unit_rows(context, context.candidates), radius)


def _within(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """(k, n) bool of rows of length one."""
    near = np.empty((len(a), len(b)), dtype=bool)
    for part in _blocks(np.arange(len(a))):
        near[part] = _squared_distances(a[part], b) <= radius**2
    return near


def _count(chosen: np.ndarray) -> np.ndarray:
    """(m,) how many of the rows (k, m) are true in each column."""
    return np.add.reduce(chosen.view(np.uint8), axis=0, dtype=np.int32)


def _radius_of_the_pool(context: Context) -> float:
    """As in the paper a property of the data, found once; without a seed of its own, as whatever is derived from the pool."""
    n_classes, derived = max(2, context.n_classes), context.derived

    def found() -> np.ndarray:
        rows = _unit_rows(context, derived.sample(_FOR_RADIUS))
        return np.array([pure_radius(rows, n_classes, np.random.default_rng(0))])

    return float(derived.get(f"pure_radius_{n_classes}", found)[0])


def pure_radius(rows: np.ndarray, n_clusters: int, rng: np.random.Generator) -> float:
    """The largest radius for which 95 % of the balls around the rows (k, e) hold rows of one k-means cluster only."""
    n_clusters = min(n_clusters, len(np.unique(rows, axis=0)))
    if n_clusters < 2:
        return 1.0
    labels = KMeans(n_clusters, n_init=1, random_state=int(rng.integers(2**31))).fit_predict(rows)
    squared = _squared_distances(rows, rows)
    squared[labels[:, None] == labels] = np.inf
    # A ball is pure up to its nearest row of another cluster: so the radius ends just before one of these distances.
    impure = int((1 - PURITY) * len(rows))
    return float(np.sqrt(np.partition(squared.min(axis=1), impure)[impure])) * (1 - 1e-6)


@strategies.register("max_herding")
class MaxHerding(Strategy):
    """Repeatedly take the item x that adds most to the kernel coverage: sum over u of max(0, k(u, x) - max over chosen k(u, s)).

    Bae, Noh & Sutherland (2024): a smooth ProbCover, without its fragile radius. Gaussian kernel on embedded rows of length one,
    its width the median distance of random pairs that differ, times `width`. At most 3,000 random candidates (or the batch, where
    that is more) and 6,000 random items to cover. Gains only shrink (the coverage is submodular), so an item is looked at again
    only while its old gain could win (lazy greedy, Minoux 1978); the picks are those of the plain algorithm. Needs no label and
    no model. The score is the gain, as a share of the items to cover.
    """

    label = "Coverage (MaxHerding)"
    help = "Asks items that represent the most of what is not represented yet: for few labels; needs no model."
    family = "Variety: ask what differs from all that is labelled"
    parameters = (
        Parameter("width", "float", 0.5, minimum=0.01, maximum=10, label="Width", help="Of the kernel, in typical distances."),
    )
    needs = frozenset({"features"})
    batch_aware = True
    max_pool = MAX_CANDIDATES
    reference = "Bae, Noh & Sutherland (2024), Generalized coverage for more robust low-budget active learning."
    cost = "O(3,000 x 6,000 e), whatever the pool"

    def _select(self, context: Context, size: int) -> Selection:
        rng = context.rng
        with one_thread():
            covered = _some(context.derived.pool, MAX_COVERED, rng)
            to_cover, rows = _unit_rows(context, covered), _unit_rows(context, context.candidates)
            scale = _scale(to_cover, self.settings["width"], rng)
            best = np.zeros(len(to_cover), dtype=np.float32)
            for part in _blocks(context.asked):
                np.maximum(best, np.exp(scale * _squared_distances(_unit_rows(context, part), to_cover)).max(axis=0), out=best)
            kernel = np.empty((len(rows), len(to_cover)), dtype=np.float32)
            for part in _blocks(np.arange(len(rows))):
                kernel[part] = np.exp(scale * _squared_distances(rows[part], to_cover))
        picks, values = lazy_greedy(kernel, best, size, rng)
        return Selection(context.candidates[picks], scores=values / len(to_cover))


def _scale(rows: np.ndarray, width: float, rng: np.random.Generator) -> float:
    """-1 / (2 s^2), s the median distance of random pairs that differ, times the width."""
    one, other = rng.integers(len(rows), size=(2, 1000))
    distances = np.sqrt(((rows[one] - rows[other]) ** 2).sum(axis=1))
    apart = distances[distances > 1e-6]  # where most rows are equal, the median of all would be a kernel of no width
    return -1 / (2 * (width * (float(np.median(apart)) if len(apart) else 1.0)) ** 2)


def lazy_greedy(kernel: np.ndarray, best: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`size` rows of the kernel (m, u) that add most to the coverage `best` (u,), one by one, and their gains; ties at random."""
    best = best.copy()
    order = rng.permutation(len(kernel))  # equal gains: whoever comes first here
    bounds = np.array([np.maximum(row - best, 0).sum(dtype=np.float64) for row in kernel[order]])
    fresh = np.zeros(len(kernel), dtype=np.int64)
    picks, values = [], []
    for step in range(size):
        while True:
            top = int(np.argmax(bounds))
            if fresh[top] == step:
                break
            bounds[top] = np.maximum(kernel[order[top]] - best, 0).sum(dtype=np.float64)
            fresh[top] = step
        picks.append(int(order[top]))
        values.append(float(bounds[top]))
        np.maximum(best, kernel[order[top]], out=best)
        bounds[top] = -np.inf
    return np.asarray(picks, dtype=np.int64), np.asarray(values)
