"""Probabilities for classifiers that have none of their own."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold

MAX_FOLDS = 5


def calibrated(base: ClassifierMixin, class_counts: np.ndarray, random_state: int) -> CalibratedClassifierCV:
    """Platt scaling on out-of-fold decision values; the model itself learns from all labels (one model, `ensemble=False`).

    With a class of a single member no fold can leave it out, so the sigmoid is fitted on the training decision values: then
    probabilities are too sure of themselves, but their order within a class holds. Leaving out the members of the other
    classes only makes them look less sure than the single one, which then wins too often: fewer are right (measured).
    """
    counts = class_counts[class_counts > 0]
    folds = min(MAX_FOLDS, int(counts.min()))
    if folds >= 2:
        cv = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    else:
        everything = np.arange(int(counts.sum()))
        cv = [(everything, everything)]
    return CalibratedClassifierCV(base, cv=cv, ensemble=False)
