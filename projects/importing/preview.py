"""How a file would be read: encoding, delimiter, columns, the first rows; each a guess until people (or a request) say so."""

import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from projects.importing import archive as zips
from projects.importing import encodings
from projects.importing.check import many_labels
from projects.importing.errors import ImportRefused
from projects.importing.guess import guess_columns
from projects.importing.picture_labels import labels_file, read_labels
from projects.importing.rows import DELIMITERS, check_delimiter, find_delimiter, kind_of, open_text, read_columns, read_rows
from projects.models import Dataset, Modality
from projects.task_types import InvalidValue, TaskType, task_type

ROWS = 8
_CHOICES = {"text_column", "label_column", "key_column", "delimiter", "encoding", "columns", "folder_labels", "empty_is_none"}


@dataclass
class Preview:
    """What would be imported. `mapping` is complete; `notes` are things that people should look at."""

    modality: str
    mapping: dict
    columns: list[str] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)  # {"line", "cells", "problem"}
    notes: list[str] = field(default_factory=list)
    sure: bool = True
    n_pictures: int = 0
    folders: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise ImportRefused where a choice is missing or names a column that is not there."""
        mapping = self.mapping
        for name in ("text_column", "label_column", "key_column"):
            if mapping.get(name) and mapping[name] not in self.columns:
                raise ImportRefused(f"There is no column {mapping[name]!r}. The columns are: {_listed(self.columns)}.", name)
        if self.modality == Modality.TEXT and not mapping.get("text_column"):
            raise ImportRefused(f"Which column has the texts? The columns are: {_listed(self.columns)}.", "text_column")
        if self.modality == Modality.TEXT and mapping["text_column"] == mapping.get("label_column"):
            raise ImportRefused("The texts and the labels cannot be in the same column.", "label_column")
        if mapping.get("label_column") and mapping["label_column"] == mapping.get("key_column"):
            raise ImportRefused("The labels and the keys cannot be in the same column: a key names one row.", "key_column")
        if self.modality == Modality.TABLE:
            missing = [name for name in mapping["columns"] if name not in self.columns]
            if missing:
                raise ImportRefused(
                    f"There is no column {_listed(missing)}. The columns are: {_listed(self.columns)}.", "columns"
                )
            if not mapping["columns"]:
                raise ImportRefused("Choose at least one column that the learner may look at.", "columns")

    def check_sure(self) -> None:
        """For requests without a person to ask: raise ImportRefused where the guess is more than reading names."""
        names = _listed(self.columns)
        if not self.sure and self.modality == Modality.IMAGE:
            raise ImportRefused(f"Which column has the labels? Send label_column; the columns are: {names}.", "label_column")
        if not self.sure:
            raise ImportRefused(f"Which column has the texts? Send text_column; the columns are: {names}.", "text_column")
        self.check()


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:30]) + (" ..." if len(names) > 30 else "")


def preview(dataset: Dataset, chosen: dict | None = None) -> Preview:
    """What the file looks like under these choices (over those stored on the data set). Raises ImportRefused."""
    given = {**dataset.mapping, **(chosen or {})}
    unknown = given.keys() - _CHOICES - {"kind", "text_sure"}
    if unknown:
        raise ImportRefused(
            f"Unknown choice: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(_CHOICES))}.", sorted(unknown)[0]
        )
    task = task_type(dataset.project.task)
    if given.get("empty_is_none") and not task.empty_cells:
        raise ImportRefused("An empty cell can mean “none of them” only where items have several labels.", "empty_is_none")
    if dataset.project.modality == Modality.IMAGE:
        found = _pictures(dataset, given, task)
    else:
        with dataset.file.open("rb") as file:
            found = _table(file, dataset.name, dataset.project.modality, given, task)
    if task.empty_cells:
        found.mapping["empty_is_none"] = bool(given.get("empty_is_none"))
    return found


def _table(file, name: str, modality: str, given: dict, task: TaskType) -> Preview:
    kind = kind_of(name)
    notes = []
    encoding, certain = (given["encoding"], True) if given.get("encoding") else encodings.detect(file)
    if given.get("encoding"):
        encodings.check(file, encoding)
    elif not certain:
        notes.append(f"The file is not UTF-8. It was read as {encoding}, which is a guess: look whether every letter is right.")
    delimiter = ""
    if kind == "csv":
        delimiter = given.get("delimiter") or find_delimiter(open_text(file, encoding), name)
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        check_delimiter(delimiter)
    columns = read_columns(file, kind, encoding, delimiter)
    rows = list(itertools.islice(read_rows(file, kind, encoding, delimiter), 200))
    filled = [row.cells for row in rows if row.cells]
    guess = guess_columns(columns, filled, modality, task.columns)
    if not filled and not rows:
        raise ImportRefused("The file has a first line with names, and no rows below it.", "file")
    mapping = {"kind": kind, "encoding": encoding, "delimiter": delimiter}
    for choice in ("text_column", "label_column", "key_column"):
        mapping[choice] = given[choice] if given.get(choice) is not None else guess[choice]
    sure = guess["sure"] or bool(given.get("text_column"))
    if modality == Modality.TABLE:
        # A learner that sees the label learns to read it off: it is never among the columns, whatever was ticked.
        named = {mapping["label_column"], mapping["key_column"]}
        wanted = columns if given.get("columns") is None else given["columns"]
        mapping["columns"] = [name for name in wanted if name not in named]
    else:
        mapping["columns"] = []
    if len(columns) == 1 and kind == "csv" and modality == Modality.TABLE:
        notes.append(f"Only one column was found with the {DELIMITERS.get(delimiter, 'delimiter')} as delimiter: is that right?")
    labeled, labels = _names(task, [cells.get(mapping["label_column"]) or "" for cells in filled])
    if warning := many_labels(len(labels), labeled):
        notes.append(f"{warning} (The first {len(rows)} rows were counted.)")
    shown = [{"line": r.line, "cells": r.cells, "problem": r.problem} for r in rows if r.cells or r.problem][:ROWS]
    return Preview(modality, mapping, columns, shown, notes, sure)


def _names(task: TaskType, cells: list[str]) -> tuple[int, set[str]]:
    """(how many of these cells have a value, the names in them); what is wrong with a cell, the import will say."""
    labeled, names = 0, set()
    for cell in cells:
        with suppress(InvalidValue):
            if (raw := task.read_cell(cell.strip())) is not None:
                labeled += 1
                names.update(task.names_in(raw))
    return labeled, names


def _pictures(dataset: Dataset, given: dict, task: TaskType) -> Preview:
    mapping = {"kind": "images", "folder_labels": bool(given.get("folder_labels")), "label_column": "", "key_column": ""}
    found = Preview(Modality.IMAGE, mapping)
    pictures = _picture_names(dataset)
    found.n_pictures = len(pictures)
    found.folders = sorted({PurePosixPath(name).parent.name for name in pictures} - {""})[:200]
    _read_label_columns(dataset, found, given, task)
    labels = {}
    if found.columns and found.mapping["label_column"] in ["", *found.columns]:
        table = read_labels(dataset, found.mapping)
        labels = table.match(pictures)
        found.notes += _label_notes(sum(map(bool, labels.values())), len(pictures), len(table.problems))
    for place, name in enumerate(pictures[:ROWS], 1):
        label = labels.get(name) or (PurePosixPath(name).parent.name if mapping["folder_labels"] else "")
        found.rows.append({"line": place, "cells": {"file": name, "label": label}, "problem": ""})
    return found


def _picture_names(dataset: Dataset) -> list[str]:
    if not dataset.name.lower().endswith(".zip"):
        return [dataset.name]
    with dataset.file.open("rb") as file, zips.open_archive(file) as archive:
        names = [info.filename for _, info in zips.pictures(archive)]
    if not names:
        raise ImportRefused("There is no picture in the zip.", "file")
    return names


def _read_label_columns(dataset: Dataset, found: Preview, given: dict, task: TaskType) -> None:
    """Which columns of the CSV of labels name the picture and its label."""
    with labels_file(dataset) as (file, name):
        if file is None:
            return
        table = _table(file, name, Modality.TABLE, {}, task)
    lower = {name.lower(): name for name in table.columns}
    file_column = next((lower[n] for n in ("file", "filename", "file_name", "image", "path", "name") if n in lower), "")
    if not file_column:
        raise ImportRefused(f"The CSV of labels needs a column “file”; it has: {_listed(table.columns)}.", "labels_file")
    others = [name for name in table.columns if name != file_column]
    guess = table.mapping["label_column"] or (others[0] if len(others) == 1 else "")
    label_column = guess if given.get("label_column") is None else given["label_column"]
    found.columns, found.notes = table.columns, table.notes
    found.sure = bool(guess) or given.get("label_column") is not None or not others
    found.mapping |= {
        "key_column": file_column, "label_column": label_column,
        "encoding": table.mapping["encoding"], "delimiter": table.mapping["delimiter"],
    }  # fmt: skip


def _label_notes(labeled: int, pictures: int, problems: int) -> list[str]:
    if not problems:
        return []
    some = "One line of it does not fit, and the report of the import will name it."
    if problems > 1:
        some = f"{problems:,} lines of it do not fit, and the report of the import will name them."
    return [f"The CSV gives {labeled:,} of the {pictures:,} pictures a label. {some}"]
