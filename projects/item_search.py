"""Which items, and what is known of them: for the page of items and for REST alike, in a fixed number of queries."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from projects.models import Item, Modality, Project, User
from projects.names import names_of
from projects.task_types import task_type

STATES = {"": "All", "labeled": "Labelled", "unlabeled": "Not labelled", "disputed": "Disputed"}


def find_items(
    project: Project, *, state: str = "", label_id: int | None = None, dataset_id: int | None = None, search: str = ""
) -> QuerySet[Item]:
    """The items of a project in this state, whose current verdict names this label, from this data set, with these words."""
    items = project.items.all()
    verdicts = project.verdicts.model.objects.filter(item=OuterRef("pk"), current=True)
    if state == "labeled":
        items = items.filter(Exists(verdicts))
    elif state == "unlabeled":
        items = items.exclude(Exists(verdicts))
    elif state == "disputed":
        items = items.filter(Exists(project.queries.model.objects.filter(item=OuterRef("pk"), status="disputed")))
    if label_id is not None:
        items = items.filter(Exists(verdicts.filter(**task_type(project.task).naming(label_id))))
    if dataset_id is not None:
        items = items.filter(dataset=dataset_id)
    if search := search.strip().replace("\x00", ""):
        items = items.filter(Q(content__icontains=search) | Q(key__icontains=search))
    return items


@dataclass
class ItemLine:
    """One item in a list."""

    item: Item
    imported: str = ""
    verdict: str = ""
    # As REST writes them; None for none.
    imported_raw: Any = None
    verdict_raw: Any = None
    color: str = ""
    source: str = ""
    source_text: str = ""
    probability: float | None = None
    n_annotations: int = 0
    disputed: bool = False
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def first_cells(self) -> list[tuple[str, Any]]:
        return list(self.row.items())[:6]


def row_of(content: str) -> dict[str, Any]:
    """A table row as columns and values."""
    try:
        row = json.loads(content)
    except ValueError:
        row = content
    return row if isinstance(row, dict) else {"value": row}


def describe(project: Project, items: Iterable[Item]) -> list[ItemLine]:
    items = list(items)
    pks = [item.pk for item in items]
    labels = {label.pk: label for label in project.labels.all()}
    names = {pk: label.name for pk, label in labels.items()}
    task = task_type(project.task)
    sources = dict(project.verdicts.model._meta.get_field("source").choices)
    verdicts = {verdict.item_id: verdict for verdict in project.verdicts.filter(item__in=pks, current=True)}
    said = project.annotations.filter(item__in=pks, current=True, skipped=False, withdrawn_at=None)
    answers = Counter(said.order_by().values_list("item_id", flat=True))
    disputed = set(project.queries.filter(item__in=pks, status="disputed").values_list("item_id", flat=True))
    lines = []
    for item in items:
        line = ItemLine(item, imported=task.words(item.known, names, item.content), n_annotations=answers[item.pk])
        line.imported_raw = task.raw(item.known, names)
        line.disputed = item.pk in disputed
        if project.modality == Modality.TABLE:
            line.row = row_of(item.content)
        if verdict := verdicts.get(item.pk):
            line.verdict, line.probability = task.words(verdict.value, names, item.content), verdict.probability
            line.verdict_raw = task.raw(verdict.value, names)
            line.source, line.source_text = verdict.source, sources[verdict.source]
            line.color = next((labels[pk].color for pk in task.labels_of(verdict.value) if pk in labels), "")
        lines.append(line)
    return lines


@dataclass
class Story:
    """All that happened to one item: each list with the newest first."""

    annotations: list[Model]
    queries: list[Model]
    verdicts: list[Model]


def story(project: Project, item: Item, reader: User) -> Story:
    """Its answers (with `.person`, the name that `reader` sees), queries and verdicts; each value with `.text` and `.color`."""
    labels = {label.pk: label for label in project.labels.all()}
    names = {pk: label.name for pk, label in labels.items()}
    task = task_type(project.task)
    # Those of a training say something of a person who learns, and nothing of the item.
    annotations = list(item.annotations.exclude(gold=True, extra=True).order_by("-pk"))
    verdicts = list(item.verdicts.select_related("user", "run").order_by("-current", "-pk"))
    people = names_of(project, {row.user_id for row in [*annotations, *verdicts] if row.user_id}, reader)
    for row in annotations:
        row.person, row.suggested = people[row.user_id], names.get(row.suggestion, "")
    for row in verdicts:
        row.person = people.get(row.user_id, "")
    for row in (*annotations, *verdicts):
        row.text, row.raw = task.words(row.value, names, item.content), task.raw(row.value, names)
        row.cell = task.cell(row.value, names)
        named = task.labels_of(row.value) if row.value is not None else []
        row.color = next((labels[pk].color for pk in named if pk in labels), "")
    queries = list(item.queries.select_related("trial__run").order_by("-pk")[:200])
    return Story(annotations, queries, verdicts)
