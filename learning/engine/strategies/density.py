"""Information density: uncertain, and typical of what is not labelled yet."""

import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.derived import Derived
from learning.engine.parameters import Parameter
from learning.engine.strategies import scores
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy

_BASES = {"entropy": scores.entropy, "least_confidence": scores.least_confidence, "margin": lambda P: 1 + scores.margin(P)}


def mean_similarity(derived: Derived) -> np.ndarray:
    """(n,) mean cosine of each row to all of the pool.

    The mean cosine to many vectors is the product with the mean of their unit vectors: O(nnz), and no matrix of pairs. It is
    computed once per pool, as Settles (2010, section 3.6) advises, so items that are labelled by now have their part in it.
    """
    return derived.get("mean_similarity", lambda: _mean_similarity(derived))


def _mean_similarity(derived: Derived) -> np.ndarray:
    X, norms = derived.X, np.sqrt(derived.squared_norms)
    direction = (_sum_of_unit_rows(X, norms, derived.pool) / max(1, len(derived.pool))).astype(X.dtype)
    similarity = np.empty(X.shape[0])
    for there, rows in row_blocks(X, None, 1):
        similarity[there] = rows @ direction
    return np.divide(similarity, norms, out=np.zeros(len(norms)), where=norms > 0)


def _sum_of_unit_rows(X: Matrix, norms: np.ndarray, positions: np.ndarray) -> np.ndarray:
    total = np.zeros(X.shape[1])
    everything = len(positions) == X.shape[0]  # positions are unique: reading all rows in order is cheaper than gathering them
    for there, rows in row_blocks(X, None if everything else positions, 1):
        mine = norms[there if everything else positions[there]]
        # In the features' precision within a block, which need then not be converted; in double precision over the blocks.
        weights = np.divide(1.0, mine, out=np.zeros(len(mine)), where=mine > 0).astype(X.dtype)
        total += rows.T @ weights
    return total


@strategies.register("information_density")
class InformationDensity(ScoredStrategy):
    """phi(x) (mean similarity of x to the pool)^power, phi an uncertainty (Settles & Craven 2008, eq. 13).

    The similarity is the cosine; (1 + cosine) / 2 where features can be negative. Needs proba and features; one prediction of the
    pool, and once per pool O(nnz).
    """

    label = "Information density"
    help = "Asks what is uncertain and resembles many other items: no odd ones out."
    family = "Both: unsure and varied or typical"
    parameters = (
        Parameter(
            "base",
            "choice",
            "entropy",
            choices=(("entropy", "Entropy"), ("least_confidence", "Least confidence"), ("margin", "Margin")),
            label="Uncertainty",
            help="How uncertain an item is.",
        ),
        Parameter(
            "power",
            "float",
            1.0,
            minimum=0,
            maximum=100,
            label="Weight of density",
            help="0 leaves the uncertainty alone; larger asks more typical items.",
        ),
    )
    needs = frozenset({"proba", "features"})
    reference = "Settles & Craven (2008), An analysis of active learning strategies for sequence labeling tasks."
    cost = "one prediction of the pool; once O(nnz)"
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        similarity = mean_similarity(context.derived)[context.candidates]
        if _may_be_negative(context.derived):
            similarity = (1 + similarity) / 2
        return _BASES[self.settings["base"]](context.proba) * np.maximum(similarity, 0) ** self.settings["power"]


def _may_be_negative(derived: Derived) -> bool:
    def lowest() -> np.ndarray:
        X = derived.X.data if sparse.issparse(derived.X) else take(derived.X, derived.pool[:10_000])
        return np.asarray([X.min(initial=0)])

    return bool(derived.get("lowest_feature", lowest)[0] < 0)
