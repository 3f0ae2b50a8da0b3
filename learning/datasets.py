"""The only bridge from rows to arrays: items, contents and labels of a run, in the order of the items' ids.

A position (0 .. n-1) is an item's place in that order. The learner sees positions and class codes, never ids.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from django.core.files.storage import default_storage
from django.db.models import QuerySet

from annotation.models import Annotation, Query, Verdict
from learning.models import Run
from projects.models import Item, Modality, Project
from projects.task_types import task_type

TRUE_SOURCES = [Verdict.Source.IMPORTED, Verdict.Source.PEOPLE, Verdict.Source.ADJUDICATED]


def run_items(project: Project, datasets: Sequence[int]) -> QuerySet[Item]:
    """The items of the chosen data sets (none chosen: of all), in the order in which a run numbers them."""
    items = project.items.order_by("pk")
    return items.filter(dataset__in=datasets) if datasets else items


def _items(run: Run):
    return run_items(run.project, run.configuration["datasets"]).filter(pk__lte=run.last_item_id)


def item_ids(run: Run) -> np.ndarray:
    """(n,) int64, ascending."""
    return np.fromiter(_items(run).values_list("pk", flat=True).iterator(chunk_size=20_000), dtype=np.int64)


def raw_items(run: Run) -> tuple[object, str]:
    """The items as the feature sets take them, and the SHA-256 over their keys and contents.

    Text: list of str. Table: DataFrame. Images: list of open-able files of the storage.
    """
    digest, contents = hashlib.sha256(), []
    for key, content in _items(run).values_list("key", "content").iterator(chunk_size=20_000):
        # Lengths are part of it: "ab" + "c" must not look like "a" + "bc".
        digest.update(f"{len(key)} {len(content)} {key}{content}".encode())
        contents.append(content)
    if run.project.modality == Modality.TABLE:
        return pd.DataFrame([json.loads(row) for row in contents]), digest.hexdigest()
    if run.project.modality == Modality.IMAGE:
        return list(_files(contents)), digest.hexdigest()
    return contents, digest.hexdigest()


def _files(paths: list[str]) -> Iterator[object]:
    """Local paths where the storage has them (cheap), otherwise the bytes."""
    for path in paths:
        try:
            yield default_storage.path(path)
        except NotImplementedError:
            with default_storage.open(path) as file:
                yield file.read()


class Labels:
    """Which positions have a label, and which class it is: `codes` (n,) int64, -1 where there is none."""

    def __init__(self, run: Run, ids: np.ndarray) -> None:
        self.run, self.ids = run, ids
        self.classes = list(run.classes)

    def verdicts(self) -> np.ndarray:
        """The codes of what the project holds true now (people's, imported and settled ones; never a model's own)."""
        rows = Verdict.objects.filter(project_id=self.run.project_id, current=True, source__in=TRUE_SOURCES)
        return self._codes(rows.order_by().values_list("item_id", "value"))

    def majorities(self) -> np.ndarray:
        """The codes of what most people say of items that are disputed now; -1 where no value has most."""
        task, answers = task_type(self.run.project.task), defaultdict(list)
        disputed = Query.objects.filter(project=self.run.project_id, status=Query.Status.DISPUTED).values("item")
        said = Annotation.objects.filter(item__in=disputed, current=True, skipped=False, gold=False)
        for item, value in said.order_by("pk").values_list("item_id", "value"):
            answers[item].append(value)
        found = {item: task.consensus(values) for item, values in answers.items()}
        return self._codes([(item, value) for item, value in found.items() if value is not None])

    def known(self) -> np.ndarray:
        """The codes of the oracle `known`: the imported value, else what people said."""
        codes = self.verdicts()
        imported = self._codes(_items(self.run).filter(known__isnull=False).order_by().values_list("pk", "known"))
        return np.where(imported >= 0, imported, codes)

    def _codes(self, rows: QuerySet | list[tuple[int, object]]) -> np.ndarray:
        pairs = rows if isinstance(rows, list) else list(rows.iterator(chunk_size=20_000))
        codes = np.full(len(self.ids), -1, dtype=np.int64)
        if not pairs:
            return codes
        items = np.fromiter((item for item, _ in pairs), dtype=np.int64, count=len(pairs))
        places = np.searchsorted(self.ids, items)
        mine = places < len(self.ids)
        mine[mine] = self.ids[places[mine]] == items[mine]
        codes[places[mine]] = self._numbers([value for (_, value), ours in zip(pairs, mine, strict=True) if ours])
        return codes

    def _numbers(self, values: list) -> list[int]:
        """The codes of stored values."""
        self._add_classes(set(values))
        code_of = {label: code for code, label in enumerate(self.classes)}
        return [code_of[value] for value in values]

    def _add_classes(self, labels: set[int]) -> None:
        """A label that was made after the start gets the next code: the earlier codes never move."""
        if new := sorted(labels - set(self.classes)):
            self.classes += new
            self.run.classes = self.classes
            self.run.save(update_fields=["classes"])


class LabelSets(Labels):
    """Of items with any number of labels: a code is the place of a set of labels in `sets`, which grows while values are read.

    Codes mean something within this object only; nobody keeps them.
    """

    def __init__(self, run: Run, ids: np.ndarray) -> None:
        super().__init__(run, ids)
        self.sets: list[tuple[int, ...]] = []
        self._place: dict[tuple[int, ...], int] = {}

    def matrix(self, codes: np.ndarray) -> np.ndarray:
        """(l, C) boolean: which of the classes each of these codes (l,) has."""
        used, which = np.unique(codes, return_inverse=True)
        place = {label: code for code, label in enumerate(self.classes)}
        found = np.zeros((len(used), len(self.classes)), dtype=bool)
        for row, code in enumerate(used.tolist()):
            found[row, [place[label] for label in self.sets[code]]] = True
        return found[which]

    def _numbers(self, values: list[list[int]]) -> list[int]:
        numbers = []
        for value in values:
            labels = tuple(value)
            if (code := self._place.get(labels)) is None:
                code = self._place[labels] = len(self.sets)
                self.sets.append(labels)
            numbers.append(code)
        self._add_classes({label for labels in self.sets for label in labels})
        return numbers
