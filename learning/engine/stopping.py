"""When a run ends: functions of the history of its rounds, so that a restart changes nothing.

A history is a list of rounds, oldest first: {"number", "n_labeled", "n_pool" (unlabelled items left), "metrics": {name:
{"value", "low", "high"}}, "seconds"}.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from learning.engine.metrics import METRICS
from learning.engine.parameters import Parameter, validate
from learning.engine.registry import Registry

criteria = Registry("criteria")
History = list[dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """What a criterion says: its value now, against its threshold; `text` is the whole sentence for people."""

    value: float | None
    threshold: float
    met: bool
    text: str


class Criterion:
    """Base of the built-in criteria. A plug-in needs `label`, `help`, `parameters` and the class method `check`."""

    label: ClassVar[str]
    help: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @classmethod
    def check(cls, history: History, settings: dict[str, Any]) -> Verdict:
        """The verdict on a history of at least one round."""
        return cls._check(history, validate(settings, cls.parameters))

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        raise NotImplementedError


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


@criteria.register("budget")
class Budget(Criterion):
    """The number of labels that people may be asked for, the seed's included."""

    label = "Number of labels"
    help = "Ends when the learner has this many labels, those of the start included."
    parameters = (Parameter("labels", "int", 500, minimum=2, maximum=10_000_000, label="Labels", help="The budget."),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        labels, budget = history[-1]["n_labeled"], s["labels"]
        met = labels >= budget
        text = (
            f"The budget of {_plural(budget, 'label')} is spent." if met else f"{labels} of {_plural(budget, 'label')} are given."
        )
        return Verdict(labels, budget, met, text)


@criteria.register("accuracy")
class TargetScore(Criterion):
    """A metric's value on the test set has reached the target (the value itself; its interval is shown beside it)."""

    label = "Target score"
    help = "Ends when a score on the test set reaches the target."
    parameters = (
        Parameter("target", "float", 0.9, minimum=0, maximum=1, label="Target", help="0.9 is 90 of 100."),
        Parameter(
            "metric",
            "choice",
            "accuracy",
            choices=tuple((name, about["label"]) for name, about in METRICS.items()),
            label="Score",
            help="What is measured on the test set.",
        ),
    )

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        about, target = METRICS[s["metric"]], s["target"]
        value = (history[-1].get("metrics") or {}).get(s["metric"], {}).get("value")
        name = about["label"]
        if value is None:
            return Verdict(None, target, False, f"{name} cannot be measured yet; the target is {target:.2f}.")
        met = value >= target if about["higher_is_better"] else value <= target
        shown, wanted = _distinct(value, target)
        text = f"{name} {shown} reached the target {wanted}." if met else f"{name} {shown} has not reached the target {wanted}."
        return Verdict(value, target, met, text)


def _distinct(value: float, target: float) -> tuple[str, str]:
    """Both with as many digits as it takes to see which is larger; "0.90 has not reached 0.90" would puzzle."""
    for digits in (2, 3, 4):
        if value == target or f"{value:.{digits}f}" != f"{target:.{digits}f}":
            break
    return f"{value:.{digits}f}", f"{target:.{digits}f}"


@criteria.register("rounds")
class Rounds(Criterion):
    """The number of rounds."""

    label = "Number of rounds"
    help = "Ends after this many turns of the loop."
    parameters = (Parameter("rounds", "int", 50, minimum=1, maximum=1_000_000, label="Rounds", help="Turns of the loop."),)

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        done, wanted = len(history), s["rounds"]
        met = done >= wanted
        text = f"All {_plural(wanted, 'round')} are done." if met else f"{done} of {_plural(wanted, 'round')} are done."
        return Verdict(done, wanted, met, text)


@criteria.register("pool_empty")
class PoolEmpty(Criterion):
    """Nothing is left to ask. Holds for every run, also where it is not chosen."""

    label = "Pool empty"
    help = "Ends when every item of the pool is labelled; always on."

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        left = history[-1]["n_pool"]
        text = "Every item of the pool is labelled." if left == 0 else f"{_plural(left, 'item')} of the pool have no label."
        return Verdict(left, 0, left == 0, text)


def evaluate(settings_list: list[dict[str, Any]], history: History) -> tuple[list[dict[str, Any]], str | None]:
    """(one dict per criterion: name, label, value, threshold, met, text; why to stop, or None). Any one met is enough.

    Before the first round nothing is met. Raises UnknownName, SettingsError.
    """
    if not history:
        return [], None
    settings_list = [*settings_list]
    if all(settings["name"] != PoolEmpty.name for settings in settings_list):
        settings_list.append({"name": PoolEmpty.name})
    verdicts = []
    for settings in settings_list:
        criterion = criteria.get(settings["name"])
        own = {name: value for name, value in settings.items() if name != "name"}
        verdicts.append({"name": settings["name"], "label": criterion.label, **asdict(criterion.check(history, own))})
    return verdicts, next((verdict["text"] for verdict in verdicts if verdict["met"]), None)
