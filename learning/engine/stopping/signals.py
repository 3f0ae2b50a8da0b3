"""Criteria that need no labels: they look at how the predictions change, and at how sure they are."""

from typing import Any

import numpy as np

from learning.engine.parameters import Parameter
from learning.engine.stopping.base import Criterion, History, Verdict, criteria


def _window(default: int) -> Parameter:
    return Parameter("window", "int", default, minimum=1, maximum=1000, label="Rounds", help="In this many rounds in a row.")


def _threshold(default: float, text: str, maximum: float = 1) -> Parameter:
    return Parameter("threshold", "float", default, minimum=0, maximum=maximum, label="Threshold", help=text)


def _last(history: History, signal: str, window: int) -> list[float] | None:
    """The signal's values in the last rounds; None where one of them has none."""
    values = [(row.get("signals") or {}).get(signal) for row in history[-window:]]
    return None if len(values) < window or any(value is None for value in values) else values


@criteria.register("stabilizing_predictions")
class StabilizingPredictions(Criterion):
    """Mean Cohen kappa of successive models on a fixed stop set over the last rounds (Bloodgood & Vijay-Shanker 2009).

    It says "nothing changes any more", not "it is good": kappa > T bounds the change of F between two models by 4 (1 - T) / T
    (Bloodgood & Grothendieck 2013).
    """

    label = "Stabilizing predictions"
    help = "When new labels no longer change what the model predicts: the usual advice that more of them bring little."
    default_action = "advise"
    parameters = (_threshold(0.99, "Mean agreement (kappa) of successive models."), _window(3))

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        values, wanted = _last(history, "kappa", s["window"]), s["threshold"]
        if values is None:
            return Verdict(None, wanted, False, f"Agreement has not been measured in {s['window']} rounds in a row yet.")
        value = float(np.mean(values))
        met = value >= wanted
        said = "no longer change" if met else "still change"
        return Verdict(
            value, wanted, met, f"Predictions {said}: kappa {value:.4f} over {s['window']} rounds (wanted {wanted:g})."
        )


class _Small(Criterion):
    """Met when a signal was small enough in every round of the window."""

    signal: str
    words: str

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        window, wanted = s.get("window", 1), s["threshold"]
        values = _last(history, cls.signal, window)
        if values is None:
            return Verdict(None, wanted, False, f"{cls.words} has not been measured in {window} rounds in a row yet.")
        value = max(values)
        met = cls._small(value, wanted)
        span = f" in the last {window} rounds" if window > 1 else ""
        return Verdict(value, wanted, met, f"{cls.words} was at most {value:.4f}{span} (wanted {wanted:g}).")

    @classmethod
    def _small(cls, value: float, wanted: float) -> bool:
        return value < wanted


@criteria.register("predicted_f_change")
class PredictedFChange(_Small):
    """1 - 2a / (2a + b + c) of successive predictions, a, b, c the agreement counts of a class (Altschuler & Bloodgood 2019).

    Their measure is of the positive class of two; with more classes it is the mean over those predicted at all. Their usual 0.05
    stops too early (on WDBC at 51 labels, 0.011 below the full data; 0.01 stops at 85, 0.002 below), so 0.01 is the default.
    """

    label = "Predicted change of F"
    help = "When the F1 between successive models' predictions hardly differs from 1."
    parameters = (_threshold(0.01, "Predicted change of F1 below this."), _window(3))
    signal = "f_change"
    words = "The predicted change of F1"


@criteria.register("classification_change")
class ClassificationChange(_Small):
    """No prediction (or no more than a share) flips between two rounds (Zhu, Wang & Hovy 2008), on the fixed stop set."""

    label = "Classification change"
    help = "When between two rounds no item of a fixed part of the pool changes its predicted class."
    parameters = (_threshold(0.0, "Share of items that may change."), _window(1))
    signal = "changed"
    words = "The share of predictions that changed"

    @classmethod
    def _small(cls, value: float, wanted: float) -> bool:
        return value <= wanted


@criteria.register("overall_uncertainty")
class OverallUncertainty(_Small):
    """Mean entropy of the unlabelled items over log C (Zhu, Wang & Hovy 2008). Needs probabilities that mean something."""

    label = "Overall uncertainty"
    help = "When the model is, on average, sure of what is not labelled; depends much on the learner."
    parameters = (_threshold(0.05, "Mean uncertainty, from 0 (sure) to 1."),)
    signal = "uncertainty"
    words = "The mean uncertainty"


@criteria.register("margin_exhaustion")
class MarginExhaustion(Criterion):
    """No unlabelled item lies inside the margin of a support vector machine (Schohn & Cohn 2000): all have |f| of at least 1."""

    label = "Margin exhausted"
    help = "For support vector machines: when no unlabelled item lies within the margin."
    parameters = (_threshold(1.0, "Distance in units of the margin.", 1000),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        values, wanted = _last(history, "min_margin", 1), s["threshold"]
        if values is None:
            return Verdict(None, wanted, False, "This learner has no margin (it is for support vector machines).")
        text = f"The nearest unlabelled item is {values[0]:.3f} margins from the boundary (wanted {wanted:g})."
        return Verdict(values[0], wanted, values[0] >= wanted, text)
