"""Linear classifiers: fast, and hard to beat on text."""

import numpy as np
from scipy import sparse as sp
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression

from learning.engine.blocks import Matrix
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter


def _strength(default: float) -> Parameter:
    return Parameter(
        "C",
        "float",
        default,
        minimum=1e-4,
        maximum=1e4,
        label="C",
        help="Larger trusts the labels more, smaller keeps the model simpler (inverse strength of the penalty).",
    )


def _max_iter(default: int) -> Parameter:
    return Parameter(
        "max_iter", "int", default, minimum=10, maximum=100_000, label="Iterations", help="Training ends here at the latest."
    )


@learners.register("logistic_regression")
class LogisticRegression(Learner):
    """Multinomial logistic regression with an L2 penalty, solved by L-BFGS from zero. Deterministic."""

    label = "Logistic regression"
    help = "Fast, with probabilities that mean something: the sound first choice."
    parameters = (_strength(10.0), CLASS_WEIGHT, _max_iter(1000))

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> SklearnLogisticRegression:
        s = self.settings
        return SklearnLogisticRegression(
            C=s["C"], class_weight=self.class_weight, max_iter=s["max_iter"], random_state=random_state
        )

    def fit(self, estimator: SklearnLogisticRegression, X: Matrix, y: np.ndarray) -> SklearnLogisticRegression:
        """On the columns that the labelled rows use: from a zero start with an L2 penalty, the others stay exactly zero."""
        if not sp.issparse(X):
            return estimator.fit(X, y)
        used = np.flatnonzero(np.bincount(X.indices, minlength=X.shape[1]))
        if not 0 < len(used) < X.shape[1]:
            return estimator.fit(X, y)
        estimator.fit(X[:, used], y)
        coef = np.zeros((len(estimator.coef_), X.shape[1]), dtype=estimator.coef_.dtype)
        coef[:, used] = estimator.coef_
        estimator.coef_, estimator.n_features_in_ = coef, X.shape[1]
        return estimator
