"""Exactly one label per item: a code is a class."""

from typing import Any

import numpy as np

from learning import engine
from learning.datasets import Labels
from learning.engine.strategies import DEFAULT
from learning.models import Run
from learning.targets.base import State, Targets


class OneLabel(Targets):
    """proba sums to 1 over the classes; the largest is the prediction."""

    task = "single"
    strategies = engine.strategies
    strategy = DEFAULT
    main_metric = "accuracy"
    seeds = tuple(engine.SEEDS)

    def labels(self, run: Run, ids: np.ndarray) -> Labels:
        return Labels(run, ids)

    def counts(self, labels: Labels, codes: np.ndarray) -> np.ndarray:
        return np.bincount(codes, minlength=len(labels.classes))

    def is_learnable(self, labels: Labels, codes: np.ndarray) -> bool:
        return len(np.unique(codes)) >= 2

    def fit(
        self, learner: dict, X: Any, positions: np.ndarray, labels: Labels, codes: np.ndarray, seed: int, state: State | None
    ) -> tuple[Any, State | None]:
        return engine.fit_warm(learner, X, positions, codes, len(labels.classes), seed, state)

    def predict(self, model: Any, X: Any, positions: np.ndarray | None, labels: Labels) -> np.ndarray:
        return engine.predict(model, X, positions, len(labels.classes))

    def evaluate(self, labels: Labels, codes: np.ndarray, proba: np.ndarray) -> tuple[dict[str, dict], list[list[int]]]:
        metrics, confusion = engine.evaluate(codes, proba, len(labels.classes))
        return metrics, confusion.tolist()

    def right(self, labels: Labels, codes: np.ndarray, proba: np.ndarray) -> np.ndarray:
        return proba.argmax(axis=1) == codes

    def per_class(self, counts: list[list[int]], n_classes: int) -> list[dict[str, Any]]:
        size = min(len(counts), n_classes)
        matrix = np.array([row[:size] for row in counts[:size]], dtype=np.int64).reshape(size, size)
        hits, support, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
        return [
            {
                "precision": _ratio(hit, called),
                "recall": _ratio(hit, there),
                "f1": _ratio(2 * hit, there + called),
                "support": int(there),
                "predicted": int(called),
            }
            for hit, there, called in zip(hits, support, predicted, strict=True)
        ]

    def confusion(self, counts: list[list[int]]) -> list[list[int]]:
        return counts

    def signals(
        self, sample: np.ndarray, before: str | None, proba: np.ndarray, decision: np.ndarray | None, labels: Labels
    ) -> dict[str, Any]:
        predicted = sample.argmax(axis=1)
        previous = engine.unpack(before) if before else None
        measured = engine.measure(predicted, previous, proba, decision, len(labels.classes))
        return measured | {"predictions": engine.pack(predicted)}

    def values(self, labels: Labels, codes: np.ndarray) -> np.ndarray:
        return codes

    def predicted_counts(self, proba: np.ndarray) -> np.ndarray:
        return np.bincount(proba.argmax(axis=1), minlength=proba.shape[1])

    def predicted_labels(self, labels: Labels, proba: np.ndarray) -> list[int | None]:
        return [labels.classes[code] for code in proba.argmax(axis=1).tolist()]

    def predictions(self, labels: Labels, proba: np.ndarray) -> tuple[Any, np.ndarray]:
        best = proba.argmax(axis=1)
        return np.asarray(labels.classes)[best], proba[np.arange(len(best)), best]

    def classes_of(self, model: Any, labels: Labels) -> list[int]:
        return [labels.classes[code] for code in model.classes_]


def _ratio(part: int, whole: int) -> float | None:
    return float(part) / float(whole) if whole else None
