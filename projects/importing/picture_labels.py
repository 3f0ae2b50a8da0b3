"""The CSV that says which picture has which label: beside the archive, or in it."""

import io
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from projects.importing import archive as zips
from projects.importing.errors import ImportRefused, RowError
from projects.importing.rows import kind_of, read_rows
from projects.models import Dataset

_FIELD = "labels file"


@dataclass
class PictureLabels:
    """name in the CSV -> (its line, label); `problems` are lines that cannot be used."""

    by_name: dict[str, tuple[int, str]] = field(default_factory=dict)
    problems: list[RowError] = field(default_factory=list)
    rows: int = 0

    def match(self, pictures: Iterable[str]) -> dict[str, str]:
        """picture -> label. By the whole path, else by the bare name where one picture alone has it.

        Lines that name no picture, or cannot say which one, join the problems: no label is lost without a word.
        """
        pictures = list(pictures)
        bare = Counter(PurePosixPath(name).name for name in pictures)
        by_bare = {PurePosixPath(name).name: name for name in pictures}
        known, labels, lines = set(pictures), {}, {}
        for name, (line, label) in self.by_name.items():
            picture = name if name in known else by_bare.get(name)
            if picture is None:
                self._problem(line, name, "names a picture that is not in the zip")
            elif picture != name and bare[name] > 1:
                self._problem(line, name, f"names {bare[name]} pictures in different folders: write the whole path")
            elif picture in lines:
                self._problem(line, name, f"names the picture of line {lines[picture]} again")
            else:
                labels[picture], lines[picture] = label, line
        return labels

    def _problem(self, line: int, name: str, reason: str) -> None:
        self.problems.append(RowError(line, name, _FIELD, reason))


@contextmanager
def labels_file(dataset: Dataset):
    """(the open file, its name) of the CSV of labels; (None, "") without one."""
    if dataset.labels_file:
        with dataset.labels_file.open("rb") as file:
            yield file, dataset.labels_file.name
        return
    if not dataset.name.lower().endswith(".zip"):
        yield None, ""
        return
    with dataset.file.open("rb") as file, zips.open_archive(file) as archive:
        tables = zips.csv_members(archive)
        if len(tables) > 1:
            listed = ", ".join(info.filename for info in tables[:5])
            text = f"The zip has {len(tables)} CSV files ({listed}): leave one in it, or upload the labels beside the zip."
            raise ImportRefused(text, "file")
        if not tables:
            yield None, ""
            return
        content, name = zips.read_table(archive, tables[0]), tables[0].filename
    yield io.BytesIO(content), name


def read_labels(dataset: Dataset, mapping: dict) -> PictureLabels:
    """Every line of the CSV; empty where there is none."""
    found = PictureLabels()
    with labels_file(dataset) as (file, name):
        if file is None or not mapping["key_column"]:
            return found
        for row in read_rows(file, kind_of(name), mapping["encoding"], mapping["delimiter"]):
            if not row.cells and not row.problem:
                continue
            found.rows += 1
            name = (row.cells.get(mapping["key_column"]) or "").strip()
            label = (row.cells.get(mapping["label_column"]) or "").strip() if mapping["label_column"] else ""
            if row.problem:
                found._problem(row.line, "", row.problem)
            elif not name:
                found._problem(row.line, "", f"has no name of a picture in the column {mapping['key_column']!r}")
            elif name not in found.by_name:
                found.by_name[name] = (row.line, label)
            elif found.by_name[name][1] != label:
                line, first = found.by_name[name]
                found._problem(
                    row.line, name, f"says {label!r}, line {line} says {first!r} of the same picture: line {line} counts"
                )
            else:
                found._problem(row.line, name, f"repeats line {found.by_name[name][0]}")
    return found
