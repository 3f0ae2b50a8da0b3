"""Any number of labels per item."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from projects.task_types.base import InvalidValue, TaskType, from_json, label_id, label_name
from projects.task_types.lookups import count_named

NONE = "none of them"


class MultipleLabels(TaskType):
    """Any number of labels per item. Raw: a list of names, [] for none of them (an answer too); stored: their ids, ascending."""

    name = "multiple"
    title = "Several labels per item, or none"
    template = "annotation/tasks/_multiple.html"
    keys_template = "annotation/tasks/_multiple_keys.html"
    main_metric = "f1_micro"
    columns = ("labels",)
    column_help = "Names with | between them, or a JSON list; | alone is none of them."
    empty_cells = True
    decided_by = "labels"

    def name_problem(self, name: str) -> str:
        return "A label's name has no | where items have several labels: files separate the labels by it." if "|" in name else ""

    def read_cell(self, cell: str, *, empty_is_none: bool = False) -> list[str] | None:
        """Names joined by |, or a JSON list of them; | alone is none of them."""
        cell = cell.strip()
        if not cell:
            return [] if empty_is_none else None
        found = from_json(cell, "[")
        return _names(cell if found is None else found)

    def names_in(self, raw: list[str]) -> list[str]:
        return raw

    def renamed(self, raw: list[str], clean: Callable[[str], str]) -> list[str]:
        return list(dict.fromkeys(name for given in raw if (name := clean(given))))

    def parse(self, raw: Any, ids_by_name: Mapping[str, int]) -> list[int]:
        if isinstance(raw, str) and not raw.strip():
            raise InvalidValue("The value must be a list of names of labels; [] for none of them.")
        return sorted({label_id(name, ids_by_name) for name in _names(raw)})

    def raw(self, stored: list[int] | None, names_by_id: Mapping[int, str]) -> list[str] | None:
        if stored is None:
            return None
        chosen = set(stored)
        return [name for pk, name in names_by_id.items() if pk in chosen] + [
            label_name(pk, {}) for pk in stored if pk not in names_by_id
        ]

    def cell(self, stored: list[int] | None, names_by_id: Mapping[int, str]) -> str:
        if stored is None:
            return ""
        return "|".join(self.raw(stored, names_by_id)) or "|"

    def display(self, stored: list[int] | None, names_by_id: Mapping[int, str]) -> str:
        if stored is None:
            return ""
        return " | ".join(self.raw(stored, names_by_id)) or NONE

    def sent(self, form: QueryDict) -> Any:
        """Boxes named `label`, of which none may be ticked, or an answer as a cell."""
        return form["value"] if "value" in form else form.getlist("label")

    def labels_of(self, stored: list[int]) -> list[int]:
        return stored

    def replaced(self, stored: list[int], old: int, new: int) -> list[int]:
        return sorted({new if pk == old else pk for pk in stored})

    def naming(self, label_id: int, field: str = "value") -> dict[str, Any]:
        return {f"{field}__names_label": label_id}

    def count(self, rows: QuerySet, field: str = "value") -> Counter:
        return count_named(rows, field)

    def consensus(self, values: Sequence[list[int]]) -> list[int] | None:
        """The labels that more than half of the answers have; None where half of them have one."""
        counts = Counter(pk for value in values for pk in value)
        if not values or any(2 * n == len(values) for n in counts.values()):
            return None
        return sorted(pk for pk, n in counts.items() if 2 * n > len(values))


def _names(raw: Any) -> list[str]:
    """Each once, in their order."""
    names = raw.split("|") if isinstance(raw, str) else raw
    if not isinstance(names, list) or any(isinstance(n, bool) or not isinstance(n, str | int) for n in names):
        raise InvalidValue("The value must be a list of names of labels, or the names as one text, joined by |.")
    return list(dict.fromkeys(name for n in names if (name := str(n).strip())))
