"""Pass 2: all items, their labels and the counts in one transaction; short, because annotators of other projects wait for it."""

import json
from collections.abc import Iterator
from itertools import islice

from django.db import connection
from django.utils import timezone

from projects.importing.check import Record
from projects.models import Dataset, Item

_COLUMNS = ["project_id", "dataset_id", "key", "content", "metadata", "known", "created_at"]
_CHUNK = 5000


def insert_items(dataset: Dataset, found: Iterator[Record], label_ids: dict[str, int]) -> tuple[int, int]:
    """(items, labelled ones). By executemany: 100,000 model instances would hold the write lock three times as long."""
    table = connection.ops.quote_name(Item._meta.db_table)
    sql = f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    count = labeled = 0
    with connection.cursor() as cursor:
        while chunk := list(islice(found, _CHUNK)):
            values = []
            for r in chunk:
                known = label_ids[r.label] if r.label else None
                labeled += known is not None
                metadata = json.dumps(r.metadata, ensure_ascii=False) if r.metadata else "{}"
                known_json = None if known is None else str(known)
                values.append((dataset.project_id, dataset.pk, r.key, r.content, metadata, known_json, now))
            cursor.executemany(sql, values)
            count += len(values)
    return count, labeled
