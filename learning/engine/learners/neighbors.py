"""Learners that compare instead of optimising."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from learning.engine.learners.registry import Learner, learners
from learning.engine.parameters import Parameter


@learners.register("k_nearest_neighbors")
class KNearestNeighbors(Learner):
    """The labels of the k nearest labelled items (Fix & Hodges 1951), k at most the number of labels."""

    label = "Nearest neighbours"
    help = "Says what the most similar labelled items say; good on images and embeddings. Slow to predict with many labels."
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
