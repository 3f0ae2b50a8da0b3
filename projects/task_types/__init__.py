"""What kinds of answer a project can ask for. One class per task type; nothing else in the code asks "which task is this?"."""

from collections.abc import Iterable

from projects.models import Modality
from projects.task_types.base import InvalidValue, TaskType, label_name
from projects.task_types.multiple import MultipleLabels
from projects.task_types.single import SingleLabel
from projects.task_types.spans import OverlappingSpans, Spans

__all__ = [
    "VALUE_HELP",
    "InvalidValue",
    "MultipleLabels",
    "OverlappingSpans",
    "SingleLabel",
    "Spans",
    "TaskType",
    "label_name",
    "project_problems",
    "task_choices",
    "task_type",
]

VALUE_HELP = (
    "By the project's task. single: the name of a label. multiple: a list of names, [] for none of them. spans and "
    'spans_overlapping: a list of {"start", "end", "label"}, counted in code points, the end excluded; [] for nothing marked.'
)

_TASK_TYPES: dict[str, TaskType] = {task.name: task for task in (SingleLabel(), MultipleLabels(), Spans(), OverlappingSpans())}


def task_type(name: str) -> TaskType:
    """The task type of that name; KeyError names the ones that exist."""
    try:
        return _TASK_TYPES[name]
    except KeyError:
        raise KeyError(f"No task type {name!r}; there are: {', '.join(_TASK_TYPES)}.") from None


def task_choices() -> list[tuple[str, str]]:
    return [(task.name, task.title) for task in _TASK_TYPES.values()]


def project_problems(task_name: str, modality: str, labels: Iterable[str] = ()) -> dict[str, str]:
    """What is wrong with such a project, by field: {"task": "...", "labels": "..."}."""
    task = task_type(task_name)
    problems = {}
    if modality not in task.modalities:
        kinds = " or ".join(str(Modality(name).label).lower() for name in task.modalities)
        problems["task"] = f"“{task.title}” is for {kinds} only."
    if named := next(((name, problem) for name in labels if (problem := task.name_problem(name))), None):
        problems["labels"] = f"{named[1]} This one has: {named[0]}."
    return problems
