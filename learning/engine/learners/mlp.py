"""A small neural network."""

import numpy as np
from sklearn.ensemble import BaggingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_sample_weight

from learning.engine.blocks import Matrix
from learning.engine.learners.columns import on_columns, varying
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.learners.scaling import scaled, unscaled
from learning.engine.parameters import Parameter


@learners.register("mlp")
class MultiLayerPerceptron(Learner):
    """Fully connected layers with rectifiers and a softmax, by L-BFGS on all labels at once or by Adam (Kingma & Ba 2015).

    Balanced weights are weights of the labels in the loss, as in logistic regression.
    """

    label = "Neural network"
    help = (
        "A small neural network; strong on texts and images from some hundred labels on, weak on tables. "
        "Slow with many classes, and varies with the random state."
    )
    parameters = (
        Parameter("hidden", "int", 100, minimum=1, maximum=2000, label="Units", help="Per hidden layer."),
        Parameter("layers", "int", 1, minimum=1, maximum=5, label="Hidden layers", help="One is enough for most tasks."),
        Parameter(
            "solver",
            "choice",
            "lbfgs",
            choices=(("lbfgs", "L-BFGS, all labels at once"), ("adam", "Adam, in small steps")),
            label="Training",
            help="L-BFGS is better with few labels, Adam is quicker with many thousands.",
        ),
        Parameter(
            "alpha",
            "float",
            0.1,
            minimum=1e-8,
            maximum=1000,
            label="Penalty",
            help="Larger keeps the network simpler, smaller trusts the labels more.",
        ),
        Parameter("max_iter", "int", 200, minimum=1, maximum=10_000, label="Passes", help="Over the labels, at most."),
        Parameter(
            "early_stopping",
            "bool",
            False,
            label="Stop early",
            help="Keeps a tenth of the labels back and ends when it is no longer learnt better. For Adam with many labels; "
            "with too few of a class it is left out.",
        ),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> MLPClassifier:
        s, counts = self.settings, class_counts[class_counts > 0]
        # A tenth of the labels, every class in it, is what scikit-learn insists on.
        can_stop = counts.min() >= 2 and counts.sum() // 10 >= len(counts)
        return MLPClassifier(
            (s["hidden"],) * s["layers"],
            solver=s["solver"],
            alpha=s["alpha"],
            max_iter=s["max_iter"],
            early_stopping=bool(s["early_stopping"] and s["solver"] == "adam" and can_stop),
            random_state=random_state,
        )

    def fit(self, estimator: MLPClassifier, X: Matrix, y: np.ndarray) -> BaggingClassifier:
        """On scaled columns, without those that are constant: they would keep the random weights that they start with."""
        columns, (classes, codes) = varying(X), np.unique(y, return_inverse=True)
        rows, mean, scale = scaled(X[:, columns])
        estimator.fit(rows, codes, compute_sample_weight(self.class_weight, y))
        estimator.coefs_[0], estimator.intercepts_[0] = unscaled(estimator.coefs_[0], estimator.intercepts_[0], mean, scale)
        return on_columns(estimator, columns, classes, X.shape[1])
