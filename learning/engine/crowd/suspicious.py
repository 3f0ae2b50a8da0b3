"""Labels that are likely wrong, by a model's out-of-sample probabilities: confident learning (Northcutt, Jiang & Chuang
2021).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from learning.engine.errors import EngineError

Ranking = Literal["margin", "self_confidence"]


@dataclass(frozen=True)
class Suspicious:
    """positions (k,): the items whose label is likely wrong, the likeliest first; suggested (k,): what the model says.

    margin and self_confidence (n,) of all items (nan without a label): p(label) - the highest p of another label, and
    p(label); lower is more suspicious. thresholds (C,): the mean self-confidence of the items with the label, nan where it
    is not used. joint (C, C): items by label (rows) and by the class that the model is confident of. noise: the estimated
    share of wrong labels, None where the model is confident of nothing.
    """

    positions: np.ndarray
    suggested: np.ndarray
    margin: np.ndarray
    self_confidence: np.ndarray
    thresholds: np.ndarray
    joint: np.ndarray
    noise: float | None

    def order(self) -> np.ndarray:
        """All labelled items, the lowest margin first: to look on where `positions`, rather short than wrong, ends."""
        labeled = np.flatnonzero(np.isfinite(self.margin))
        return labeled[np.argsort(self.margin[labeled], kind="stable")]


def suspicious_labels(given: np.ndarray, proba: np.ndarray, *, ranking: Ranking = "margin") -> Suspicious:
    """The labels that a model contradicts with confidence.

    given (n,): the labels, -1 where there is none; proba (n, C): of a model that did not learn from the item's own label
    (folds). A class is possible for an item where its probability reaches the class's threshold: what a model says on
    average of items with that label, so that over- and under-confident classes are treated alike. The most probable of the
    possible classes is the confident one, and a label that differs from it is suspicious. Ranked by normalised margin or by
    self-confidence. Raises EngineError for labels and probabilities that do not fit.
    """
    given, proba = np.asarray(given, dtype=np.int64), np.asarray(proba, dtype=float)
    if proba.ndim != 2 or given.shape != proba.shape[:1] or not np.isfinite(proba).all():
        raise EngineError(f"{given.shape} labels do not fit probabilities of shape {proba.shape}, which must be numbers.")
    n, n_classes = proba.shape
    if ranking not in get_args(Ranking):
        raise EngineError(f"Unknown ranking {ranking!r}; known are: {', '.join(get_args(Ranking))}.")
    if n and (given.min() < -1 or given.max() >= n_classes):
        raise EngineError(f"The labels must be codes below {n_classes}, or -1; found {given.min()} to {given.max()}.")
    rows = np.flatnonzero(given >= 0)
    label, p = given[rows], proba[rows]
    own = p[np.arange(len(rows)), label]
    sizes = np.bincount(label, minlength=n_classes)
    summed = np.bincount(label, own, n_classes)
    thresholds = np.divide(summed, sizes, out=np.full(n_classes, np.nan), where=sizes > 0)
    # A class that nobody uses has no threshold, so no item is confidently of it. A hair of slack: rounding of the mean.
    possible = p >= np.where(sizes > 0, thresholds - 1e-12, np.inf)
    confident = np.where(possible, p, -1.0).argmax(axis=1)
    sure = possible.any(axis=1)
    joint = np.bincount(label[sure] * n_classes + confident[sure], minlength=n_classes**2).reshape(n_classes, n_classes)
    others = p.copy()
    others[np.arange(len(rows)), label] = -np.inf
    margin, self_confidence = np.full(n, np.nan), np.full(n, np.nan)
    margin[rows], self_confidence[rows] = own - others.max(axis=1, initial=-np.inf), own
    found = sure & (confident != label)
    score = (margin if ranking == "margin" else self_confidence)[rows[found]]
    order = np.argsort(score, kind="stable")
    return Suspicious(
        positions=rows[found][order],
        suggested=confident[found][order],
        margin=margin,
        self_confidence=self_confidence,
        thresholds=thresholds,
        joint=joint,
        noise=_noise(joint, sizes),
    )


def _noise(joint: np.ndarray, sizes: np.ndarray) -> float | None:
    """The share off the diagonal, each row first scaled to the number of items with its label (equation 3 of the paper)."""
    seen = joint.sum(axis=1)
    scaled = np.divide(joint * sizes[:, None], seen[:, None], out=np.zeros(joint.shape), where=seen[:, None] > 0)
    total = scaled.sum()
    return float(1 - np.trace(scaled) / total) if total > 0 else None
