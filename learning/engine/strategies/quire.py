"""QUIRE: informative and representative at once, by the worst that an item's label could do to a kernel classifier."""

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky, solve_triangular
from sklearn.preprocessing import normalize

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.derived import Derived
from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy
from learning.engine.threads import one_thread

_GAMMA_ROWS = 20_000
_SINGLE_FROM = 1e-2


@strategies.register("quire")
class Quire(ScoredStrategy):
    """The item whose worst label raises the loss of a kernel classifier least (Huang, Jin & Zhou 2010).

    The loss of labels y (n,) of the whole pool is y^T L y, L = (K + lambda I)^-1; of a candidate s the worst label counts, of the
    other unlabelled items the best, any real number. The paper inverts n x n matrices for that. But a minimum over the unlabelled
    is a Schur complement of L, and that of an inverse is the inverse of a part of K + lambda I: what is left is

        y_l^T M^-1 y_l + max over y_s of (y_s - f)^2 / v,    M = K_ll + lambda I,
        f = k_s^T M^-1 y_l,    v = k_ss + lambda - k_s^T M^-1 k_s,

    in which no other unlabelled item occurs. Hence the same scores in O(l^3 + m l^2 + m l d), for pools of any size. Several
    classes are one problem "this class or another" each, summed, where y_s is one of the classes seen; of two classes that is
    twice the paper's loss. Pending items count as if their labels were what f says, which makes v smaller near them. Needs
    features, no model. RBF kernel for dense rows, cosine for sparse ones.
    """

    label = "QUIRE"
    help = "Asks what is unclear and unlike all that is labelled, judged by the similarity of items instead of by the model."
    family = "Both: unsure and varied or typical"
    parameters = (
        Parameter(
            "smoothing",
            "float",
            1.0,
            minimum=1e-6,
            maximum=1e6,
            label="Smoothing",
            help="How little a single label is trusted; larger looks more at doubt and less at variety.",
        ),
        Parameter(
            "gamma",
            "float",
            0.0,
            minimum=0,
            maximum=1e6,
            label="Gamma",
            help="How fast items stop being similar as they lie further apart; 0 finds a value. Has no effect on texts.",
        ),
    )
    needs = frozenset({"features"})
    reference = "Huang, Jin & Zhou (2010), Active learning by querying informative and representative examples."
    cost = "O(l^3 + m l^2 + m l d), no model"

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first: minus the loss, without the part that is the same for every candidate."""
        smoothing, n_labeled = self.settings["smoothing"], len(context.labeled)
        gamma = self.settings["gamma"] or automatic_gamma(context.derived)
        worst = np.zeros(len(context.candidates))
        if len(context.asked) == 0:
            return worst
        asked = take(context.X, context.asked)
        # v is a small difference, but never less than the smoothing: where that is not tiny, the features' precision will do.
        precision = context.X.dtype if smoothing >= _SINGLE_FROM else np.dtype(np.float64)
        with one_thread():
            factor = cholesky(_kernel(asked, gamma, np.dtype(np.float64))(asked) + smoothing * np.eye(asked.shape[0]), lower=True)
            # What is labelled comes first, and the factor of the first rows is the first part of the factor.
            targets = solve_triangular(factor[:n_labeled, :n_labeled], one_vs_rest(context.y), lower=True)
            kernel, factor, targets = _kernel(asked, gamma, precision), factor.astype(precision), targets.astype(precision)
            for there, rows in row_blocks(context.X, context.candidates, 3 * asked.shape[0]):
                weights = solve_triangular(factor, kernel(rows), lower=True, overwrite_b=True, check_finite=False)
                f = weights[:n_labeled].T @ targets
                v = _similarity_to_itself(rows) + smoothing - np.einsum("ij,ij->j", weights, weights)
                worst[there] = _worst_label(f) / np.maximum(v, smoothing)
        return -worst


def one_vs_rest(y: np.ndarray) -> np.ndarray:
    """(l, k) of +1 for the own class and -1 for others, one column per class seen; "another" is a class too if one alone is."""
    signs = np.where(np.asarray(y)[:, None] == np.unique(y), 1.0, -1.0)
    return signs if signs.shape[1] > 1 else np.hstack([signs, -signs] if signs.shape[1] else [np.zeros((0, 2))])


def _worst_label(f: np.ndarray) -> np.ndarray:
    """(m,) largest of sum_k (y_k - f_k)^2 over the labels y (one +1, all others -1), for predictions f (m, k)."""
    return np.einsum("ij,ij->i", 1 + f, 1 + f) - 4 * f.min(axis=1)


def _kernel(known: Matrix, gamma: float, precision: np.dtype) -> Callable[[Matrix], np.ndarray]:
    """rows (m, d) -> their similarity to the known ones, (k, m): RBF kernel of dense rows, cosine of sparse ones."""
    if sparse.issparse(known):
        unit = _unit(known)
        return lambda rows: (unit @ _unit(rows).T).toarray().astype(precision, copy=False)
    # Seen from the middle, distances lose nothing by |a|^2 + |b|^2 - 2 ab, wherever the features lie.
    middle = known.mean(axis=0, dtype=np.float64)
    known = (known - middle).astype(precision)
    norms = np.einsum("ij,ij->i", known, known)

    def rbf(rows: np.ndarray) -> np.ndarray:
        rows = rows - middle.astype(precision) if precision == rows.dtype else (rows - middle).astype(precision)
        found = known @ rows.T
        found *= 2
        found -= norms[:, None]
        found -= np.einsum("ij,ij->i", rows, rows)
        np.minimum(found, 0, out=found)
        found *= precision.type(gamma)
        return np.exp(found, out=found)

    return rbf


def _similarity_to_itself(rows: Matrix) -> np.ndarray:
    if not sparse.issparse(rows):
        return np.ones(rows.shape[0])
    return (np.asarray(abs(rows).sum(axis=1)).ravel() > 0).astype(np.float64)  # an empty text resembles nothing, not even itself


def _unit(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """At length one, so that scalar products are cosines."""
    return normalize(rows.astype(np.float64), copy=False)


def automatic_gamma(derived: Derived) -> float:
    """One over the total variance of the pool, of at most 20,000 of its rows: two items at random are exp(-2) similar."""

    def build() -> np.ndarray:
        rows = take(derived.X, derived.pool[:: max(1, -(-len(derived.pool) // _GAMMA_ROWS))])
        total = 0.0 if sparse.issparse(rows) else float(rows.var(axis=0, dtype=np.float64).sum())
        return np.array([1 / total if total > 0 else 1.0])

    return float(derived.get("gamma", build)[0])
