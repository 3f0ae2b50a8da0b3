"""Boosted trees."""

from operator import methodcaller

import numpy as np
from scipy import sparse as sp
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from learning.engine.blocks import Matrix
from learning.engine.errors import EngineError
from learning.engine.learners.columns import most_used, on_columns
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter

_LARGEST = 1 << 30


@learners.register("hist_gradient_boosting")
class HistGradientBoosting(Learner):
    """Gradient boosting of trees on binned columns (Friedman 2001; Ke et al. 2017), without early stopping.

    Small trees and a penalty: with a few hundred labels those of scikit-learn are as often right and far too sure of it.

    It wants dense rows. Of sparse ones it gets the columns in which at least `min_leaf` labelled rows have a value: no other
    column could divide the rows and leave as many on both sides, so nothing is lost, up to `max_columns`.
    """

    label = "Gradient boosting"
    help = "Trees that correct each other; strong on tables with many hundreds of labels, weak with few, slow with many classes."
    parameters = (
        Parameter("max_iter", "int", 100, minimum=1, maximum=5000, label="Steps", help="How many times the trees correct."),
        Parameter(
            "learning_rate",
            "float",
            0.1,
            minimum=1e-3,
            maximum=1,
            label="Learning rate",
            help="How much each step corrects; smaller is more careful and needs more steps.",
        ),
        Parameter("max_leaves", "int", 8, minimum=2, maximum=1000, label="Leaves", help="Of each tree at most."),
        Parameter(
            "min_leaf",
            "int",
            5,
            minimum=1,
            maximum=1000,
            label="Items per leaf",
            help="At least, and never more than a tenth of the labels; more gives smoother answers.",
        ),
        Parameter("l2", "float", 5.0, minimum=0, maximum=1e4, label="Penalty", help="Larger keeps the corrections smaller."),
        Parameter(
            "max_columns",
            "int",
            1000,
            minimum=10,
            maximum=2000,
            label="Words",
            help="Of texts it sees the words that most labelled ones contain, at most so many.",
        ),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> HistGradientBoostingClassifier:
        s = self.settings
        return HistGradientBoostingClassifier(
            max_iter=s["max_iter"],
            learning_rate=s["learning_rate"],
            max_leaf_nodes=s["max_leaves"],
            min_samples_leaf=min(s["min_leaf"], max(1, int(class_counts.sum()) // 10)),
            l2_regularization=s["l2"],
            class_weight=self.class_weight,
            early_stopping=False,
            random_state=random_state,
        )

    def fit(
        self, estimator: HistGradientBoostingClassifier, X: Matrix, y: np.ndarray
    ) -> HistGradientBoostingClassifier | BaggingClassifier:
        """Raises EngineError where the rows, made dense, would take more than a gigabyte."""
        if not sp.issparse(X):
            return estimator.fit(X, y)
        columns = most_used(X, estimator.min_samples_leaf, self.settings["max_columns"])
        if 8 * X.shape[0] * len(columns) > _LARGEST:
            raise EngineError(
                f"Gradient boosting needs dense rows; {X.shape[0]:,} labels with {len(columns):,} columns are too many for that. "
                "Let it see fewer words, or take another learner."
            )
        classes, codes = np.unique(y, return_inverse=True)
        dense = FunctionTransformer(methodcaller("toarray"), accept_sparse=True)
        member = Pipeline([("dense", dense), ("boosting", estimator.fit(X[:, columns].toarray(), codes))])
        return on_columns(member, columns, classes, X.shape[1])
