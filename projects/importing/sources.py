"""The three kinds of data set as streams of records: text, table rows, pictures."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects.importing import archive as zips
from projects.importing.check import BadRow, Plan, Record, clean_key, clean_label, clean_text, records
from projects.importing.errors import RowError
from projects.importing.preview import labels_table
from projects.importing.rows import Row, read_rows
from projects.models import Dataset, Modality


@contextmanager
def open_source(dataset: Dataset):
    """Gives a function `stream(plan, tick) -> Iterator[Record]`, which may be called once per pass."""
    if dataset.project.modality == Modality.IMAGE:
        source = PictureSource(dataset)
        yield source.stream
    else:
        with dataset.file.open("rb") as file:
            yield RowSource(dataset, file).stream


class RowSource:
    """Texts and table rows. Both passes read the file: the second one takes what the first one let through."""

    def __init__(self, dataset: Dataset, file) -> None:
        self.mapping, self.file = dataset.mapping, file
        self.is_table = dataset.project.modality == Modality.TABLE
        self.stem = f"{PurePosixPath(dataset.name).stem[:180]}-{dataset.pk}"

    def stream(self, plan: Plan, tick) -> Iterator[Record]:
        rows = read_rows(self.file, self.mapping["kind"], self.mapping["encoding"], self.mapping["delimiter"])
        return records(rows, self._record, plan, tick, self.mapping["key_column"])

    def _record(self, row: Row) -> Record:
        cells, m = row.cells, self.mapping
        key = clean_key(cells.get(m["key_column"]) or "", m["key_column"]) if m["key_column"] else f"{self.stem}:{row.line}"
        label = clean_label(cells.get(m["label_column"]) or "", m["label_column"]) if m["label_column"] else ""
        used = {m["text_column"], m["label_column"], m["key_column"]}
        if self.is_table:
            content = clean_text(json.dumps({c: cells.get(c, "") for c in m["columns"]}, ensure_ascii=False), "row")
            if "\\u0000" in content:
                raise BadRow("row", "holds a NUL character")
            used |= set(m["columns"])
        else:
            content = clean_text(cells.get(m["text_column"]) or "", m["text_column"])
        metadata = {name: value for name, value in cells.items() if name not in used and value and "\0" not in value}
        return Record(row.line, key, content, label, metadata)


class PictureSource:
    """Pictures of a zip. The first pass verifies and stores them (under names of their content); the second only reads names."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.stored = dataset, {}
        self.folder = f"images/{dataset.project_id}/{dataset.pk}"

    def stream(self, plan: Plan, tick) -> Iterator[Record]:
        labels = self._labels(plan)
        with self.dataset.file.open("rb") as file:
            if not self.dataset.name.lower().endswith(".zip"):
                plan.rows += 1
                yield from self._one(plan, 1, self.dataset.name, lambda: zips.verify(file.read()), labels)
                return
            with zips.open_archive(file) as archive:
                for place, info in zips.pictures(archive):
                    plan.rows += 1
                    if plan.rows % 100 == 0:
                        tick(plan.rows)
                    yield from self._one(plan, place, info.filename, lambda info=info: zips.read_picture(archive, info), labels)
        for name, (row, _) in labels.items():
            plan.rows += 1
            plan.leave_out(RowError(-row, name, "file", f"row {row} of the CSV names a picture that is not in the zip"))

    def _one(self, plan: Plan, place: int, name: str, read, labels: dict) -> Iterator[Record]:
        _, label = labels.pop(name, None) or labels.pop(PurePosixPath(name).name, None) or (0, "")
        if not label and self.dataset.mapping.get("folder_labels"):
            label = PurePosixPath(name).parent.name
        try:
            if place not in self.stored:
                picture = read()
                self.stored[place] = (self._store(picture), {"width": picture.width, "height": picture.height})
            path, metadata = self.stored[place]
            yield Record(place, clean_key(name, "file"), path, clean_label(label, "label"), metadata)
        except (zips.BadPicture, BadRow) as error:
            self.stored.pop(place, None)
            reason = error.args[-1]
            plan.leave_out(RowError(place, name, "file", reason))

    def _store(self, picture: zips.Picture) -> str:
        path = f"{self.folder}/{picture.digest[:2]}/{picture.digest}.{picture.extension}"
        if not default_storage.exists(path):
            default_storage.save(path, ContentFile(picture.data))
        return path

    def _labels(self, plan: Plan) -> dict[str, tuple[int, str]]:
        """name in the zip -> (row of the CSV, label)"""
        if (found := labels_table(self.dataset)) is None:
            return {}
        _, file = found
        m, labels = self.dataset.mapping, {}
        with file:
            for row in read_rows(file, "csv", m["encoding"], m["delimiter"]):
                name = (row.cells.get(m["key_column"]) or "").strip()
                if name:
                    labels[name] = (row.line, (row.cells.get(m["label_column"]) or "") if m["label_column"] else "")
        return labels
