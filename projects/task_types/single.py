"""One label per item."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet

from projects.task_types.base import InvalidValue, TaskType, label_id, label_name


class SingleLabel(TaskType):
    """Exactly one label per item. Raw: its name; stored: its id."""

    name = "single"
    title = "One label per item"
    template = "annotation/tasks/_single.html"
    keys_template = "annotation/tasks/_single_keys.html"
    rules = ("majority", "first", "unanimous", "weighted")
    least_labels = 2
    few_values = True

    def read_cell(self, cell: str, *, empty_is_none: bool = False) -> str | None:
        return cell or None

    def names_in(self, raw: str) -> list[str]:
        return [raw]

    def renamed(self, raw: str, clean: Callable[[str], str]) -> str | None:
        return clean(raw) or None

    def parse(self, raw: Any, ids_by_name: Mapping[str, int]) -> int:
        if isinstance(raw, bool) or not isinstance(raw, str | int):
            raise InvalidValue("The value must be the name of one label, as a text.")
        return label_id(raw, ids_by_name)

    def raw(self, stored: int | None, names_by_id: Mapping[int, str]) -> str | None:
        return None if stored is None else label_name(stored, names_by_id)

    def cell(self, stored: int | None, names_by_id: Mapping[int, str]) -> str:
        return self.display(stored, names_by_id)

    def display(self, stored: int | None, names_by_id: Mapping[int, str]) -> str:
        return "" if stored is None else label_name(stored, names_by_id)

    def labels_of(self, stored: int) -> list[int]:
        return [stored]

    def replaced(self, stored: int, old: int, new: int) -> int:
        return new if stored == old else stored

    def naming(self, label_id: int, field: str = "value") -> dict[str, Any]:
        return {field: label_id}

    def count(self, rows: QuerySet, field: str = "value") -> Counter:
        given = rows.order_by().exclude(**{f"{field}__isnull": True})
        return Counter({value: n for value, n in given.values_list(field).annotate(n=Count("pk")) if value is not None})

    def consensus(self, values: Sequence[int]) -> int | None:
        """The value of most of the answers; None where two values tie for the first place, or nobody answered."""
        ranked = Counter(values).most_common(2)
        if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]
