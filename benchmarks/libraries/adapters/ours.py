"""The engine of this project: the steps of a round as `learning.engine.simulate` takes them."""

import numpy as np
from clock import clock

from learning.engine import loop
from learning.engine.derived import Derived
from learning.engine.randomness import generator, integer_seed
from learning.engine.strategies import Context, strategies

# The libraries take the best scores; so do we in their rows, whatever the default batch mode is.
_AS = {
    "ranked": {"name": "least_confidence", "batch_mode": "ranked"},
    "margin, rank": {"name": "margin", "batch_mode": "rank"},
    "margin, diverse": {"name": "margin", "batch_mode": "diverse"},
    "margin, cluster_margin": {"name": "margin", "batch_mode": "cluster_margin"},
}


class _Registered(dict):
    """Which strategies there are is for the registry to say."""

    def __contains__(self, row: object) -> bool:
        return settings_of(str(row)) is not None


STRATEGIES = _Registered()


def settings_of(row: str) -> dict | None:
    """The settings of the strategy of this row, or None where there is none."""
    settings = dict(_AS.get(row, {"name": row}))
    if settings["name"] not in strategies:
        return None
    known = {parameter.name for parameter in strategies.get(settings["name"]).parameters}
    if row not in _AS and "batch_mode" in known:
        settings["batch_mode"] = "top"
    return settings if set(settings) <= known | {"name"} else None


def start(strategy, X, y, task):
    n_classes = int(y.max()) + 1
    learner = {"name": "logistic_regression", "C": task.C, "max_iter": task.max_iter}
    settings = settings_of(strategy)
    needs = getattr(strategies.get(settings["name"]), "needs", frozenset())
    with clock("select"):
        derived, cache = Derived(X, np.arange(len(y))), {}
    state, number = None, 0

    def one_round(labeled):
        nonlocal state, number
        number += 1
        positions = np.sort(labeled)
        with clock("train"):
            model, state = loop.fit_warm(
                learner, X, positions, y[positions], n_classes, integer_seed(0, "learner", number), state
            )
        candidates = np.setdiff1d(np.arange(len(y)), positions, assume_unique=True)
        proba = None
        if "proba" in needs:
            with clock("predict"):
                proba = loop.predict(model, X, candidates, n_classes)
        with clock("select"):
            context = Context(
                X=X,
                labeled=positions,
                y=y[positions],
                candidates=candidates,
                proba=proba,
                model=model,
                n_classes=n_classes,
                learner=learner,
                derived=derived,
                cache=cache,
                rng=generator(0, "select", number),
            )
            return loop.select(settings, context, task.batch).positions

    return one_round
