"""Learners that compare and count instead of optimising."""

from operator import methodcaller

import numpy as np
from sklearn.naive_bayes import ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from learning.engine.blocks import Matrix
from learning.engine.learners.registry import Learner, learners
from learning.engine.parameters import Parameter


@learners.register("naive_bayes")
class NaiveBayes(Learner):
    """Complement (Rennie et al. 2003) or multinomial for sparse counts, Gaussian for numbers."""

    label = "Naive Bayes"
    help = "Very fast; counts words of texts, assumes bell curves for numbers. Its probabilities are often too sure."
    parameters = (
        Parameter(
            "variant",
            "choice",
            "complement",
            choices=(("complement", "Complement"), ("multinomial", "Multinomial")),
            label="Variant for text",
            help="Complement copes better with classes of unequal size. For numbers and images it is always Gaussian.",
        ),
        Parameter(
            "alpha",
            "float",
            1.0,
            minimum=1e-6,
            maximum=100,
            label="Smoothing",
            help="Added to the count of every word of a text.",
        ),
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> object:
        if not sparse:
            return GaussianNB()
        kind = ComplementNB if self.settings["variant"] == "complement" else MultinomialNB
        return kind(alpha=self.settings["alpha"])

    def fit(self, estimator: object, X: Matrix, y: np.ndarray) -> object:
        """Sparse rows with negative values (a table's scaled columns) are no counts: they are densified for the Gaussian."""
        if not isinstance(X, np.ndarray) and X.nnz and X.data.min() < 0:
            dense = FunctionTransformer(methodcaller("toarray"), accept_sparse=True)
            estimator = Pipeline([("dense", dense), ("gaussian", GaussianNB())])
        return estimator.fit(X, y)


@learners.register("k_nearest_neighbors")
class KNearestNeighbors(Learner):
    """The labels of the k nearest labelled items (Fix & Hodges 1951), k at most the number of labels."""

    label = "Nearest neighbours"
    help = "Looks at the most similar labelled items; no training, slow prediction with many labels."
    parameters = (
        Parameter("k", "int", 5, minimum=1, maximum=1000, label="Neighbours", help="How many labelled items vote."),
        Parameter(
            "weights",
            "choice",
            "distance",
            choices=(("distance", "The nearer the more"), ("uniform", "All alike")),
            label="Weight of a vote",
            help="By distance gives finer probabilities.",
        ),
        Parameter(
            "metric",
            "choice",
            "euclidean",
            choices=(("euclidean", "Euclidean"), ("cosine", "Cosine"), ("manhattan", "Manhattan")),
            label="Distance",
            help="Cosine compares directions and suits text.",
        ),
    )

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> KNeighborsClassifier:
        s = self.settings
        k = min(s["k"], int(class_counts.sum()))
        return KNeighborsClassifier(k, weights=s["weights"], metric=s["metric"], algorithm="brute", n_jobs=1)
