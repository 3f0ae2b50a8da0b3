"""Items with every label and where it came from, as CSV, JSON lines or Parquet; streamed, so that size does not matter.

Verdicts, annotations, queries and runs belong to apps above this one, which it must not import: they are reached by the names
of the relations that those apps add to Project.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.text import slugify

from projects.models import Item, Modality, Project
from projects.names import names_of
from projects.signals import predictions_wanted
from projects.task_types import task_type

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
FORMATS = tuple(CONTENT_TYPES)
CHUNK = 2000

# What each column holds, in the order of the file; of a table the columns of the row stand in the place of `content`.
COLUMNS = {
    "key": "The item's key, unique in its project.",
    "content": "The text; of a picture its path in the storage; of a table row one column per column of the table.",
    "image_url": "Pictures only: where a member can load it.",
    "metadata": "What else the file said of the item, as JSON.",
    "dataset": "The file that it was imported from.",
    "imported_label": "The label that the file gave, if it gave one; in the form of the verdict.",
    "verdict": "The label that the project holds true now; empty where there is none. Several labels: joined by |, and | alone "
    "is none of them (JSON lines: a list). Spans: a list of {start, end, label} in code points (JSON lines: with their text).",
    "verdict_source": "Where from: imported, people, adjudicated (settled by a reviewer) or model.",
    "verdict_probability": "How sure the model was, where the label is the model's.",
    "verdict_at": "Since when, in ISO 8601, UTC.",
    "n_annotations": "How many people have labelled it; who skipped it is not counted.",
    "annotations": "Every person's answer, as JSON: annotator, label, skipped, flagged, comment, seconds, at, suggestion.",
}
RUN_COLUMNS = {
    "asked_round": "The round of the run that asked for this item; 0 for seed and test; empty: not asked.",
    "asked_purpose": "Why it was asked: seed, test, query, random or check.",
    "asked_rank": "Its place in its round, 1 = first.",
    "asked_score": "The strategy's score, higher = asked earlier.",
    "asked_strategy": "Which strategy chose it.",
    "split": "What the item is to the model: labeled, pool or test.",
    "prediction": "What the model of the run says.",
    "prediction_probability": "How sure it is.",
}
# Characters that JSON allows as they are and that some readers take for the end of a line.
_LINE_BREAKS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


class UnknownFormat(ValueError):
    """The message names the formats that there are."""


def export(
    project: Project,
    format: str,
    *,
    run: Model | None = None,
    extra: Mapping[int, Mapping[str, Any]] | None = None,
    spreadsheet_safe: bool = False,
    items: QuerySet[Item] | None = None,
    base_url: str = "",
) -> Iterator[bytes]:
    """The file, piece by piece; a fixed number of queries per chunk of items, none per item.

    `run` adds why it asked for each item and, from `extra` (asked of `learning` where it is None), each item's `split`,
    `prediction` (a stored value) and `prediction_probability`. `items` restricts it to some of the project's.
    `spreadsheet_safe` is for a CSV that somebody will open in a spreadsheet: a text that begins like a formula gets an
    apostrophe in front, and so is no longer exactly what it was. `base_url` stands before the addresses of pictures.
    """
    if format not in CONTENT_TYPES:
        raise UnknownFormat(f"The format must be one of {', '.join(FORMATS)}; got {format!r}.")
    if run is not None and extra is None:
        extra = predictions_of(run)
    items = project.items.all() if items is None else items
    table = table_columns(items) if project.modality == Modality.TABLE and format != "jsonl" else {}
    columns = _columns(project, table, run is not None, flat=format != "jsonl")
    chunks = _chunks(project, items, run, extra or {}, base_url, flat=format != "jsonl")
    if format == "jsonl":
        return _jsonl(chunks)
    rows = (_flat(chunk, table, columns) for chunk in chunks)
    return _csv(rows, list(columns), spreadsheet_safe) if format == "csv" else _parquet(rows, columns)


def predictions_of(run: Model) -> Mapping[int, Mapping[str, Any]]:
    """What the model of a run says of each item, by item id; `learning` knows."""
    answers = [answer for _, answer in predictions_wanted.send(type(run), run=run) if answer is not None]
    return answers[0] if answers else {}


def file_name(project: Project, format: str, run: Model | None = None) -> str:
    stem = slugify(project.name)[:60] or f"project-{project.pk}"
    return f"{stem}-run-{run.pk}.{format}" if run else f"{stem}.{format}"


def table_columns(items: QuerySet[Item]) -> dict[str, str]:
    """The columns of all table rows in the order in which they are first met, each with its type for Parquet.

    It takes a pass over the contents: rows of several files, or of JSON lines, need not have the same columns.
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    for content in items.order_by("pk").values_list("content", flat=True).iterator(chunk_size=CHUNK):
        for name, value in _row_of(content).items():
            kinds[name].add(_kind(value))
    return {name: _common_kind(found - {"none"}) for name, found in kinds.items()}


