"""Ensembles of trees."""

import numpy as np
from scipy import sparse as sp
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils import check_array

from learning.engine.blocks import Matrix
from learning.engine.learners.columns import inner, on_columns, varying
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter

ForestClassifier = RandomForestClassifier | ExtraTreesClassifier

_PARAMETERS = (
    Parameter("trees", "int", 200, minimum=10, maximum=2000, label="Trees", help="More are steadier and slower."),
    Parameter("max_depth", "int", 0, minimum=0, maximum=1000, label="Depth", help="Of each tree at most; 0 is no limit."),
    Parameter(
        "min_leaf", "int", 1, minimum=1, maximum=1000, label="Items per leaf", help="At least; more gives smoother answers."
    ),
    Parameter(
        "max_features",
        "choice",
        "sqrt",
        choices=(("sqrt", "The square root of all"), ("log2", "The logarithm of all"), ("all", "All of them")),
        label="Features per split",
        help="How many columns a tree tries where it divides; fewer make the trees differ more.",
    ),
    CLASS_WEIGHT,
)


class _Forest(Learner):
    """What both kinds of forest share. The trees are a committee of K = `trees` members."""

    parameters = _PARAMETERS
    free_committee = True
    kind: type[ForestClassifier]

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> ForestClassifier:
        s = self.settings
        return self.kind(
            s["trees"],
            max_depth=s["max_depth"] or None,
            min_samples_leaf=s["min_leaf"],
            max_features=None if s["max_features"] == "all" else s["max_features"],
            class_weight=self.class_weight,
            random_state=random_state,
            n_jobs=1,
        )

    def fit(self, estimator: ForestClassifier, X: Matrix, y: np.ndarray) -> ForestClassifier | BaggingClassifier:
        """On the columns that vary in X (l, d), if it is sparse: a tree would try the others, and find nothing to divide."""
        if not sp.issparse(X):
            return estimator.fit(X, y)
        columns, (classes, codes) = varying(X), np.unique(y, return_inverse=True)
        return on_columns(estimator.fit(X[:, columns], codes), columns, classes, X.shape[1])

    def members(self, estimator: ForestClassifier | BaggingClassifier, X: Matrix, n_classes: int) -> np.ndarray:
        forest, rows = _forest(estimator, X)
        rows = check_array(rows, accept_sparse="csr", dtype=np.float32)  # once for all trees
        proba = np.zeros((len(forest.estimators_), X.shape[0], n_classes))
        classes = np.asarray(estimator.classes_, dtype=np.int64)
        for tree, answers in zip(forest.estimators_, proba, strict=True):
            answers[:, classes] = tree.predict_proba(rows, check_input=False)
        return proba

    def n_members(self, estimator: ForestClassifier | BaggingClassifier) -> int:
        return self.settings["trees"]


def _forest(estimator: ForestClassifier | BaggingClassifier, X: Matrix) -> tuple[ForestClassifier, Matrix]:
    return inner(estimator, X) if isinstance(estimator, BaggingClassifier) else (estimator, X)


@learners.register("random_forest")
class RandomForest(_Forest):
    """Bagged trees on random feature subsets (Breiman 2001)."""

    label = "Random forest"
    help = "Many decision trees that vote; the first choice for tables, from a few dozen labels on."
    kind = RandomForestClassifier


@learners.register("extra_trees")
class ExtraTrees(_Forest):
    """Trees on random feature subsets with random thresholds, each grown on all labels (Geurts, Ernst & Wehenkel 2006)."""

    label = "Extra trees"
    help = "Like a random forest, with more chance in each tree: often a little better, on texts and images too."
    kind = ExtraTreesClassifier
