"""Linear classifiers trained step by step."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier

from learning.engine.blocks import Matrix
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.learners.scaling import scaled, unscaled
from learning.engine.parameters import Parameter


@learners.register("sgd")
class StochasticGradient(Learner):
    """Linear classifiers, one per class, by averaged stochastic gradient descent (Polyak & Juditsky 1992; Bottou 2010)."""

    label = "Linear, stochastic gradient"
    help = "A linear model that looks at one label after the other: strong on texts, and quick with tens of thousands of labels."
    parameters = (
        Parameter(
            "loss",
            "choice",
            "log_loss",
            choices=(("log_loss", "Logistic"), ("modified_huber", "Huber")),
            label="Loss",
            help="What a mistake costs. Logistic gives finer probabilities; Huber bears wrong labels better.",
        ),
        Parameter(
            "alpha",
            "float",
            1e-4,
            minimum=1e-8,
            maximum=10,
            label="Penalty",
            help="Larger keeps the model simpler, smaller trusts the labels more.",
        ),
        Parameter("average", "bool", True, label="Average", help="The mean of all steps instead of the last one: steadier."),
        Parameter("max_iter", "int", 100, minimum=1, maximum=100_000, label="Passes", help="Over the labels, at most."),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> SGDClassifier:
        s = self.settings
        return SGDClassifier(
            loss=s["loss"],
            alpha=s["alpha"],
            average=s["average"],
            max_iter=s["max_iter"],
            class_weight=self.class_weight,
            random_state=random_state,
        )

    def fit(self, estimator: SGDClassifier, X: Matrix, y: np.ndarray) -> SGDClassifier:
        """On scaled columns: with one step size for all of them, those of large numbers would drown the others.

        A row's mean square is then 1, so that the penalty means the same however many columns there are.
        """
        rows, mean, scale = scaled(X)
        if not sparse.issparse(X):
            width = np.sqrt(X.shape[1])
            rows, scale = rows / width, scale * width
        estimator.fit(rows, y)
        weights, estimator.intercept_ = unscaled(estimator.coef_.T, estimator.intercept_, mean, scale)
        estimator.coef_ = np.ascontiguousarray(weights.T)
        return estimator