def _row_of(content: str) -> dict[str, Any]:
    row = json.loads(content)
    return row if isinstance(row, dict) else {"value": row}


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int) and abs(value) < 2**63:
        return "int"
    return "float" if isinstance(value, float | int) else "string"


def _common_kind(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return kinds.pop()
    return "float" if kinds == {"int", "float"} else "string"


def _columns(project: Project, table: dict[str, str], with_run: bool, *, flat: bool) -> dict[str, str]:
    """Name and type of each column; the table's own are prefixed only where they would collide."""
    own = list(COLUMNS) + (list(RUN_COLUMNS) if with_run else [])
    if project.modality != Modality.IMAGE:
        own.remove("image_url")
    if project.modality == Modality.TABLE and flat:
        own.remove("content")
    kinds = {"verdict_probability": "float", "verdict_at": "time", "n_annotations": "int", "asked_round": "int"}
    kinds |= {"asked_rank": "int", "asked_score": "float", "prediction_probability": "float"}
    columns = {"key": "string"}
    for name in list(table):
        shown = name
        while shown in own or shown in columns:
            shown = f"column_{shown}"
        columns[shown] = table[name]
        table[name] = shown  # from here on: the name in the file
    return columns | {name: kinds.get(name, "string") for name in own}


def _chunks(project: Project, items: QuerySet[Item], run, extra: Mapping, base_url: str, *, flat: bool) -> Iterator[list[dict]]:
    names = dict(project.labels.values_list("pk", "name"))
    datasets = dict(project.datasets.values_list("pk", "name"))
    trial = run.trials.order_by("pk").first() if run is not None else None
    task = task_type(project.task)

    def written(value: Any, content: str) -> Any:
        """As the format writes it; None for none."""
        return (task.cell(value, names) or None) if flat else task.line(value, names, content)

    found = items.order_by("pk").values_list("pk", "key", "content", "metadata", "dataset_id", "known")
    # The address of one picture is that of another with the id exchanged; reverse() per row would cost more than the rest.
    before, after = (base_url + reverse("item-image", args=[project.pk, 987654321])).split("987654321")
    people: dict[int, str] = {}
    last = 0
    while chunk := list(found.filter(pk__gt=last)[:CHUNK]):
        first, last = chunk[0][0], chunk[-1][0]
        span = {"item_id__gte": first, "item_id__lte": last}
        verdicts = _verdicts(project, span)
        contents = {row[0]: row[2] for row in chunk}
        answers = _answers(project, span, lambda pk, value, of=contents: task.line(value, names, of.get(pk, "")), people)
        asked = _asked(trial, span) if trial else {}
        rows = []
        for pk, key, content, metadata, dataset_id, known in chunk:
            value, source, probability, at = verdicts.get(pk, (None, None, None, None))
            said = answers.get(pk, [])
            row = {"key": key, "content": content}
            if project.modality == Modality.IMAGE:
                row["image_url"] = f"{before}{pk}{after}"
            elif project.modality == Modality.TABLE:
                row["content"] = _row_of(content)
            row |= {
                "metadata": metadata,
                "dataset": datasets.get(dataset_id, ""),
                "imported_label": written(known, content),
                "verdict": written(value, content),
                "verdict_source": source,
                "verdict_probability": _rounded(probability),
                "verdict_at": at,
                "n_annotations": sum(not answer["skipped"] for answer in said),
                "annotations": said,
            }
            if run is not None:
                row |= dict(zip(RUN_COLUMNS, asked.get(pk, (None,) * 5), strict=False))
                model = extra.get(pk) or {}
                row["split"] = model.get("split")
                row["prediction"] = written(model.get("prediction"), content)
                row["prediction_probability"] = _rounded(model.get("prediction_probability"))
            rows.append(row)
        yield rows


def _verdicts(project: Project, span: dict) -> dict[int, tuple]:
    rows = project.verdicts.filter(current=True, **span)
    return {row[0]: row[1:] for row in rows.values_list("item_id", "value", "source", "probability", "created_at")}


def _answers(project: Project, span: dict, raw: Callable[[int, Any], Any], people: dict[int, str]) -> dict[int, list[dict]]:
    """By item; `people` is added to: whoever is met is looked up once."""
    fields = ("item_id", "user_id", "value", "skipped", "flagged", "comment", "seconds", "created_at", "suggestion")
    found: dict[int, list[dict]] = defaultdict(list)
    said = project.annotations.filter(current=True, withdrawn_at=None, **span).order_by("pk")
    rows = list(said.values_list(*fields))
    unknown = {user for _, user, *_ in rows} - people.keys()
    people.update(names_of(project, unknown) if unknown else {})
    for item_id, user, value, skipped, flagged, comment, seconds, at, suggested in rows:
        found[item_id].append(
            {
                "annotator": people[user], "label": raw(item_id, value), "skipped": skipped, "flagged": flagged,
                "comment": comment, "seconds": seconds, "at": at.isoformat(),
                "suggestion": None if suggested is None else raw(item_id, suggested),
            }
        )  # fmt: skip
    return found


def _asked(trial: Model, span: dict) -> dict[int, tuple]:
    rows = trial.queries.exclude(status="withdrawn").filter(**span)
    fields = ("item_id", "round_number", "purpose", "rank", "score", "strategy")
    return {row[0]: (*row[1:4], _rounded(row[4]), row[5]) for row in rows.values_list(*fields)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


# --- Formats


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _jsonl(chunks: Iterable[list[dict]]) -> Iterator[bytes]:
    for rows in chunks:
        for row in rows:
            if row["verdict_at"]:
                row["verdict_at"] = row["verdict_at"].isoformat()
        yield "".join(f"{_json(row).translate(_LINE_BREAKS)}\n" for row in rows).encode()


def _flat(rows: list[dict], table: dict[str, str], columns: dict[str, str]) -> list[list]:
    """The rows as lists of cells in the order of the columns."""
    for row in rows:
        row["metadata"] = _json(row["metadata"]) if row["metadata"] else None
        row["annotations"] = _json(row["annotations"]) if row["annotations"] else None
        if isinstance(row["content"], dict):
            for name, value in row.pop("content").items():
                row[table[name]] = _json(value) if isinstance(value, dict | list) else value
    return [[row.get(name) for name in columns] for row in rows]


def _csv(chunks: Iterable[list[list]], columns: list[str], spreadsheet_safe: bool) -> Iterator[bytes]:
    def lines(rows: Iterable[list]) -> bytes:
        buffer = io.StringIO()
        rows = ([cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in row] for row in rows)
        csv.writer(buffer).writerows(neutralised(row) for row in rows) if spreadsheet_safe else csv.writer(buffer).writerows(rows)
        return buffer.getvalue().encode()

    yield lines([columns])
    for rows in chunks:
        yield lines(rows)


def neutralised(cells: Iterable) -> list:
    """A spreadsheet takes a text that begins with one of these for a formula, which may send data away or run a program."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell for cell in cells]


class _Sink(io.RawIOBase):
    """What Parquet's writer has written since it was last asked."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        piece = bytes(data)
        self.pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.size

    def taken(self) -> bytes:
        piece, self.pieces = b"".join(self.pieces), []
        return piece


def _parquet(chunks: Iterable[list[list]], columns: dict[str, str]) -> Iterator[bytes]:
    """One row group per chunk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    types |= {"time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="snappy") as writer:
        for rows in chunks:
            cells = zip(*rows, strict=True)
            arrays = [
                pa.array([_as_text(v) for v in values] if kind == "string" else values, types[kind])
                for values, kind in zip(cells, columns.values(), strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _json(value)
