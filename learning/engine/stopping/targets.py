"""Criteria that look at the scores on the test set."""

from typing import Any

import numpy as np
from scipy.stats import beta

from learning.engine.metrics import METRICS, bootstrap_bound
from learning.engine.parameters import Parameter
from learning.engine.stopping.base import Criterion, History, Verdict, criteria, distinct

_METRIC = Parameter(
    "metric",
    "choice",
    "accuracy",
    choices=tuple((name, about["label"]) for name, about in METRICS.items()),
    label="Score",
    help="What is measured on the test set.",
)


def lower_bound_of_share(successes: int, n: int, certainty: float) -> float:
    """One-sided lower bound of a share (Clopper & Pearson 1934)."""
    return 0.0 if successes == 0 else float(beta.ppf(1 - certainty, successes, n - successes + 1))


@criteria.register("accuracy")
class TargetScore(Criterion):
    """A metric on the test set has reached the target: its value, or with `certainty` a one-sided confidence bound of it.

    The bound is Clopper and Pearson's for accuracy, a bootstrap quantile for the others that follow from the confusion matrix.
    It is looked at after every round, so the k-th look spends 1 / (k (k + 1)) of the risk: together no more than 1 - certainty.
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
            help="0: the score itself. 0.95: when it is 95 % sure, over all rounds together, that the true score is as good.",
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
            return cls._bounded(history, s, name, target)
        met = value >= target if about["higher_is_better"] else value <= target
        shown, wanted = distinct(value, target)
        text = f"{name} {shown} reached the target {wanted}." if met else f"{name} {shown} has not reached the target {wanted}."
        return Verdict(value, target, met, text)

    @classmethod
    def _bounded(cls, history: History, s: dict[str, Any], name: str, target: float) -> Verdict:
        looks = sum(1 for row in history if row.get("metrics"))
        certainty = 1 - (1 - s["certainty"]) / (looks * (looks + 1))
        higher = METRICS[s["metric"]]["higher_is_better"]
        confusion = np.asarray(history[-1].get("confusion") or [[]])
        if s["metric"] in ("accuracy", "f1_micro") and confusion.size:
            bound = lower_bound_of_share(int(np.trace(confusion)), int(confusion.sum()), certainty)
        else:
            bound = bootstrap_bound(s["metric"], confusion, 1 - certainty if higher else certainty) if confusion.size else None
        if bound is None:
            return Verdict(None, target, False, f"There is no confidence bound for {name.lower()}: choose another score.")
        met = bound >= target if higher else bound <= target
        shown, wanted = distinct(bound, target)
        sure = f"It is {100 * s['certainty']:g} % sure, over {looks} looks, that {name.lower()} is"
        side = "at least" if higher else "at most"
        text = f"{sure} {side} {shown}: the target {wanted} is reached." if met else f"{sure} {side} {shown}; wanted is {wanted}."
        return Verdict(bound, target, met, text)


@criteria.register("plateau")
class Plateau(Criterion):
    """The score has stopped rising: the median of its slopes per round over a window is below epsilon (Laws & Schütze 2008)."""

    label = "Plateau"
    help = "When a score on the test set has not risen for some rounds."
    parameters = (
        _METRIC,
        Parameter("window", "int", 5, minimum=2, maximum=1000, label="Rounds", help="How many rounds it looks back."),
        Parameter(
            "epsilon", "float", 0.001, minimum=0, maximum=1, label="Rise", help="A median rise per round below this is none."
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
        met = slope < s["epsilon"]
        said = "no longer rises" if met else "still rises"
        text = f"{METRICS[s['metric']]['label']} {said}: by {slope:.4f} per round (median of the last {s['window']})."
        return Verdict(slope, s["epsilon"], met, text)
