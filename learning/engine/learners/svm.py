"""Support vector machines, their decision values turned into probabilities."""

import numpy as np
from scipy import sparse as sp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.class_weight import compute_sample_weight

from learning.engine.blocks import Matrix
from learning.engine.learners.calibration import calibrated
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter

_STRENGTH = Parameter(
    "C",
    "float",
    1.0,
    minimum=1e-4,
    maximum=1e4,
    label="C",
    help="Larger trusts the labels more, smaller keeps the model simpler (inverse strength of the penalty).",
)


class _SupportVectorMachine(Learner):
    def fit(self, estimator: CalibratedClassifierCV, X: Matrix, y: np.ndarray) -> CalibratedClassifierCV:
        """Weights of classes go to the sigmoid too: without them it would undo what they do, and find the old base rates."""
        return estimator.fit(X, y, compute_sample_weight(self.class_weight, y) if self.class_weight else None)


@learners.register("linear_svm")
class LinearSVM(_SupportVectorMachine):
    """Linear support vector machine (liblinear; Fan et al. 2008), calibrated by a sigmoid (Platt 1999)."""

    label = "Linear SVM"
    help = "A linear support vector machine whose scores are calibrated to probabilities; strong on text, also with few labels."
    parameters = (
        _STRENGTH,
        CLASS_WEIGHT,
        Parameter(
            "max_iter", "int", 2000, minimum=10, maximum=100_000, label="Iterations", help="Training ends here at the latest."
        ),
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> CalibratedClassifierCV:
        s = self.settings
        base = LinearSVC(C=s["C"], max_iter=s["max_iter"], random_state=random_state)
        return calibrated(base, class_counts, random_state)


@learners.register("svc")
class KernelSVM(_SupportVectorMachine):
    """Support vector machine with a kernel (Cortes & Vapnik 1995; libsvm), calibrated by a sigmoid (Platt 1999)."""

    label = "SVM with kernel"
    help = (
        "A support vector machine with a curved boundary; good on images and numbers, weak on texts, slow beyond 10,000 labels."
    )
    parameters = (
        _STRENGTH,
        Parameter(
            "kernel",
            "choice",
            "rbf",
            choices=(("rbf", "Radial (RBF)"), ("linear", "Linear"), ("poly", "Polynomial")),
            label="Kernel",
            help="The shape of the boundary.",
        ),
        Parameter(
            "gamma",
            "choice",
            "scale",
            choices=(("scale", "By the variance of the features"), ("auto", "By the number of features")),
            label="Gamma",
            help="How far one label reaches.",
        ),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> CalibratedClassifierCV:
        s = self.settings
        base = SVC(C=s["C"], kernel=s["kernel"], gamma=s["gamma"], random_state=random_state)
        return calibrated(base, class_counts, random_state)

    def fit(self, estimator: CalibratedClassifierCV, X: Matrix, y: np.ndarray) -> CalibratedClassifierCV:
        """With scikit-learn's "scale" of all labelled rows; for sparse ones it takes a difference that rounds to below zero."""
        if self.settings["gamma"] == "scale":
            estimator.estimator.gamma = 1 / (X.shape[1] * (_variance(X) or 1.0))
        return super().fit(estimator, X, y)


def _variance(X: Matrix) -> float:
    """Of all values of X (l, d), zeros among them."""
    if not sp.issparse(X):
        return float(X.var())
    size = X.shape[0] * X.shape[1]
    mean = X.data.sum() / size
    return float((np.square(X.data - mean).sum() + (size - X.nnz) * mean**2) / size)
