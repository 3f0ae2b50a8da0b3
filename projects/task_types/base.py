"""What a task type answers for. A value has four forms:

*raw* (what a file or a REST client writes: names), *stored* (what the database keeps: label ids, so that a label can be renamed),
*words* (`display`, for people) and *cell* (one cell of a CSV). The learner sees a fifth, which `learning` makes.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from projects.models import Modality


class InvalidValue(ValueError):
    """The value is not one of this task; the message says what is allowed."""


class TaskType:
    """One kind of answer. Stored values are JSON, and equal answers are equal JSON."""

    name = ""
    title = ""
    template = ""
    keys_template = ""  # the rows of the help that say which keys answer
    main_metric = "accuracy"
    # What the items of such a project can be, and the rules of consensus that make sense of its answers.
    modalities: Sequence[str] = tuple(Modality.values)
    rules: Sequence[str] = ("majority", "first", "unanimous")
    # Why no run can learn from its answers; "" where one can.
    not_learned = ""
    # With fewer labels there is nothing to ask.
    least_labels = 1
    # Each value stands in many rows, so that labels are counted and changed value by value; else row by row.
    few_values = False
    # What the column of the values is called in files, if not label.
    columns: Sequence[str] = ()
    column_label = "Labels"
    column_help = "May be partly empty."
    # An empty cell of a file can be a value.
    empty_cells = False
    # How a reviewer says it: by one label, by several, or only by one of the answers that people gave.
    decided_by = "label"
    # Values are checked against the content of their item.
    needs_content = False

    def name_problem(self, name: str) -> str:
        """Why this cannot be the name of a label; "" where it can."""
        return ""

    def read_cell(self, cell: str, *, empty_is_none: bool = False) -> Any:
        """The raw value of a cell, its labels not looked up yet; None for no value. Raises InvalidValue."""
        raise NotImplementedError

    def names_in(self, raw: Any) -> list[str]:
        """The names of labels in a raw value that `read_cell` has given."""
        raise NotImplementedError

    def renamed(self, raw: Any, clean: Callable[[str], str]) -> Any:
        """A raw value that `read_cell` has given, with every name as `clean` gives it back; None where no value is left."""
        raise NotImplementedError

    def parse(self, raw: Any, ids_by_name: Mapping[str, int]) -> Any:
        """The stored form of a raw value. Raises InvalidValue."""
        raise NotImplementedError

    def check_content(self, value: Any, content: str) -> None:
        """Raise InvalidValue where a value, raw or stored, cannot be one of an item with this content."""

    def read(self, raw: Any, ids_by_name: Mapping[str, int], content: str) -> Any:
        """The stored form of a raw value as one of an item with this content. Raises InvalidValue."""
        stored = self.parse(raw, ids_by_name)
        self.check_content(stored, content)
        return stored

    def raw(self, stored: Any, names_by_id: Mapping[int, str]) -> Any:
        """What REST writes, with names in the order of `names_by_id`; None for None."""
        raise NotImplementedError

    def line(self, stored: Any, names_by_id: Mapping[int, str], content: str) -> Any:
        """What JSON lines write of an item with this content; None for None."""
        return self.raw(stored, names_by_id)

    def cell(self, stored: Any, names_by_id: Mapping[int, str]) -> str:
        """What a CSV writes, and `read_cell` reads; empty for None."""
        raise NotImplementedError

    def display(self, stored: Any, names_by_id: Mapping[int, str]) -> str:
        """For people; empty for None."""
        raise NotImplementedError

    def words(self, stored: Any, names_by_id: Mapping[int, str], content: str) -> str:
        """For people who see the answers to an item with this content; empty for None."""
        return self.display(stored, names_by_id)

    def sent(self, form: QueryDict) -> Any:
        """The raw value that a form of a reviewer holds."""
        return form.get("value")

    def labels_of(self, stored: Any) -> list[int]:
        """The ids of the labels that a stored value names, each once."""
        raise NotImplementedError

    def replaced(self, stored: Any, old: int, new: int) -> Any:
        """The value with one label in the place of another, as when labels are merged."""
        raise NotImplementedError

    def naming(self, label_id: int, field: str = "value") -> dict[str, Any]:
        """As a condition on a model's field: the rows that name this label."""
        raise NotImplementedError

    def count(self, rows: QuerySet, field: str = "value") -> Counter:
        """{label id: how many of these rows name it}."""
        raise NotImplementedError

    def consensus(self, values: Sequence[Any]) -> Any:
        """The value of most of the answers; None where they are undecided, or nobody answered."""
        raise NotImplementedError


def label_id(name: Any, ids_by_name: Mapping[str, int]) -> int:
    """The id of the label that is called so. Raises InvalidValue, which names those that there are."""
    name = str(name).strip()
    if name not in ids_by_name:
        known = ", ".join(list(ids_by_name)[:12]) + (" ..." if len(ids_by_name) > 12 else "")
        raise InvalidValue(f"There is no label {name!r} here. The labels are: {known or 'none yet'}.")
    return ids_by_name[name]


def label_name(pk: int, names_by_id: Mapping[int, str]) -> str:
    return names_by_id.get(pk, f"(label {pk})")


def from_json(cell: str, beginning: str) -> Any:
    """What a cell holds that is JSON and begins so; None where it is not."""
    if not cell.startswith(beginning):
        return None
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None
