"""Any number of labels per item: a code is a set of labels, and the learner learns of each label whether it is there."""

from types import MappingProxyType
from typing import Any

import numpy as np

from learning import engine
from learning.datasets import LabelSets
from learning.engine import multilabel
from learning.engine.strategies.multilabel import binary_entropy
from learning.models import Run
from learning.targets.base import State, Targets


class ManyLabels(Targets):
    """proba is of each label by itself; those of 0.5 and more are the prediction, which may be none at all."""

    task = "multiple"
    strategies = multilabel.multilabel_strategies
    strategy = multilabel.DEFAULT
    # Of most labels few items have one: without it, far too few are ever predicted (docs/engine.md says how few).
    learner = MappingProxyType({"class_weight": "balanced"})
    main_metric = "f1_micro"
    seeds = tuple(name for name in engine.SEEDS if name != "stratified")  # in proportion to which of the labels?
    criteria_left_out = frozenset({"margin_exhaustion"})
    watched = ("f1_micro", "f1_macro")
    no_analysis = "An analysis compares strategies for one label per item; this project has several. Start a run instead."
    no_labeling = "Labelling the rest at a promised accuracy is there for one label per item; this project has several."
    no_doubts = "A second opinion follows from the one label that the model expects, and here it may expect several: choose 0."
    one_class_each = False
    metric_by_item = "subset_accuracy"

    def labels(self, run: Run, ids: np.ndarray) -> LabelSets:
        return LabelSets(run, ids)

    def counts(self, labels: LabelSets, codes: np.ndarray) -> np.ndarray:
        return labels.matrix(codes).sum(axis=0)

    def is_learnable(self, labels: LabelSets, codes: np.ndarray) -> bool:
        there = self.counts(labels, codes)
        return bool(((there > 0) & (there < len(codes))).any())

    def fit(
        self, learner: dict, X: Any, positions: np.ndarray, labels: LabelSets, codes: np.ndarray, seed: int, state: State | None
    ) -> tuple[Any, State | None]:
        return multilabel.fit(learner, X, positions, labels.matrix(codes), seed, state)

    def predict(self, model: Any, X: Any, positions: np.ndarray | None, labels: LabelSets) -> np.ndarray:
        return multilabel.predict(model, X, positions)

    def evaluate(self, labels: LabelSets, codes: np.ndarray, proba: np.ndarray) -> tuple[dict[str, dict], list[list[int]]]:
        metrics, counts = multilabel.evaluate(labels.matrix(codes), proba)
        return metrics, counts.tolist()

    def right(self, labels: LabelSets, codes: np.ndarray, proba: np.ndarray) -> np.ndarray:
        return ((proba >= multilabel.THRESHOLD) == labels.matrix(codes)).all(axis=1)

    def per_class(self, counts: list[list[int]], n_classes: int) -> list[dict[str, Any]]:
        return multilabel.per_label(np.array(counts[:n_classes], dtype=np.int64))

    def confusion(self, counts: list[list[int]]) -> list[list[int]]:
        return []

    def signals(
        self, sample: np.ndarray, before: str | None, proba: np.ndarray, decision: np.ndarray | None, labels: LabelSets
    ) -> dict[str, Any]:
        """Of every yes or no by itself: kappa, the change of F1 (micro) and the share of answers that changed."""
        predicted = (sample >= multilabel.THRESHOLD).astype(np.int64).ravel()
        previous = engine.unpack(before) if before else None
        measured = engine.measure(predicted, previous, None, None, 2)
        if len(proba):
            measured["uncertainty"] = float(binary_entropy(proba).mean() / np.log(2))
        return measured | {"predictions": engine.pack(predicted)}

    def values(self, labels: LabelSets, codes: np.ndarray) -> np.ndarray:
        return labels.matrix(codes)

    def predicted_counts(self, proba: np.ndarray) -> np.ndarray:
        return (proba >= multilabel.THRESHOLD).sum(axis=0)

    def predicted_labels(self, labels: LabelSets, proba: np.ndarray) -> list[int | None]:
        return [None] * len(proba)

    def predictions(self, labels: LabelSets, proba: np.ndarray) -> tuple[Any, np.ndarray]:
        """How sure: the probability of the answer about the label that is least sure."""
        classes = np.asarray(labels.classes)[: proba.shape[1]]
        stored = [sorted(classes[row].tolist()) for row in proba >= multilabel.THRESHOLD]
        return stored, np.maximum(proba, 1 - proba).min(axis=1)

    def classes_of(self, model: Any, labels: LabelSets) -> list[int]:
        return labels.classes[: len(model.estimators)]
