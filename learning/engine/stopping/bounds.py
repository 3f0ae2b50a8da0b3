"""Lower confidence bounds of scores, from the confusion matrix of the test set."""

import numpy as np
from scipy.stats import beta, norm

from learning.engine.metrics import scores_of, with_one_more_error
from learning.engine.threads import one_thread

MACRO = frozenset({"balanced_accuracy", "precision_macro", "recall_macro", "f1_macro"})
_DRAWS = 4000
_SEED = 20_231_120
_RESOLVED = 0.01  # 40 of the draws lie below this quantile


def bound_of_share(successes: int, n: int, risk: float) -> float:
    """The true share is at least this, wrong with probability `risk` at most (Clopper & Pearson 1934)."""
    return 0.0 if successes == 0 else float(beta.ppf(risk, successes, n - successes + 1))


def lower_bound(metric: str, confusion: np.ndarray, risk: float) -> float | None:
    """The metric is at least this, wrong with a probability of about `risk`, for a confusion matrix (C, C), rows the truth.

    Clopper and Pearson's for accuracy, else a bootstrap quantile (Efron 1979) with a fixed seed of the matrix
    `with_one_more_error`. None where there is no bound: of metrics that do not follow from the matrix, and of means over the
    classes while one of them has no test item.
    """
    counts = np.asarray(confusion)
    n = int(counts.sum())
    if n == 0:
        return None
    if metric in ("accuracy", "f1_micro"):
        return bound_of_share(int(np.trace(counts)), n, risk)
    if metric in MACRO and not counts.any(axis=1).all():
        return None
    values = _bootstrap(with_one_more_error(counts), n + 1).get(metric)
    if values is None:
        return None
    if risk >= _RESOLVED:
        return float(np.quantile(values, risk))
    # So small a risk the draws do not resolve: there the tail goes on as that of a normal distribution.
    middle, low = np.quantile(values, [0.5, _RESOLVED])
    return float(middle - (middle - low) * norm.isf(risk) / norm.isf(_RESOLVED))


def _bootstrap(weights: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Each metric (draws,) over multinomial draws of n items from a matrix of weights (C, C)."""
    cells = np.flatnonzero(weights)
    rows, columns = np.divmod(cells, len(weights))
    share = weights.ravel()[cells]
    with one_thread():
        drawn = np.random.default_rng(_SEED).multinomial(n, share / share.sum(), size=_DRAWS).astype(float)
        one_hot, diagonal = np.eye(len(weights)), rows == columns
        return scores_of(drawn[:, diagonal] @ one_hot[rows[diagonal]], drawn @ one_hot[rows], drawn @ one_hot[columns], float(n))
