"""Naive Bayes: counts, or bell curves."""

from operator import methodcaller

import numpy as np
from scipy import sparse as sp
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.class_weight import compute_sample_weight

from learning.engine.blocks import Matrix
from learning.engine.learners.columns import on_columns, varying
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter


@learners.register("naive_bayes")
class NaiveBayes(Learner):
    """Complement (Rennie, Shih, Teevan & Karger 2003), multinomial (McCallum & Nigam 1998) or Gaussian.

    Balanced weights are equal priors for the multinomial and the Gaussian: what they estimate within a class does not change
    with the weight of the class. The complement has no priors; there each label has the weight of its class.
    """

    label = "Naive Bayes"
    help = "Trains at once; counts the words of texts, assumes bell curves for numbers. Its probabilities are often too sure."
    parameters = (
        Parameter(
            "variant",
            "choice",
            "auto",
            choices=(
                ("auto", "As the features suggest"),
                ("complement", "Complement"),
                ("multinomial", "Multinomial"),
                ("gaussian", "Gaussian"),
            ),
            label="Variant",
            help="Complement counts words and copes with classes of unequal size; Gaussian is for numbers. "
            "Left to the features, texts get the first and all else the second. Values below zero always need the second.",
        ),
        Parameter(
            "alpha",
            "float",
            1.0,
            minimum=1e-6,
            maximum=100,
            label="Smoothing of counts",
            help="Added to the count of every word of a text. For the multinomial 0.1 or less is often better.",
        ),
        Parameter(
            "var_smoothing",
            "float",
            0.3,
            minimum=1e-9,
            maximum=10,
            label="Smoothing of numbers",
            help="Widens the bell curves by this share of the widest: with few labels they come out too narrow.",
        ),
        CLASS_WEIGHT,
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> ComplementNB | MultinomialNB | GaussianNB:
        s, n_classes = self.settings, np.count_nonzero(class_counts)
        equal = np.full(n_classes, 1 / n_classes) if self.class_weight else None
        variant = s["variant"] if s["variant"] != "auto" else "complement" if sparse else "gaussian"
        if variant == "complement":
            return ComplementNB(alpha=s["alpha"])
        if variant == "multinomial":
            return MultinomialNB(alpha=s["alpha"], class_prior=equal)
        return GaussianNB(priors=equal, var_smoothing=s["var_smoothing"])

    def fit(self, estimator: ComplementNB | MultinomialNB | GaussianNB, X: Matrix, y: np.ndarray) -> object:
        """Rows with values below zero (a table's scaled columns) are no counts: they are for the Gaussian."""
        lowest = X.data.min(initial=0) if sp.issparse(X) else X.min(initial=0)
        if lowest < 0 and not isinstance(estimator, GaussianNB):
            estimator = NaiveBayes(**{**self.settings, "variant": "gaussian"}).build(
                class_counts=np.bincount(y), sparse=sp.issparse(X), random_state=0
            )
        if isinstance(estimator, GaussianNB):
            return _fit_gaussian(estimator, X, y)
        weights = compute_sample_weight(self.class_weight, y) if isinstance(estimator, ComplementNB) else None
        return estimator.fit(X, y, weights)


def _fit_gaussian(estimator: GaussianNB, X: Matrix, y: np.ndarray) -> object:
    """Sparse rows are densified, without the columns that are constant in X (l, d): those say nothing of any class."""
    if not sp.issparse(X):
        return _with_variance(estimator.fit(X, y))
    columns, (classes, codes) = varying(X), np.unique(y, return_inverse=True)
    rows = X[:, columns].toarray()
    dense = FunctionTransformer(methodcaller("toarray"), accept_sparse=True)
    member = Pipeline([("dense", dense), ("gaussian", _with_variance(estimator.fit(rows, codes)))])
    return on_columns(member, columns, classes, X.shape[1])


def _with_variance(estimator: GaussianNB) -> GaussianNB:
    """Where no column varies at all, any variance gives the priors, a large one without loss; scikit-learn divides by zero."""
    if estimator.epsilon_ == 0:
        estimator.var_ = np.full_like(estimator.var_, np.finfo(np.float32).max)
    return estimator
