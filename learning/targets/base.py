"""What a task type answers for where its answers are learnt."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from learning import engine
from learning.datasets import Labels
from learning.models import Run

State = dict[str, np.ndarray]


class Targets(ABC):
    """`codes` (l,) are numbers of stored values as `Labels` gives them, `classes` the C labels of the run in the learner's order.

    `proba` (m, C) is what the model says of each item and class; what it sums to is the task's own affair.
    """

    task: str
    strategies: engine.Registry
    strategy: str  # the name of the one to begin with
    learner: Mapping[str, Any] = MappingProxyType({})  # settings of the default learner that differ from its own defaults
    main_metric: str
    seeds: Sequence[str]
    criteria_left_out: frozenset[str] = frozenset()
    # Metrics that a stop criterion may watch; None: all of the engine's, with a bound of certainty.
    watched: Sequence[str] | None = None
    # Why this is not done here, a sentence; "" where it is.
    no_analysis: str = ""
    no_labeling: str = ""
    no_doubts: str = ""  # second opinions on what the model did not expect
    one_class_each: bool = True  # an item shows the learner one class, so that as many items are needed as there are classes
    metric_by_item: str = "accuracy"  # the one that is a mean over the test items of `right`

    @abstractmethod
    def labels(self, run: Run, ids: np.ndarray) -> Labels:
        """Of the run's items (n,)."""

    @abstractmethod
    def counts(self, labels: Labels, codes: np.ndarray) -> np.ndarray:
        """(C,) how many of these labelled items have each class."""

    @abstractmethod
    def is_learnable(self, labels: Labels, codes: np.ndarray) -> bool:
        """Is there anything to tell apart?"""

    @abstractmethod
    def fit(
        self, learner: dict, X: Any, positions: np.ndarray, labels: Labels, codes: np.ndarray, seed: int, state: State | None
    ) -> tuple[Any, State | None]:
        """(the model, where the next training begins) of the items X[positions] with these codes."""

    @abstractmethod
    def predict(self, model: Any, X: Any, positions: np.ndarray | None, labels: Labels) -> np.ndarray:
        """proba of X[positions]; None: of all."""

    @abstractmethod
    def evaluate(self, labels: Labels, codes: np.ndarray, proba: np.ndarray) -> tuple[dict[str, dict], list[list[int]]]:
        """(metric -> value, low, high; the counts that `per_class` reads, as Round.confusion keeps them)."""

    @abstractmethod
    def right(self, labels: Labels, codes: np.ndarray, proba: np.ndarray) -> np.ndarray:
        """(m,) bool: whether all that the model says of an item is right."""

    @abstractmethod
    def per_class(self, counts: list[list[int]], n_classes: int) -> list[dict[str, Any]]:
        """precision, recall, f1 (None where undefined), support and predicted of each class, from what `evaluate` counted."""

    @abstractmethod
    def confusion(self, counts: list[list[int]]) -> list[list[int]]:
        """Rows of the truth by columns of what was predicted; empty where a task has no such matrix."""

    @abstractmethod
    def signals(
        self, sample: np.ndarray, before: str | None, proba: np.ndarray, decision: np.ndarray | None, labels: Labels
    ) -> dict[str, Any]:
        """What the stop criteria look at: `engine.measure` of this round's predictions and the last one's (`before`, packed).

        sample (s, C): proba of the stop set; decision: see `engine.decision_values`; None where nobody asked.
        """

    @abstractmethod
    def values(self, labels: Labels, codes: np.ndarray) -> np.ndarray:
        """What `Context.y` holds of these codes."""

    @abstractmethod
    def predicted_counts(self, proba: np.ndarray) -> np.ndarray:
        """(C,) how often each class is predicted."""

    @abstractmethod
    def predicted_labels(self, labels: Labels, proba: np.ndarray) -> list[int | None]:
        """The id of the label that each item is taken for, for Query.prediction; None where it takes more than one to say."""

    @abstractmethod
    def predictions(self, labels: Labels, proba: np.ndarray) -> tuple[Any, np.ndarray]:
        """(stored values (m,), how sure each is (m,)), as they go to the file of predictions."""

    @abstractmethod
    def classes_of(self, model: Any, labels: Labels) -> list[int]:
        """The labels that the model can predict, in its order."""

    def criteria(self) -> list[type]:
        """The stop criteria that a run here may choose; that an empty pool ends a run is no choice."""
        return [entry for entry in engine.criteria if entry.name not in {"pool_empty", *self.criteria_left_out}]

    def stop_parameters(self, criterion: type) -> list[engine.Parameter]:
        """Its settings, of which only those scores are offered that are measured here."""
        if self.watched is None:
            return list(criterion.parameters)
        found = []
        for parameter in criterion.parameters:
            if parameter.name == "metric":
                choices = tuple((name, label) for name, label in parameter.choices if name in self.watched)
                found.append(replace(parameter, choices=choices, default=self.main_metric))
            elif parameter.name != "certainty":
                found.append(parameter)
        return found

    def stop_problem(self, criterion: dict[str, Any]) -> tuple[str, str] | None:
        """(the field, a sentence) where this stop criterion cannot be measured here."""
        if criterion["name"] in self.criteria_left_out:
            return "", f"{engine.criteria.get(criterion['name']).label} is not measured in a project with this task type."
        if self.watched is None or "metric" not in criterion:
            return None
        if criterion["metric"] not in self.watched:
            names = " or ".join(self.watched)
            return "metric", f"{criterion['metric']} is not measured with several labels per item: choose {names}."
        if criterion.get("certainty"):
            return "certainty", "No bound is known for this score with several labels per item: choose 0."
        return None
