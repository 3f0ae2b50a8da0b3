"""The three kinds of data set as streams of records: text, table rows, pictures."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects.importing import archive as zips
from projects.importing.check import BadRow, Plan, Record, check_storable, clean_key, clean_text, read_value, records
from projects.importing.errors import RowError
from projects.importing.picture_labels import read_labels
from projects.importing.rows import Row, read_rows
from projects.models import Dataset, Modality
from projects.task_types import task_type


@contextmanager
def open_source(dataset: Dataset):
    """Gives a function `stream(plan, tick) -> Iterator[Record]`, to be called once."""
    if dataset.project.modality == Modality.IMAGE:
        yield PictureSource(dataset).stream
    else:
        with dataset.file.open("rb") as file:
            yield RowSource(dataset, file).stream


class RowSource:
    """Texts and table rows."""

    def __init__(self, dataset: Dataset, file) -> None:
        self.mapping, self.file = dataset.mapping, file
        self.task = task_type(dataset.project.task)
        self.is_table = dataset.project.modality == Modality.TABLE
        self.stem = f"{PurePosixPath(dataset.name).stem[:180]}-{dataset.pk}"

    def stream(self, plan: Plan, tick) -> Iterator[Record]:
        rows = read_rows(self.file, self.mapping["kind"], self.mapping["encoding"], self.mapping["delimiter"])
        return records(rows, self._record, plan, tick, self.mapping["key_column"])

    def _record(self, row: Row) -> Record:
        cells, m = row.cells, self.mapping
        key = clean_key(cells.get(m["key_column"]) or "", m["key_column"]) if m["key_column"] else f"{self.stem}:{row.line}"
        used = {m["text_column"], m["label_column"], m["key_column"]}
        if self.is_table:
            for column in m["columns"]:
                check_storable(cells.get(column, ""), column)
            content = clean_text(json.dumps({c: cells.get(c, "") for c in m["columns"]}, ensure_ascii=False), "row")
            used |= set(m["columns"])
        else:
            content = clean_text(cells.get(m["text_column"]) or "", m["text_column"])
        known, labels = "", []
        if column := m["label_column"]:
            empty = bool(m.get("empty_is_none"))
            known, labels = read_value(self.task, cells.get(column) or "", column, content, empty_is_none=empty)
        metadata = {name: value for name, value in cells.items() if name not in used and value}
        for name, value in metadata.items():
            check_storable(name, "name of a column")
            check_storable(value, name)
        return Record(row.line, key, content, known, metadata, labels)


class PictureSource:
    """Pictures of a zip: each is verified and stored under the name of its content as soon as it is read."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.task = task_type(dataset.project.task)
        self.folder = f"images/{dataset.project_id}/{dataset.pk}"

    def stream(self, plan: Plan, tick) -> Iterator[Record]:
        labels = read_labels(self.dataset, self.dataset.mapping)
        with self.dataset.file.open("rb") as file:
            if not self.dataset.name.lower().endswith(".zip"):
                matched = labels.match([self.dataset.name])
                yield from self._one(plan, 1, self.dataset.name, lambda: zips.verify(file.read()), matched)
            else:
                with zips.open_archive(file) as archive:
                    matched = labels.match(info.filename for _, info in zips.pictures(archive))
                    for place, info in zips.pictures(archive):
                        if place % 50 == 0:
                            tick(plan.rows)
                        read = partial(zips.read_picture, archive, info)
                        yield from self._one(plan, place, info.filename, read, matched)
        plan.rows += len(labels.problems)
        for problem in labels.problems:
            plan.leave_out(problem)

    def _one(self, plan: Plan, place: int, name: str, read, labels: dict[str, str]) -> Iterator[Record]:
        plan.rows += 1
        label = labels.get(name, "")
        if not label and self.dataset.mapping.get("folder_labels"):
            label = PurePosixPath(name).parent.name
        try:
            key = clean_key(name, "file")
            empty = bool(self.dataset.mapping.get("empty_is_none")) and name in labels  # no line at all says nothing
            value, names = read_value(self.task, label, "label", "", empty_is_none=empty)
            picture = read()
        except (zips.BadPicture, BadRow) as error:
            plan.leave_out(RowError(place, name, "file", error.args[-1]))
            return
        yield Record(place, key, self._store(picture), value, {"width": picture.width, "height": picture.height}, names)

    def _store(self, picture: zips.Picture) -> str:
        """Its path. What a worker that was killed in the middle of writing has left there is written again."""
        path = f"{self.folder}/{picture.digest[:2]}/{picture.digest}.{picture.extension}"
        if default_storage.exists(path):
            if default_storage.size(path) == len(picture.data):
                return path
            default_storage.delete(path)
        return default_storage.save(path, ContentFile(picture.data))
