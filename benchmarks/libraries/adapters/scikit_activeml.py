"""scikit-activeml: strategies are asked with the whole X and a y in which missing labels are NaN."""

import numpy as np
from clock import TimedLogisticRegression, clock
from skactiveml import pool
from skactiveml.classifier import SklearnClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression

STRATEGIES = {
    "random": "RandomSampling",
    "least_confidence": "UncertaintySampling",
    "margin": "UncertaintySampling",
    "entropy": "UncertaintySampling",
    "k_center": "CoreSet",
    "badge": "Badge",
    "vote_entropy": "QueryByCommittee",
    "mean_kl": "QueryByCommittee",
    "bald": "GreedyBALD",
    "discriminative": "DiscriminativeAL",
    "typiclust": "TypiClust",
    "prob_cover": "ProbCover",
    "max_herding": "MaxHerding",
    "contrastive": "ContrastiveAL",
    "expected_error_reduction": "MonteCarloEER",
    "quire": "Quire",
}
_METHODS = {
    "least_confidence": "least_confident",
    "margin": "margin_sampling",
    "entropy": "entropy",
    "vote_entropy": "vote_entropy",
    "mean_kl": "KL_divergence",
    "expected_error_reduction": "log_loss",
}
_MEMBERS = 5


def start(strategy, X, y, task):
    classes = np.arange(int(y.max()) + 1)
    settings = {"method": _METHODS[strategy]} if strategy in _METHODS else {}
    if strategy == "quire":
        settings["classes"] = classes
    if strategy == "prob_cover":
        settings["n_classes"] = len(classes)
    query = getattr(pool, STRATEGIES[strategy])(random_state=0, **settings)

    def classifier(estimator):
        return SklearnClassifier(estimator, classes=classes, random_state=0)

    # The models that a strategy trains itself are part of the selection.
    plain = LogisticRegression(C=task.C, max_iter=task.max_iter)
    main = classifier(TimedLogisticRegression(C=task.C, max_iter=task.max_iter))

    def one_round(labeled):
        known = np.full(len(y), np.nan)
        known[labeled] = y[labeled]
        with clock("train"):
            main.fit(X, known)
        with clock("select"):
            arguments = {"X": X, "y": known, "batch_size": task.batch}
            if strategy in ("vote_entropy", "mean_kl", "bald"):
                members = classifier(BaggingClassifier(plain, n_estimators=_MEMBERS, random_state=0)).fit(X, known)
                return query.query(ensemble=members, fit_ensemble=False, **arguments)
            if strategy == "discriminative":
                return query.query(discriminator=classifier(plain), **arguments)
            if strategy == "expected_error_reduction":
                return query.query(clf=classifier(plain), **arguments)
            if strategy in _METHODS or strategy in ("badge", "contrastive"):
                return query.query(clf=main, fit_clf=False, **arguments)
            return query.query(**arguments)

    return one_round
