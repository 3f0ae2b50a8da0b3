"""Criteria that look at the scores on the test set."""

from typing import Any

import numpy as np

from learning.engine.metrics import METRICS
from learning.engine.parameters import Parameter
from learning.engine.stopping.base import Criterion, History, Verdict, criteria, distinct, plural
from learning.engine.stopping.bounds import MACRO, lower_bound

_METRIC = Parameter(
    "metric",
    "choice",
    "accuracy",
    choices=tuple((name, about["label"]) for name, about in METRICS.items()),
    label="Score",
    help="What is measured on the test set.",
)


@criteria.register("accuracy")
class TargetScore(Criterion):
    """A metric on the test set has reached the target: its value, or with `certainty` a one-sided confidence bound of it.

    The bound is Clopper and Pearson's for accuracy, a bootstrap quantile for the others that follow from the confusion matrix.
    Whoever looks after every round is some day lucky, so the k-th look may spend 1 / (k (k + 1)) of the risk 1 - certainty: they
    sum to all of it, however many there are. Each round that measured counts as a look, also one that could not have stopped.
    """

    label = "Target score"
    help = "Ends when a score on the test set reaches the target."
    parameters = (
        Parameter("target", "float", 0.9, minimum=0, maximum=1, label="Target", help="0.9 is 90 of 100."),
        _METRIC,
        Parameter(
            "certainty",
            "float",
            0.0,
            minimum=0,
            maximum=0.9999,
            label="Certainty",
            help="0: the score itself. 0.95: the true score is as good with 95 % certainty, over all rounds together.",
        ),
    )

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        about, target = METRICS[s["metric"]], s["target"]
        value = (history[-1].get("metrics") or {}).get(s["metric"], {}).get("value")
        name = about["label"]
        if value is None:
            return Verdict(None, target, False, f"{name} cannot be measured yet; the target is {target:.2f}.")
        if s["certainty"]:
            return cls._bounded(history, s, target)
        met = value >= target if about["higher_is_better"] else value <= target
        shown, wanted = distinct(value, target)
        text = f"{name} {shown} reached the target {wanted}." if met else f"{name} {shown} has not reached the target {wanted}."
        return Verdict(value, target, met, text)

    @classmethod
    def _bounded(cls, history: History, s: dict[str, Any], target: float) -> Verdict:
        looks = sum(1 for row in history if row.get("metrics"))
        risk = (1 - s["certainty"]) / (looks * (looks + 1))
        confusion = np.asarray(history[-1].get("confusion", []))
        bound = lower_bound(s["metric"], confusion, risk)
        name = METRICS[s["metric"]]["label"]
        if bound is None:
            missing = s["metric"] in MACRO and confusion.any()
            why = "a class has no test item yet" if missing else "choose another score"
            return Verdict(None, target, False, f"{name} has no confidence bound: {why}.")
        met = bound >= target
        shown, wanted = distinct(bound, target)
        sure = f"With {100 * s['certainty']:g} % certainty over {plural(looks, 'look')} {name} is at least {shown}"
        text = f"{sure}: the target {wanted} is reached." if met else f"{sure}; wanted is {wanted}."
        return Verdict(bound, target, met, text)


@criteria.register("plateau")
class Plateau(Criterion):
    """The score has stopped rising: the median of its slopes per round over a window is at most epsilon (Laws & Schütze 2008)."""

    label = "Plateau"
    help = "When a score on the test set has not risen for some rounds."
    parameters = (
        _METRIC,
        Parameter("window", "int", 5, minimum=2, maximum=1000, label="Rounds", help="How many rounds it looks back."),
        Parameter(
            "epsilon",
            "float",
            0.001,
            minimum=0,
            maximum=1,
            label="Rise",
            help="A median rise per round of no more than this is none.",
        ),
    )

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        sign = 1 if METRICS[s["metric"]]["higher_is_better"] else -1
        values = [(row.get("metrics") or {}).get(s["metric"], {}).get("value") for row in history[-s["window"] - 1 :]]
        if len(values) <= s["window"] or any(value is None for value in values):
            text = f"The score has not been measured for {s['window'] + 1} rounds yet."
            return Verdict(None, s["epsilon"], False, text)
        slope = float(np.median(np.diff(values))) * sign
        met = slope <= s["epsilon"]
        said = "no longer rises" if met else "still rises"
        text = f"{METRICS[s['metric']]['label']} {said}: by {slope:.4f} per round (median of the last {s['window']})."
        return Verdict(slope, s["epsilon"], met, text)
