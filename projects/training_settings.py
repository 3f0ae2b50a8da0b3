"""What a new annotator does before real work: a project's choice of training items and of a test (Project.training)."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from projects.models import Project

_LIMITS = {"shown": (0, 200), "test": (0, 200), "tries": (1, 100)}
_NAMES = {"shown": "Training items", "test": "Test items", "tries": "Tries"}


class TrainingRefused(ValueError):
    """These settings cannot be meant like this; `field` is one of shown, test, pass_mark, tries."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Training:
    """`shown` items with their right answers, then `test` items without; `pass_mark`: the share of these that must be right."""

    shown: int = 0
    test: int = 0
    pass_mark: float = 0.8
    tries: int = 3

    def needed(self, n: int) -> int:
        """How many of `n` test items must be right."""
        return max(1, math.ceil(self.pass_mark * n - 1e-9)) if n else 0

    def as_dict(self) -> dict[str, Any]:
        """The stored form: empty where nothing is asked before work."""
        return asdict(self) if self.shown or self.test else {}


def training_of(project: Project) -> Training | None:
    """The project's choice; None: everybody begins with real work."""
    if not project.training:
        return None
    try:
        found = read_training(project.training)
    except TrainingRefused:  # written by hand, past every form: nobody is shut out by it
        return None
    return found if found.as_dict() else None


def read_training(given: Mapping[str, Any]) -> Training:
    """Raises TrainingRefused."""
    if not isinstance(given, Mapping):
        raise TrainingRefused("shown", "Must be an object with shown, test, pass_mark and tries; empty: no training.")
    usual = Training()
    if unknown := sorted(set(given) - {"shown", "test", "pass_mark", "tries"}):
        raise TrainingRefused(str(unknown[0])[:60], "There is no such setting; there are: shown, test, pass_mark, tries.")
    numbers = {}
    for name, (low, high) in _LIMITS.items():
        value = given.get(name, getattr(usual, name))
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise TrainingRefused(name, f"{_NAMES[name]}: a whole number from {low} to {high}.")
        numbers[name] = value
    mark = given.get("pass_mark", usual.pass_mark)
    if isinstance(mark, bool) or not isinstance(mark, int | float) or not 0 < mark <= 1:
        raise TrainingRefused("pass_mark", "The pass mark is a share of the test items: more than 0, at most 1 (0.8 is 80 %).")
    return Training(pass_mark=float(mark), **numbers)


def check_training(project: Project, given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored form of these settings. Raises TrainingRefused, also where the project has not the items for them: else
    nobody could get any work."""
    wanted = read_training(given)
    kinds = [("shown", wanted.shown, True, "training"), ("test", wanted.test, False, "gold")]
    for field, n, training, kind in kinds:
        if n and (there := project.golds.filter(training=training).count()) < n:
            raise TrainingRefused(
                field,
                f"{_NAMES[field]}: the project has {there} {kind} item{'' if there == 1 else 's'}, and this wants {n}. "
                "Mark more on the page Handing out first.",
            )
    return wanted.as_dict()
