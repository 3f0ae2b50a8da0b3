"""Which strategy asks now: the chosen one, or the one that gets the learner started."""

from typing import Any

import numpy as np

from learning.engine.registry import Registry
from learning.engine.strategies import strategies

DEFAULT_WARM_UP = {"strategy": {"name": "random"}, "labels_per_class": 0}


def strategy_now(
    strategy: dict[str, Any],
    warm_up: dict[str, Any] | None,
    class_counts: np.ndarray,
    has_model: bool,
    registry: Registry = strategies,
    *,
    there: np.ndarray | None = None,
) -> dict[str, Any]:
    """The settings of the strategy for the coming batch, of those in `registry`.

    That of the warm-up until each of the classes has `labels_per_class` labels (class_counts (C,)), or all that it can have
    (`there` (C,), where the truth is known); also where the chosen one needs a model and there is none, because fewer than two
    classes were seen. "Low budget: typical items, high budget: uncertain
    items" (Hacohen, Dekel & Weinshall 2022).
    """
    warm_up = warm_up or DEFAULT_WARM_UP
    wanted = warm_up.get("labels_per_class", 0)
    if there is not None:
        wanted = np.minimum(wanted, there)
    if np.any(np.asarray(class_counts) < wanted) and runs_without_model(warm_up["strategy"], registry):
        return warm_up["strategy"]
    if has_model or runs_without_model(strategy, registry):
        return strategy
    return warm_up["strategy"] if runs_without_model(warm_up["strategy"], registry) else {"name": "random"}


def runs_without_model(strategy: dict[str, Any], registry: Registry = strategies) -> bool:
    """Whether it can choose before two classes are labelled."""
    return not getattr(registry.get(strategy["name"]), "needs", frozenset()) & {"proba", "model", "learner"}


def missing_classes(class_counts: np.ndarray, wanted: int = 1) -> np.ndarray:
    """The codes of the classes with fewer labels than wanted."""
    return np.flatnonzero(np.asarray(class_counts) < wanted)
