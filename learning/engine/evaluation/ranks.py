"""Strategies ranked over several data sets, as Demsar (2006), Statistical comparisons of classifiers over multiple data sets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from learning.engine.errors import EngineError
from learning.engine.evaluation.resampling import ALPHA, wilcoxon

FEW_DATA_SETS = 5


def critical_difference(k: int, n: int, alpha: float = ALPHA) -> float:
    """Nemenyi's (1963) CD = q_alpha sqrt(k (k + 1) / (6 n)) of k mean ranks over n data sets.

    q_alpha is the Studentized range with infinitely many degrees of freedom, divided by sqrt(2) (Demsar 2006, table 5).
    """
    q = stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * n)))


def friedman_nemenyi(names: Sequence[str], scores: np.ndarray) -> dict[str, Any]:
    """names (best first), ranks, friedman_p, wilcoxon_p, critical_difference, n, found and groups of scores (n data sets, k).

    Rank 1 is the highest score, ties share the mean. Friedman's (1937) test with correction for ties, for k >= 3; two strategies
    are compared by Wilcoxon's signed ranks (Demsar 2006, section 3.1). groups: the largest sets of neighbours not told apart by
    Nemenyi's CD; all of them where the first test finds nothing, since a post-hoc test is for what has been found. Raises
    EngineError below two data sets or two strategies.
    """
    scores = np.asarray(scores, dtype=float)
    n, k = scores.shape
    if n < 2 or k < 2:
        raise EngineError(f"Ranks over data sets need two of them and two strategies; got {n} and {k}.")
    ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
    order = np.lexsort((np.asarray(names), ranks))
    tied = bool((scores == scores[:, :1]).all())
    friedman = np.nan if k < 3 else 1.0 if tied else float(stats.friedmanchisquare(*scores.T).pvalue)
    signed = wilcoxon(scores[:, 0] - scores[:, 1]) if k == 2 else np.nan
    found = bool((signed if k == 2 else friedman) < ALPHA)
    difference = critical_difference(k, n)
    ordered = [names[i] for i in order]
    return {
        "names": ordered,
        "ranks": ranks[order],
        "friedman_p": friedman,
        "wilcoxon_p": signed,
        "critical_difference": difference,
        "n": n,
        "found": found,
        "groups": _groups(ordered, ranks[order], difference) if found else [ordered],
    }


def _groups(names: list[str], ranks: np.ndarray, difference: float) -> list[list[str]]:
    """Maximal runs of neighbours whose mean ranks differ by less than the critical difference; a name alone is no group."""
    ends = np.searchsorted(ranks, ranks + difference, side="left")
    groups, last = [], 0
    for start, end in enumerate(ends):
        if end > last and end - start > 1:
            groups.append(names[start:end])
        last = max(last, int(end))
    return groups
