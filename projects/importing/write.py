"""The writing: all items in one transaction; short, because annotators of other projects wait for it."""

import json
from collections.abc import Iterable
from functools import lru_cache

from django.db import connection
from django.utils import timezone

from projects.importing.spool import Passed
from projects.models import Dataset, Item
from projects.task_types import task_type

_COLUMNS = ["project_id", "dataset_id", "key", "content", "metadata", "known", "created_at"]


def insert_items(dataset: Dataset, chunks: Iterable[list[Passed]], label_ids: dict[str, int]) -> tuple[int, int]:
    """(items, labelled ones). 100,000 model instances would hold the write lock three times as long."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    task = task_type(dataset.project.task)

    @lru_cache(maxsize=10_000)
    def known(value: str) -> str | None:
        return json.dumps(task.parse(json.loads(value), label_ids)) if value else None

    project, dataset_id = dataset.project_id, dataset.pk
    count = labeled = 0
    with connection.cursor() as cursor:
        for chunk in chunks:
            values = [(project, dataset_id, key, content, data, known(value), now) for key, content, value, data in chunk]
            _insert(cursor, values)
            count += len(values)
            labeled += sum(1 for _, _, value, _ in chunk if value)
    return count, labeled


def _insert(cursor, values: list[tuple]) -> None:
    """By the fastest way of each database; COPY of 100,000 rows takes 1.2 s where executemany takes 5.6 s."""
    table, columns = connection.ops.quote_name(Item._meta.db_table), ", ".join(_COLUMNS)
    if connection.vendor == "postgresql":
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
    else:
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})", values)
