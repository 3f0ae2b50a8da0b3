"""modAL: a learner (or a committee) holds the labelled rows; the caller keeps the pool and takes out what was asked."""

from functools import partial

import numpy as np
from clock import TimedLogisticRegression, clock
from modAL import batch, density, disagreement, uncertainty
from modAL.models import ActiveLearner, Committee
from modAL.utils.selection import multi_argmax
from sklearn.linear_model import LogisticRegression

STRATEGIES = {
    "random": "a function of one's own, as its documentation shows",
    "least_confidence": "uncertainty_sampling",
    "margin": "margin_sampling",
    "entropy": "entropy_sampling",
    "vote_entropy": "vote_entropy_sampling",
    "consensus_entropy": "consensus_entropy_sampling",
    "information_density": "information_density x classifier_entropy",
    "ranked": "uncertainty_batch_sampling",
    "expected_error_reduction": "expected_error_reduction",
}
_MEMBERS = 5


def start(strategy, X, y, task):
    np.random.seed(0)  # noqa: NPY002 - that is where modAL takes its chance from
    rows = _Pool(X)
    learner = None
    query = _query(strategy, X, rows)

    def one_round(labeled):
        nonlocal learner
        new = labeled[~np.isin(labeled, rows.labeled)]
        phase = "select" if strategy in ("vote_entropy", "consensus_entropy") else "train"
        with clock(phase):
            if learner is None:
                learner = _learner(strategy, query, X[new], y[new], task)
            else:
                learner.teach(X[new], y[new], **({"bootstrap": True} if phase == "select" else {}))
        with clock("other"):
            rows.remove(new)
        with clock("select"):
            return rows.positions[learner.query(rows.X, n_instances=task.batch)[0]]

    return one_round


class _Pool:
    def __init__(self, X):
        self.X, self.positions, self.labeled = X, np.arange(X.shape[0]), np.empty(0, dtype=np.int64)

    def remove(self, asked):
        keep = np.flatnonzero(~np.isin(self.positions, asked))
        self.X, self.positions = self.X[keep], self.positions[keep]
        self.labeled = np.concatenate([self.labeled, asked])


def _learner(strategy, query, X, y, task):
    if strategy in ("vote_entropy", "consensus_entropy"):
        estimators = [LogisticRegression(C=task.C, max_iter=task.max_iter) for _ in range(_MEMBERS)]
        members = [ActiveLearner(estimator, X_training=X, y_training=y, bootstrap_init=True) for estimator in estimators]
        return Committee(members, query_strategy=query)
    # What it trains again and again to estimate an error is part of the selection.
    model = LogisticRegression if strategy == "expected_error_reduction" else TimedLogisticRegression
    estimator = model(C=task.C, max_iter=task.max_iter)
    return ActiveLearner(estimator, query_strategy=query, X_training=X, y_training=y)


def _query(strategy, X, rows):
    if strategy == "random":
        return lambda learner, pool, n_instances: (np.random.choice(pool.shape[0], n_instances, replace=False),)  # noqa: NPY002
    if strategy == "information_density":
        known = []

        def by_density(learner, pool, n_instances):
            if not known:
                known.append(density.information_density(X, "cosine"))  # it depends on the features alone: once is enough
            values = uncertainty.classifier_entropy(learner, pool) * known[0][rows.positions]
            return multi_argmax(values, n_instances=n_instances)

        return by_density
    if strategy == "expected_error_reduction":
        from modAL.expected_error import expected_error_reduction

        return partial(expected_error_reduction, loss="log")
    module = {"ranked": batch, "vote_entropy": disagreement, "consensus_entropy": disagreement}.get(strategy, uncertainty)
    return getattr(module, STRATEGIES[strategy])
