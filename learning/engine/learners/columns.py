"""Learners that look at some of the columns only: most words of a vocabulary occur in no labelled text."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.ensemble import BaggingClassifier

from learning.engine.blocks import Matrix


def varying(X: Matrix) -> np.ndarray:
    """(k,) the columns of X (l, d) that are not the same in every row, ascending; the first column if all are constant."""
    if sparse.issparse(X):
        low, high = (bound(axis=0).toarray().ravel() for bound in (X.min, X.max))
    else:
        low, high = X.min(axis=0), X.max(axis=0)
    found = np.flatnonzero(low != high)
    return found if len(found) else np.zeros(1, dtype=np.int64)


def most_used(X: sparse.csr_matrix, least: int, most: int) -> np.ndarray:
    """(k,) the columns with at least `least` values other than zero, at most the `most` fullest of them, ascending."""
    counts = np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
    found = np.flatnonzero(counts >= max(least, 1))
    fullest = found[np.argsort(-counts[found], kind="stable")[:most]]
    return np.sort(fullest) if len(fullest) else np.zeros(1, dtype=np.int64)


def on_columns(member: ClassifierMixin, columns: np.ndarray | slice, classes: np.ndarray, n_features: int) -> BaggingClassifier:
    """A fitted classifier of the codes `classes` (k,), made of one that was fitted on X[:, columns] and the codes 0 .. k - 1.

    It is plain scikit-learn: a random subspace ensemble of one (Ho 1998) whose subspace is not random. What an exported model
    predicts is the outermost `classes_`; some classifiers (multi-layer perceptron, voting) answer out of encoders of their own,
    so they must not be the outermost.
    """
    whole = BaggingClassifier(n_estimators=1, bootstrap=False)
    whole.estimators_, whole.estimators_features_ = [member], [columns]
    whole.estimator_ = member
    whole.classes_, whole.n_classes_, whole.n_features_in_ = classes, len(classes), n_features
    return whole


def inner(estimator: BaggingClassifier, X: Matrix) -> tuple[ClassifierMixin, Matrix]:
    """What `on_columns` was given, and the columns of X (m, d) that it looks at."""
    return estimator.estimators_[0], X[:, estimator.estimators_features_[0]]
