"""Which column is which, by name and by look; the preview shows the guess, and people decide."""

from collections.abc import Sequence

from projects.models import Modality

_TEXT = [
    "text",
    "sentence",
    "content",
    "body",
    "message",
    "question",
    "review",
    "document",
    "comment",
    "tweet",
    "description",
    "title",
]
_LABEL = ["label", "class", "category", "target", "intent", "labels", "y", "sentiment"]
_KEY = ["id", "key", "uid", "uuid", "identifier", "item", "item_id", "doc_id"]


def guess_columns(columns: Sequence[str], rows: Sequence[dict], modality: str, values: Sequence[str] = ()) -> dict:
    """{"text_column", "label_column", "key_column", "columns", "sure"}; `sure` where names alone decide.

    `values`: what the column with the values of this task is called, rather than label.
    """
    label, key = _named(columns, [*values, *_LABEL]), _named(columns, _KEY)
    if key and len(rows) >= 20 and len({row.get(key, "").strip() for row in rows}) < len(rows) / 2:
        key = ""  # mostly repeated values: a group's number, not a key. (A few repeats are faults, and are named.)
    if modality == Modality.TABLE:
        features = [name for name in columns if name not in {label, key}]
        return {"text_column": "", "label_column": label, "key_column": key, "columns": features, "sure": True}
    text = _named(columns, _TEXT)
    others = [name for name in columns if name not in {label, key}]
    sure = bool(text) or len(others) == 1
    if not text and others:
        text = max(others, key=lambda name: sum(len(row.get(name) or "") for row in rows))
    return {"text_column": text, "label_column": label, "key_column": key, "columns": [], "sure": sure}


def _named(columns: Sequence[str], names: Sequence[str]) -> str:
    lower = {column.lower(): column for column in reversed(columns)}
    return next((lower[name] for name in names if name in lower), "")
