"""Probabilities that mean what they say: calibrated on labels that the models had not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from learning.engine import loop
from learning.engine.blocks import Matrix
from learning.engine.errors import EngineError
from learning.engine.metrics import wilson_interval
from learning.engine.randomness import generator

_TINY = 1e-12


def out_of_fold(
    settings: dict[str, Any], X: Matrix, positions: np.ndarray, y: np.ndarray, n_classes: int, seed: int, folds: int = 5
) -> np.ndarray:
    """(l, C) probabilities of the labelled rows X[positions], each by a model that did not see that label.

    Every class is dealt evenly over the folds. A class of one member is unknown to the model that predicts it, as it would be to
    anybody. Raises EngineError with fewer than four labels or two classes.
    """
    positions, y = np.asarray(positions, dtype=np.int64), np.asarray(y, dtype=np.int64)
    folds = min(folds, len(y) // 2)
    if folds < 2 or len(np.unique(y)) < 2:
        raise EngineError("To calibrate a model takes at least four labels, of two classes.")
    by_position = np.argsort(positions, kind="stable")  # the order in which labels come makes no difference
    fold = np.empty(len(y), dtype=np.int64)
    fold[by_position] = _deal(y[by_position], folds, generator(seed, "folds"))
    proba = np.zeros((len(y), n_classes))
    for k in range(folds):
        here = fold == k
        seen = np.unique(y[~here])
        if len(seen) < 2:  # nothing to train: the one class that is left is all that could be said
            proba[here, seen] = 1.0
            continue
        model = loop.fit(settings, X, positions[~here], y[~here], n_classes, seed)
        proba[here] = loop.predict(model, X, positions[here], n_classes)
    return proba


def _deal(y: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(l,) fold numbers: each class shuffled and dealt in turn, going on where the class before it ended."""
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % folds
    return fold


@dataclass(frozen=True)
class Calibrator:
    """A map of probabilities, fitted by `fit_calibrator`."""

    method: str
    temperature: float = 1.0
    knots: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())

    def apply(self, proba: np.ndarray) -> np.ndarray:
        """(m, C) calibrated probabilities, rows sum to one; a class of probability zero keeps it, and the order is kept.

        (Isotonic maps the largest probability alone and shares the rest in proportion, but never above it.)
        """
        proba = np.asarray(proba, dtype=np.float64)
        if self.method == "temperature":
            return _sharpen(proba, self.temperature)
        if self.method == "isotonic":
            return self._isotonic(proba)
        return proba

    def _isotonic(self, proba: np.ndarray) -> np.ndarray:
        rows, best = np.arange(len(proba)), proba.argmax(axis=1)
        before = proba[rows, best]
        after = np.interp(before, *self.knots)
        n_others = np.maximum((proba > 0).sum(axis=1) - 1, 0)
        after = np.where(n_others > 0, np.maximum(after, 1 / (n_others + 1)), 1.0)
        others = proba.copy()
        others[rows, best] = 0.0
        total = others.sum(axis=1)
        shared = others * np.divide(1 - after, total, out=np.zeros(len(proba)), where=total > 0)[:, None]
        even = (others > 0) * ((1 - after) / np.maximum(n_others, 1))[:, None]
        # Where one of the others would come out above the first, the rest is shared evenly.
        shared = np.where((shared.max(axis=1) > after)[:, None], even, shared)
        shared[rows, best] = after
        return shared

    def to_json(self) -> dict[str, Any]:
        return {"method": self.method, "temperature": self.temperature, "knots": [list(part) for part in self.knots]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Calibrator":
        first, second = data["knots"]
        return cls(data["method"], data["temperature"], (tuple(first), tuple(second)))


def fit_calibrator(proba: np.ndarray, y: np.ndarray, method: str = "temperature") -> Calibrator:
    """From out-of-fold probabilities (l, C) and class codes (l,).

    "temperature": one number by which all log-probabilities are divided (Platt 1999 with one parameter; Guo et al. 2017).
    "isotonic": a rising step function of the largest probability (Zadrozny & Elkan 2002); for some hundred labels and more.
    "none": as they are. Raises EngineError for another method.
    """
    proba, y = np.asarray(proba, dtype=np.float64), np.asarray(y, dtype=np.int64)
    if method == "none":
        return Calibrator("none")
    if method == "temperature":
        # A label whose class the fold's model had not seen has probability zero at any temperature: it says nothing of it.
        known = proba[np.arange(len(y)), y] > 0
        if not known.any():
            return Calibrator("none")

        def loss(log_temperature: float) -> float:
            sharpened = _sharpen(proba[known], float(np.exp(log_temperature)))
            return float(-np.log(np.maximum(sharpened[np.arange(len(sharpened)), y[known]], _TINY)).mean())

        best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-4})
        return Calibrator("temperature", temperature=float(np.exp(best.x)))
    if method == "isotonic":
        confidence, correct = proba.max(axis=1), proba.argmax(axis=1) == y
        model = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(confidence, correct)
        return Calibrator("isotonic", knots=(tuple(model.X_thresholds_.tolist()), tuple(model.y_thresholds_.tolist())))
    raise EngineError(f"Unknown calibration {method!r}; known are temperature, isotonic and none.")


def _sharpen(proba: np.ndarray, temperature: float) -> np.ndarray:
    logits = np.log(np.maximum(proba, _TINY)) / temperature
    logits[proba <= 0] = -np.inf
    logits -= logits.max(axis=1, keepdims=True, initial=-1e9)
    out = np.exp(logits)
    total = out.sum(axis=1, keepdims=True)
    return np.divide(out, total, out=np.full_like(out, 1 / proba.shape[1]), where=total > 0)


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 10) -> list[dict[str, float | int | None]]:
    """For the plot (Niculescu-Mizil & Caruana 2005): per bin of the confidences (k,) how many were right, with an interval."""
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for i in range(bins):
        mine = place == i
        n, right = int(mine.sum()), int(correct[mine].sum())
        low, high = wilson_interval(right, n) if n else (None, None)
        found.append(
            {
                "low": i / bins,
                "high": (i + 1) / bins,
                "n": n,
                "mean_confidence": float(confidence[mine].mean()) if n else None,
                "share_correct": right / n if n else None,
                "low95": low,
                "high95": high,
            }
        )
    return found
