"""What kinds of answer a project can ask for. One class per task type; nothing else in the code asks "which task is this?".

A value has three forms: *raw* (what a file or a REST client writes: names), *stored* (what the database keeps: label ids, so
that a label can be renamed) and *code* (what the learner sees: positions in a list of classes).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


class InvalidValue(ValueError):
    """The value is not one of this task; the message says what is allowed."""


class SingleLabel:
    """Exactly one label per item."""

    name = "single"
    title = "One label per item"
    template = "annotation/tasks/_single.html"
    main_metric = "accuracy"

    def parse(self, raw: Any, ids_by_name: Mapping[str, int]) -> int:
        """The stored form of a raw value: the id of the label that is called so."""
        if isinstance(raw, bool) or not isinstance(raw, str | int):
            raise InvalidValue("The value must be the name of one label, as a text.")
        name = str(raw).strip()
        if name not in ids_by_name:
            known = ", ".join(list(ids_by_name)[:12]) + (" ..." if len(ids_by_name) > 12 else "")
            raise InvalidValue(f"There is no label {name!r} here. The labels are: {known or 'none yet'}.")
        return ids_by_name[name]

    def display(self, stored: int | None, names_by_id: Mapping[int, str]) -> str:
        """The raw form of a stored value; empty for none."""
        return "" if stored is None else names_by_id.get(stored, f"(label {stored})")

    def labels_of(self, stored: int) -> list[int]:
        """The ids of the labels that a stored value names."""
        return [stored]

    def replaced(self, stored: int, old: int, new: int) -> int:
        """The value with one label in the place of another, as when labels are merged."""
        return new if stored == old else stored

    def naming(self, label_id: int) -> dict[str, Any]:
        """As a condition on a model's `value`: those that name this label."""
        return {"value": label_id}

    def consensus(self, values: Sequence[int]) -> int | None:
        """The value of most of the answers; None where two values tie for the first place, or nobody answered."""
        ranked = Counter(values).most_common(2)
        if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]


_TASK_TYPES = {task.name: task for task in (SingleLabel(),)}


def task_type(name: str) -> SingleLabel:
    """The task type of that name; KeyError names the ones that exist."""
    try:
        return _TASK_TYPES[name]
    except KeyError:
        raise KeyError(f"No task type {name!r}; there are: {', '.join(_TASK_TYPES)}.") from None


def task_choices() -> list[tuple[str, str]]:
    return [(task.name, task.title) for task in _TASK_TYPES.values()]
