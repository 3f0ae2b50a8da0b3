"""Pass 1: every row is looked at, nothing is written. What comes out is a plan: which rows go in, which do not and why."""

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from projects.importing.errors import ImportRefused, RowError
from projects.importing.limits import MAX_KEY, MAX_LABEL, MAX_LABELS, MAX_TEXT, SHOWN_ERRORS
from projects.importing.rows import Row
from projects.models import Item, Project

# Looks like nothing: spaces of all kinds, and characters of no width.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


@dataclass
class Record:
    """One row that will be an item: its place, key, content, the label's name ("" for none) and everything else it had."""

    row: int
    key: str
    content: str
    label: str
    metadata: dict


@dataclass
class Plan:
    """What pass 1 found. `report` is an open CSV writer for every row that is left out; `errors` its first rows."""

    report: IO[str]
    rows: int = 0
    accepted: int = 0
    skipped: int = 0
    errors: list[dict] = field(default_factory=list)
    labels: dict[str, None] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    places: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # key -> (row, digest of the whole row)

    def __post_init__(self) -> None:
        self._writer = csv.writer(self.report)
        self._writer.writerow(["row", "key", "field", "reason"])

    def leave_out(self, error: RowError) -> None:
        self.skipped += 1
        self.left_out.add(error.row)
        self._writer.writerow([error.row, error.key, error.field, error.error])
        if len(self.errors) < SHOWN_ERRORS:
            self.errors.append(error.as_dict())

    def accept(self, record: Record) -> None:
        """Count the record in, unless its key is taken by an earlier row of the file."""
        digest = hashlib.blake2b(f"{record.content}\0{record.label}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if (earlier := self.places.get(record.key)) is not None:
            same = earlier[1] == digest
            reason = f"repeats row {earlier[0]} word for word" if same else f"has the key of row {earlier[0]}, and other content"
            self.leave_out(RowError(record.row, record.key, "key", reason))
            return
        self.places[record.key] = (record.row, digest)
        self.accepted += 1
        if record.label and record.label not in self.labels:
            self.labels[record.label] = None
            if len(self.labels) > MAX_LABELS:
                text = f"More than {MAX_LABELS:,} different labels: is it the right column? Choose another one, or none."
                raise ImportRefused(text, "label_column")


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


def clean_text(value: str, column: str) -> str:
    """A text that can be shown and stored, unchanged."""
    if "\0" in value:
        raise BadRow(column, "holds a NUL character, which no text has: the file is damaged, or is not in this encoding")
    if len(value) > MAX_TEXT:
        raise BadRow(column, f"has {len(value):,} characters; at most {MAX_TEXT:,} are allowed: split the text")
    if not value.translate(_INVISIBLE).strip():
        raise BadRow(column, "is empty")
    return value


def clean_key(value: str, column: str) -> str:
    value = value.strip()
    if not value:
        raise BadRow(column, "is empty: every row needs a key of its own")
    if "\0" in value:
        raise BadRow(column, "holds a NUL character")
    if len(value) > MAX_KEY:
        raise BadRow(column, f"has {len(value)} characters; a key has at most {MAX_KEY}")
    return value


def clean_label(value: str, column: str) -> str:
    """The label's name; "" where the row has none yet."""
    value = value.translate(_INVISIBLE).strip()
    if "\0" in value:
        raise BadRow(column, "holds a NUL character")
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
            row, _ = plan.places.pop(key)
            plan.accepted -= 1
            plan.leave_out(RowError(row, key, "key", "is the key of an item that the project has already; that one is kept"))
