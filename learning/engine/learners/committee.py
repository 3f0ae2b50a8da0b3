"""The members of an ensemble as a committee that costs nothing: they are trained already."""

from collections.abc import Iterator

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble._forest import ForestClassifier
from sklearn.utils import check_array

from learning.engine.blocks import Matrix, row_blocks
from learning.engine.learners.registry import Learner
from learning.engine.threads import one_thread


def forest_members(forest: ForestClassifier, X: Matrix, n_classes: int) -> np.ndarray:
    """(K, m, n_classes) probabilities of each tree; one conversion of X (m, d) for all of them."""
    rows = check_array(X, accept_sparse="csr", dtype=np.float32)
    proba = np.zeros((len(forest.estimators_), rows.shape[0], n_classes))
    classes = np.asarray(forest.classes_, dtype=np.int64)
    for tree, answers in zip(forest.estimators_, proba, strict=True):
        answers[:, classes] = tree.predict_proba(rows, check_input=False)
    return proba


def member_blocks(
    learner: Learner, estimator: ClassifierMixin, X: Matrix, positions: np.ndarray | None, n_classes: int, n_members: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Pieces (where they go, (K, r, n_classes)) of what the members say of X[positions] (None: all rows), 64 MB at a time.

    `n_members` (about K) only sets the size of the pieces.
    """
    for there, rows in row_blocks(X, positions, n_members * n_classes):
        with one_thread():
            answers = learner.members(estimator, rows, n_classes)
        yield there, answers
