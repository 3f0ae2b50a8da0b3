"""How a file would be read: encoding, delimiter, columns, the first rows; each a guess until people (or a request) say so."""

import io
import itertools
from dataclasses import dataclass, field

from projects.importing import archive as zips
from projects.importing import encodings
from projects.importing.errors import ImportRefused
from projects.importing.guess import guess_columns
from projects.importing.rows import DELIMITERS, find_delimiter, kind_of, open_text, read_columns, read_rows
from projects.models import Dataset, Modality

ROWS = 8
_CHOICES = {"text_column", "label_column", "key_column", "delimiter", "encoding", "columns", "folder_labels"}


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
        if not self.sure:
            names = _listed(self.columns)
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
    if dataset.project.modality == Modality.IMAGE:
        return _pictures(dataset, given)
    with dataset.file.open("rb") as file:
        return _table(file, dataset.name, dataset.project.modality, given)


def _table(file, name: str, modality: str, given: dict) -> Preview:
    kind = kind_of(name)
    notes = []
    encoding, certain = (given["encoding"], True) if given.get("encoding") else encodings.detect(file)
    if given.get("encoding"):
        encodings.check(file, encoding)
    elif not certain:
        notes.append(
            f"The file is not UTF-8. It was read as {encoding}: look at the letters with accents, or choose another encoding."
        )
    delimiter = ""
    if kind == "csv":
        delimiter = given.get("delimiter") or find_delimiter(open_text(file, encoding), name)
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise ImportRefused("The delimiter is one character, or the word tab.", "delimiter")
    columns = read_columns(file, kind, encoding, delimiter)
    rows = list(itertools.islice(read_rows(file, kind, encoding, delimiter), 200))
    filled = [row.cells for row in rows if row.cells]
    guess = guess_columns(columns, filled, modality)
    if not filled and not rows:
        raise ImportRefused("The file has a first line with names, and no rows below it.", "file")
    mapping = {"kind": kind, "encoding": encoding, "delimiter": delimiter}
    for choice in ("text_column", "label_column", "key_column"):
        mapping[choice] = given[choice] if given.get(choice) is not None else guess[choice]
    sure = guess["sure"] or bool(given.get("text_column"))
    if modality == Modality.TABLE:
        named = {mapping["label_column"], mapping["key_column"]}
        mapping["columns"] = given.get("columns") or [name for name in columns if name not in named]
    else:
        mapping["columns"] = []
    if len(columns) == 1 and kind == "csv" and modality == Modality.TABLE:
        notes.append(f"Only one column was found with the {DELIMITERS.get(delimiter, 'delimiter')} as delimiter: is that right?")
    shown = [{"line": r.line, "cells": r.cells, "problem": r.problem} for r in rows if r.cells or r.problem][:ROWS]
    return Preview(modality, mapping, columns, shown, notes, sure)


def labels_table(dataset: Dataset) -> tuple[Preview, object] | None:
    """The CSV `file,label` beside (or inside) an archive of pictures, and a function that opens it; None without one."""
    if dataset.labels_file:
        opened, name = dataset.labels_file.open("rb"), dataset.labels_file.name
    else:
        if not dataset.name.lower().endswith(".zip"):
            return None
        with dataset.file.open("rb") as file, zips.open_archive(file) as archive:
            tables = zips.csv_members(archive)
            if len(tables) != 1:
                return None
            opened, name = io.BytesIO(archive.read(tables[0])), tables[0].filename
    table = _table(opened, name, Modality.TABLE, {})
    return table, opened


def _pictures(dataset: Dataset, given: dict) -> Preview:
    mapping = {"kind": "images", "folder_labels": bool(given.get("folder_labels")), "label_column": "", "key_column": ""}
    found = Preview(Modality.IMAGE, mapping)
    with dataset.file.open("rb") as file:
        if dataset.name.lower().endswith(".zip"):
            with zips.open_archive(file) as archive:
                entries = [info for _, info in zips.pictures(archive)]
                if not entries:
                    raise ImportRefused("There is no picture in the zip.", "file")
                found.n_pictures = len(entries)
                found.rows = [{"line": i, "cells": {"file": e.filename}, "problem": ""} for i, e in enumerate(entries[:ROWS], 1)]
                folders = {e.filename.rpartition("/")[0].rpartition("/")[2] for e in entries if "/" in e.filename}
                found.folders = sorted(folders)[:200]
        else:
            found.n_pictures = 1
            found.rows = [{"line": 1, "cells": {"file": dataset.name}, "problem": ""}]
    if (table := labels_table(dataset)) is not None:
        labels, opened = table
        opened.close()
        lower = {name.lower(): name for name in labels.columns}
        file_column = next((lower[n] for n in ("file", "filename", "file_name", "image", "path", "name") if n in lower), "")
        if not file_column:
            raise ImportRefused(f"The CSV of labels needs a column “file”; it has: {_listed(labels.columns)}.", "labels_file")
        others = [name for name in labels.columns if name != file_column]
        label_column = given.get("label_column") or labels.mapping["label_column"] or (others[0] if len(others) == 1 else "")
        found.columns = labels.columns
        found.mapping |= {
            "key_column": file_column, "label_column": label_column,
            "encoding": labels.mapping["encoding"], "delimiter": labels.mapping["delimiter"],
        }  # fmt: skip
    return found
