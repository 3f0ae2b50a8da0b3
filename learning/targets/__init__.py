"""What the learner learns and predicts in each task type, and what a run may be asked for there: one object per task type.

The loop, the form of a run and its pages ask `targets_of(project)`; nothing else in `learning` asks "which task is this?".
"""

from learning.targets.base import Targets
from learning.targets.many import ManyLabels
from learning.targets.one import OneLabel
from projects.models import Project

__all__ = ["ONE_LABEL", "Targets", "strategy_named", "targets_of"]

ONE_LABEL = OneLabel()
_TARGETS: dict[str, Targets] = {targets.task: targets for targets in (ONE_LABEL, ManyLabels())}


def targets_of(project: Project) -> Targets:
    """Of a task type that no run can learn: those of one label per item, by which nothing is ever started."""
    return _TARGETS.get(project.task, ONE_LABEL)


def strategy_named(name: str) -> type | None:
    """The strategy of that name, of whichever task type; None of a plug-in that is not installed any more."""
    return next((targets.strategies.get(name) for targets in _TARGETS.values() if name in targets.strategies), None)
