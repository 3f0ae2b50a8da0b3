"""ALiPy: strategies are asked with positions and a trained model."""

import collections
import collections.abc

import numpy as np
from clock import TimedLogisticRegression, clock
from sklearn.linear_model import LogisticRegression

# ALiPy 1.2.5 looks for names where Python 3.9 had them and later versions have not; nothing of it would run without this line.
collections.Iterable = collections.abc.Iterable

from alipy import index, query_strategy  # noqa: E402

STRATEGIES = {
    "random": "QueryInstanceRandom",
    "least_confidence": "QueryInstanceUncertainty",
    "margin": "QueryInstanceUncertainty",
    "entropy": "QueryInstanceUncertainty",
    "k_center": "QueryInstanceCoresetGreedy",
    "vote_entropy": "QueryInstanceQBC",
    "mean_kl": "QueryInstanceQBC",
    "information_density": "QueryInstanceDensityWeighted",
    "expected_error_reduction": "QueryExpectedErrorReduction",
}
_SETTINGS = {
    "least_confidence": {"measure": "least_confident"},
    "margin": {"measure": "margin"},
    "entropy": {"measure": "entropy"},
    "vote_entropy": {"disagreement": "vote_entropy"},
    "mean_kl": {"disagreement": "KL_divergence"},
    "information_density": {"uncertainty_meansure": "entropy", "distance": "cosine"},
}
_TRAINS = ("vote_entropy", "mean_kl", "expected_error_reduction")


def start(strategy, X, y, task):
    np.random.seed(0)  # noqa: NPY002 - that is where ALiPy takes its chance from
    settings = dict(_SETTINGS.get(strategy, {}))
    if strategy == "k_center":
        settings["train_idx"] = np.arange(len(y))
    with clock("select"):
        query = getattr(query_strategy, STRATEGIES[strategy])(X, y, **settings)
    # The models that a strategy trains itself are part of the selection.
    model = (LogisticRegression if strategy in _TRAINS else TimedLogisticRegression)(C=task.C, max_iter=task.max_iter)

    def one_round(labeled):
        with clock("other"):
            unlabeled = np.setdiff1d(np.arange(len(y)), labeled)
            if strategy == "random":  # the one that takes nothing but its own collection
                unlabeled = index.IndexCollection(unlabeled)
        with clock("train"):
            model.fit(X[labeled], y[labeled])
        with clock("select"):
            arguments = {} if strategy in ("random", "k_center") else {"model": model}
            return np.asarray(query.select(labeled, unlabeled, batch_size=task.batch, **arguments))

    return one_round
