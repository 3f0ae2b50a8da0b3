"""The registry of learners, and the base of the built-in ones."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin

from learning.engine.blocks import Matrix
from learning.engine.parameters import Parameter, validate
from learning.engine.registry import Registry

learners = Registry("learners")

CLASS_WEIGHT = Parameter(
    "class_weight",
    "choice",
    "none",
    choices=(("none", "All labels count alike"), ("balanced", "Rare classes count more")),
    label="Class weights",
    help="Balanced gives each class the same total weight, which helps rare classes.",
)


class Learner:
    """Base of the built-in learners. A plug-in needs no base class, only `label`, `help`, `parameters`, `build` and `fit`."""

    label: ClassVar[str]
    help: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    works_with: ClassVar[frozenset[str]] = frozenset({"text", "image", "table"})
    free_committee: ClassVar[bool] = False  # whether `members` has something to give

    def __init__(self, **settings: Any) -> None:
        self.settings = validate(settings, self.parameters)

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> ClassifierMixin:
        """An unfitted scikit-learn classifier with `predict_proba`, for labels that number `class_counts` (C,) per class."""
        raise NotImplementedError

    def fit(self, estimator: ClassifierMixin, X: Matrix, y: np.ndarray) -> ClassifierMixin:
        """Train on (l, d) and (l,); here is the place for a faster way to the same optimum."""
        return estimator.fit(X, y)

    def members(self, estimator: ClassifierMixin, X: Matrix, n_classes: int) -> np.ndarray | None:
        """(K, m, n_classes) float64 probabilities that the K members of a fitted ensemble give to the rows X (m, d).

        None unless `free_committee`. Classes that were never labelled get 0. The result is large: give X in blocks of rows, of
        which `n_members` says how large they may be.
        """
        return None

    def n_members(self, estimator: ClassifierMixin) -> int:
        """K, the number of members of a fitted ensemble; 0 for what is none."""
        return 0

    @property
    def class_weight(self) -> str | None:
        """As scikit-learn wants it."""
        return None if self.settings["class_weight"] == "none" else self.settings["class_weight"]
