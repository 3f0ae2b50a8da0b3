"""Pass 1: every row is looked at, nothing is written. What comes out is a plan: which rows go in, which do not and why."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from projects.importing.errors import ImportRefused, RowError
from projects.importing.limits import MAX_KEY, MAX_LABEL, MAX_LABELS, MAX_TEXT, SHOWN_ERRORS
from projects.importing.rows import UNSTORABLE, Row
from projects.labels import CONTROL
from projects.models import Item, Project
from projects.task_types import InvalidValue, TaskType

# Looks like nothing: spaces of all kinds, and characters of no width.
_NO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_INVISIBLE = dict.fromkeys(map(ord, _NO_WIDTH))
# Around a label they are dust; inside it they may be spelling (Persian words, joined emoji).
_EDGES = _NO_WIDTH + "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
_MANY, _NEARLY_ALL = 50, 0.9
_DIGEST = 2**64 - 1


@dataclass(slots=True)
class Record:
    """One row that will be an item: its place, key, content, value (raw, as JSON; "" for none) and everything else it had.

    `labels` are the names in the value.
    """

    row: int
    key: str
    content: str
    value: str
    metadata: dict
    labels: Sequence[str] = ()


@dataclass
class Plan:
    """What pass 1 found. `report` is an open CSV writer for every row that is left out; `errors` its first rows."""

    report: IO[str]
    rows: int = 0
    accepted: int = 0
    labeled: int = 0
    skipped: int = 0
    errors: list[dict] = field(default_factory=list)
    labels: dict[str, None] = field(default_factory=dict)
    # key -> row and digest of the whole row in one number: a million tuples would cost memory, and the collector's time.
    places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._writer = csv.writer(self.report)
        self._writer.writerow(["row", "key", "field", "reason"])

    def leave_out(self, error: RowError) -> None:
        error = RowError(error.row, *map(_printable, (error.key, error.field, error.error)))
        self.skipped += 1
        self._writer.writerow([error.row, error.key, error.field, error.error])
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append(error.as_dict())

    def accept(self, record: Record) -> bool:
        """Count the record in, unless its key is taken by an earlier row of the file."""
        digest = hashlib.blake2b(f"{record.content}\0{record.value}".encode(), digest_size=8).digest()
        place = record.row << 64 | int.from_bytes(digest)
        if (earlier := self.places.get(record.key)) is not None:
            row = earlier >> 64
            same = earlier & _DIGEST == place & _DIGEST
            reason = f"repeats row {row} word for word" if same else f"has the key of row {row}, and other content"
            self.leave_out(RowError(record.row, record.key, "key", reason))
            return False
        self.places[record.key] = place
        self.accepted += 1
        self.labeled += bool(record.value)
        self.labels.update(dict.fromkeys(record.labels))
        if len(self.labels) > MAX_LABELS:
            text = f"More than {MAX_LABELS:,} different labels: is it the right column? Choose another one, or none."
            raise ImportRefused(text, "label_column")
        return True

    def warning(self) -> str:
        """What people should look at although every row is in order; "" for nothing."""
        return many_labels(len(self.labels), self.labeled)


def many_labels(labels: int, labeled: int) -> str:
    """A warning where nearly every row has a label that no other row has."""
    if labeled < _MANY or labels < labeled * _NEARLY_ALL:
        return ""
    return f"{labeled:,} rows with a label have {labels:,} different ones: is it the right column for the labels?"


def _printable(text: str) -> str:
    """As it can be stored and shown, whatever was wrong with it."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


class BadRow(ValueError):
    """(field, reason)"""


def records(
    rows: Iterator[Row], make: Callable[[Row], Record], plan: Plan, tick: Callable[[int], None], key_column: str = ""
) -> Iterator[Record]:
    """The rows as records; those that cannot be one are left out in the plan, with their reason."""
    for row in rows:
        plan.rows += 1
        if plan.rows % 2000 == 0:
            tick(plan.rows)
        if row.problem:
            plan.leave_out(RowError(row.line, "", "row", row.problem))
        elif not row.cells:
            plan.leave_out(RowError(row.line, "", "row", "is blank"))
        else:
            try:
                yield make(row)
            except BadRow as error:
                field_name, reason = error.args
                plan.leave_out(RowError(row.line, (row.cells.get(key_column) or "").strip()[:MAX_KEY], field_name, reason))


def check_storable(value: str, column: str) -> None:
    if found := UNSTORABLE.search(value):
        if found[0] == "\0":
            raise BadRow(column, "holds a NUL character, which no text has: the file is damaged, or is not in this encoding")
        raise BadRow(column, f"holds half a character (\\u{ord(found[0]):04x}, one half of a surrogate pair), which is none")


def clean_text(value: str, column: str) -> str:
    """A text that can be shown and stored, unchanged."""
    check_storable(value, column)
    if len(value) > MAX_TEXT:
        raise BadRow(column, f"has {len(value):,} characters; at most {MAX_TEXT:,} are allowed: split the text")
    if not value.translate(_INVISIBLE).strip():
        raise BadRow(column, "is empty")
    return value


def clean_key(value: str, column: str) -> str:
    value = value.strip()
    if not value:
        raise BadRow(column, "is empty: every row needs a key of its own")
    check_storable(value, column)
    if len(value) > MAX_KEY:
        raise BadRow(column, f"has {len(value)} characters; a key has at most {MAX_KEY}")
    return value


def read_value(task: TaskType, cell: str, column: str, content: str, *, empty_is_none: bool = False) -> tuple[str, list[str]]:
    """(the value, raw, as JSON; the names of labels in it); ("", []) where the row has none yet. Raises BadRow."""
    try:
        check_storable(cell, column)
        raw = task.read_cell(cell.strip(_EDGES), empty_is_none=empty_is_none)
        if raw is not None:
            raw = task.renamed(raw, lambda name: clean_label(name, column))
        if raw is None:
            return "", []
        names = task.names_in(raw)
        if problem := next(filter(None, map(task.name_problem, names)), ""):
            raise BadRow(column, problem)
        task.check_content(raw, content)
    except InvalidValue as error:
        raise BadRow(column, str(error)) from None
    return json.dumps(raw, ensure_ascii=False), names


def clean_label(value: str, column: str) -> str:
    """A label's name; "" where nothing can be seen of it."""
    value = value.strip(_EDGES)
    check_storable(value, column)
    if CONTROL.search(value):
        raise BadRow(column, "holds a line break or another control character; a label is one line. Is it the right column?")
    if len(value) > MAX_LABEL:
        raise BadRow(column, f"has {len(value)} characters; a label has at most {MAX_LABEL}. Is it the right column?")
    return value


def drop_keys_in_use(project: Project, plan: Plan, chunk: int = 5000) -> None:
    """Rows whose key an item of the project has already: that item is never overwritten."""
    if not project.items.exists():
        return
    keys = list(plan.places)
    for start in range(0, len(keys), chunk):
        in_use = Item.objects.filter(project=project, key__in=keys[start : start + chunk]).values_list("key", flat=True)
        for key in in_use:
            row = plan.places.pop(key) >> 64
            plan.accepted -= 1
            plan.leave_out(RowError(row, key, "key", "is the key of an item that the project has already; that one is kept"))
