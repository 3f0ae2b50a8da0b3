"""How several answers to one item become one, by the rules that projects choose from (named in projects/consensus_rules.py).

A rule looks at values only: equal values are equal answers, whatever the task type, which has the last word where it counts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp
from typing import Any

from projects.consensus_rules import RULES
from projects.task_types import TaskType

# Weights are log-odds: the sure share below which a weighted disagreement asks one person more.
SURE = 0.75


class Step(Enum):
    SETTLED = "settled"
    ONE_MORE = "one more"
    DISPUTED = "disputed"


@dataclass(frozen=True)
class Answer:
    """One person's current answer, in its stored form. extra: it came when the item had all its answers already."""

    user: int
    value: Any
    extra: bool = False


@dataclass(frozen=True)
class Decision:
    step: Step
    value: Any = None


ONE_MORE, DISPUTED = Decision(Step.ONE_MORE), Decision(Step.DISPUTED)
# The weight of each person, by id; asked for only where answers differ, for it reads the project's answers.
Weigh = Callable[[], Mapping[int, float]]


def decide(rule: str, task: TaskType, answers: Sequence[Answer], weigh: Weigh) -> Decision:
    """What the rule makes of the answers (at least one, the earliest person first). KeyError for a rule that there is not."""
    decide_by = _DECIDE[rule]
    return (decide_by if rule in task.rules else _majority)(task, answers, weigh)


def _majority(task: TaskType, answers: Sequence[Answer], weigh: Weigh) -> Decision:
    value = task.consensus([answer.value for answer in answers])
    if value is None:  # an extra answer adds to a majority; it does not turn a decision into a tie
        value = task.consensus([answer.value for answer in answers if not answer.extra])
    return ONE_MORE if value is None else Decision(Step.SETTLED, value)


def _first(task: TaskType, answers: Sequence[Answer], weigh: Weigh) -> Decision:
    return Decision(Step.SETTLED, answers[0].value)


def _unanimous(task: TaskType, answers: Sequence[Answer], weigh: Weigh) -> Decision:
    values = _asked_for(answers)
    return Decision(Step.SETTLED, values[0]) if all(value == values[0] for value in values) else DISPUTED


def _weighted(task: TaskType, answers: Sequence[Answer], weigh: Weigh) -> Decision:
    if all(answer.value == answers[0].value for answer in answers):
        return Decision(Step.SETTLED, answers[0].value)
    weights = weigh()
    if not weights:
        return _majority(task, answers, weigh)
    by_value: dict[str, float] = {}
    for answer in answers:
        key = json.dumps(answer.value, sort_keys=True)
        by_value[key] = by_value.get(key, 0.0) + weights.get(answer.user, 0.0)
    best = max(by_value, key=by_value.__getitem__)
    share = 1 / sum(exp(weight - by_value[best]) for weight in by_value.values())
    return Decision(Step.SETTLED, json.loads(best)) if share >= SURE else ONE_MORE


def _asked_for(answers: Sequence[Answer]) -> list[Any]:
    return [answer.value for answer in answers if not answer.extra] or [answer.value for answer in answers]


_DECIDE = {"majority": _majority, "first": _first, "unanimous": _unanimous, "weighted": _weighted}
assert _DECIDE.keys() == RULES.keys()
