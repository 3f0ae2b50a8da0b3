"""The registry of stop criteria, and how their verdicts become one decision."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from learning.engine.parameters import Parameter, validate
from learning.engine.registry import Registry

criteria = Registry("criteria")
History = list[dict[str, Any]]

MIN_ROUNDS = 3
_ACTIONS = (("stop", "Stop the run"), ("advise", "Only advise: people decide"))


@dataclass(frozen=True)
class Verdict:
    """What a criterion says: its value now, against its threshold; `text` is the whole sentence for people."""

    value: float | None
    threshold: float
    met: bool
    text: str


class Criterion:
    """Base of the built-in criteria. A plug-in needs `label`, `help`, `parameters` and the class method `check`.

    `limit`: it bounds what the run may cost, so it stops by itself, from the first round on, and cannot only advise.
    """

    label: ClassVar[str]
    help: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    limit: ClassVar[bool] = False
    default_action: ClassVar[str] = "stop"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.limit:
            own = tuple(parameter for parameter in cls.parameters if parameter.name != "action")
            text = "Whether the run then ends by itself."
            action = Parameter("action", "choice", cls.default_action, choices=_ACTIONS, label="When it holds", help=text)
            cls.parameters = (*own, action)

    @classmethod
    def check(cls, history: History, settings: dict[str, Any]) -> Verdict:
        """The verdict on a history of at least one round."""
        return cls._check(history, validate(settings, cls.parameters))

    @classmethod
    def _check(cls, history: History, s: dict[str, Any]) -> Verdict:
        raise NotImplementedError


def evaluate(
    settings_list: list[dict[str, Any]],
    history: History,
    *,
    combine: str = "any",
    min_rounds: int = MIN_ROUNDS,
    n_classes: int | None = None,
) -> tuple[list[dict[str, Any]], str | None, str]:
    """(one dict per criterion; why to stop now, or None; the advice, or "").

    Each dict: name, label, value, threshold, met, text, action ("stop", "advise" or "limit") and waiting, why it does not count
    yet (nothing but a limit counts before `min_rounds` rounds, nor before all of `n_classes` classes were seen: until then
    agreement and scores are those of a model that cannot know better). Of those that may stop, any one is enough, or all must
    hold (`combine`); a limit always stops by itself. Before the first round nothing is met. Raises UnknownName, SettingsError.
    """
    if not history:
        return [], None, ""
    settings_list = [*settings_list]
    if all(settings["name"] != "pool_empty" for settings in settings_list):
        settings_list.append({"name": "pool_empty"})
    waiting = _waiting(history[-1], len(history), min_rounds, n_classes)
    verdicts = []
    for settings in settings_list:
        criterion = criteria.get(settings["name"])
        own = {name: value for name, value in settings.items() if name != "name"}
        limit = getattr(criterion, "limit", False)
        action = "limit" if limit else own.get("action", getattr(criterion, "default_action", "stop"))
        verdict = asdict(criterion.check(history, own))
        about = {"name": settings["name"], "label": criterion.label, "action": action, "waiting": "" if limit else waiting}
        verdicts.append(about | verdict)
    return verdicts, _reason(verdicts, combine), _advice(verdicts)


def _waiting(last: dict[str, Any], n_rounds: int, min_rounds: int, n_classes: int | None) -> str:
    if n_rounds < min_rounds:
        return f"it counts from round {min_rounds} on"
    missing = (n_classes or 0) - last.get("classes_seen", n_classes or 0)
    if missing > 0:
        return f"labels of {missing} of {n_classes} classes are missing"
    return ""


def _reason(verdicts: list[dict[str, Any]], combine: str) -> str | None:
    for verdict in verdicts:
        if verdict["action"] == "limit" and verdict["met"]:
            return verdict["text"]
    may_stop = [verdict for verdict in verdicts if verdict["action"] == "stop"]
    hold = [verdict for verdict in may_stop if verdict["met"] and not verdict["waiting"]]
    if hold and (combine == "any" or len(hold) == len(may_stop)):
        return " ".join(verdict["text"] for verdict in (hold if combine == "all" else hold[:1]))
    return None


def _advice(verdicts: list[dict[str, Any]]) -> str:
    hold = [verdict for verdict in verdicts if verdict["action"] == "advise" and verdict["met"] and not verdict["waiting"]]
    return " ".join(verdict["text"] for verdict in hold)


def plural(count: int, word: str) -> str:
    """1 label, 2 labels, 1,000 labels."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def distinct(value: float, target: float) -> tuple[str, str]:
    """Both with as many digits as it takes to see which is larger; "0.90 has not reached 0.90" would puzzle."""
    for digits in (2, 3, 4):
        if value == target or f"{value:.{digits}f}" != f"{target:.{digits}f}":
            break
    return f"{value:.{digits}f}", f"{target:.{digits}f}"
