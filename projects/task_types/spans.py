"""Spans of a text, each with a label."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from projects.models import Modality
from projects.task_types.base import InvalidValue, TaskType, from_json, label_id, label_name
from projects.task_types.lookups import count_named

NOTHING = "nothing marked"
MAX_SPANS = 5000
SHOWN = 6  # in words; more would bury the line that they stand in
_FORM = 'The value must be a list of spans, each like {"start": 3, "end": 9, "label": "Disease"}; [] where nothing is marked.'
Span = dict[str, Any]


class OverlappingSpans(TaskType):
    """Any number of spans, which may overlap. Raw: a list of {"start", "end", "label": name}; stored: the same, with label ids.

    Places are counted in code points, from 0, and the end is not part of the span. Stored spans are in the order of their starts,
    ends and label ids, each once. [] is an answer: nothing to mark.
    """

    name = "spans_overlapping"
    title = "Words to mark, marks may overlap"
    template = "annotation/tasks/_spans.html"
    keys_template = "annotation/tasks/_spans_keys.html"
    main_metric = "span_f1"
    modalities = (Modality.TEXT.value,)
    not_learned = "No run can learn to mark words yet: label, export, and train outside."
    columns = ("spans", "entities")
    column_label = "Spans"
    column_help = "A JSON list of {start, end, label}, counted in characters (Unicode code points). May be partly empty."
    needs_content = True
    decided_by = "answer"
    overlapping = True

    def read_cell(self, cell: str, *, empty_is_none: bool = False) -> list[Span] | None:
        """A JSON list of spans, or of [start, end, label]; `text`, where it is there, has to be what stands at the place."""
        if not (cell := cell.strip()):
            return None
        found = from_json(cell, "[")
        if found is None:
            raise InvalidValue("This is no JSON list of spans. " + _FORM)
        return self._checked(found)

    def names_in(self, raw: list[Span]) -> list[str]:
        return [span["label"] for span in raw]

    def renamed(self, raw: list[Span], clean: Callable[[str], str]) -> list[Span]:
        spans = [{**span, "label": clean(span["label"])} for span in raw]
        if nameless := next((span for span in spans if not span["label"]), None):
            raise InvalidValue(f"The span {_place(nameless)} has no label.")
        return spans

    def parse(self, raw: Any, ids_by_name: Mapping[str, int]) -> list[Span]:
        if isinstance(raw, str):  # as a page sends it
            raw = from_json(raw.strip(), "[")
        return _ordered({**span, "label": label_id(span["label"], ids_by_name)} for span in self._checked(raw))

    def check_content(self, value: list[Span], content: str) -> None:
        for span in value:
            if span["end"] > len(content):
                raise InvalidValue(f"The span {_place(span)} ends beyond the text, which has {len(content):,} characters.")
            there = content[span["start"] : span["end"]]
            if span.get("text", there) != there:
                raise InvalidValue(
                    f"The span {_place(span)} should be {_short(span['text'])}, and there stands {_short(there)}: "
                    "are the places counted in characters (Unicode code points), from 0?"
                )

    def raw(self, stored: list[Span] | None, names_by_id: Mapping[int, str]) -> list[Span] | None:
        if stored is None:
            return None
        return [{**_places(span), "label": label_name(span["label"], names_by_id)} for span in stored]

    def line(self, stored: list[Span] | None, names_by_id: Mapping[int, str], content: str) -> list[Span] | None:
        """With the text of each span."""
        if stored is None:
            return None
        return [{**span, "text": content[span["start"] : span["end"]]} for span in self.raw(stored, names_by_id)]

    def cell(self, stored: list[Span] | None, names_by_id: Mapping[int, str]) -> str:
        return "" if stored is None else json.dumps(self.raw(stored, names_by_id), ensure_ascii=False)

    def display(self, stored: list[Span] | None, names_by_id: Mapping[int, str]) -> str:
        if stored is None:
            return ""
        words = [f"{label_name(s['label'], names_by_id)} {s['start']}–{s['end']}" for s in stored[:SHOWN]]
        more = [f"and {len(stored) - SHOWN} more"] if len(stored) > SHOWN else []
        return "; ".join(words + more) or NOTHING

    def words(self, stored: list[Span] | None, names_by_id: Mapping[int, str], content: str) -> str:
        """With what is marked."""
        if stored is None:
            return ""
        return "; ".join(f"{span['label']} “{span['text']}”" for span in self.line(stored, names_by_id, content)) or NOTHING

    def labels_of(self, stored: list[Span]) -> list[int]:
        return list(dict.fromkeys(span["label"] for span in stored))

    def replaced(self, stored: list[Span], old: int, new: int) -> list[Span]:
        return _ordered({**span, "label": new if span["label"] == old else span["label"]} for span in stored)

    def naming(self, label_id: int, field: str = "value") -> dict[str, Any]:
        return {f"{field}__marks_label": label_id}

    def count(self, rows: QuerySet, field: str = "value") -> Counter:
        return count_named(rows, field, "label")

    def consensus(self, values: Sequence[list[Span]]) -> list[Span] | None:
        """The spans that more than half of the answers have exactly; None where exactly half of them have one.

        Two spans of a majority are together in at least one answer, so they overlap only where answers may.
        """
        counts = Counter((span["start"], span["end"], span["label"]) for value in values for span in value)
        if not values or any(2 * n == len(values) for n in counts.values()):
            return None
        return [
            dict(zip(("start", "end", "label"), span, strict=True)) for span in sorted(counts) if 2 * counts[span] > len(values)
        ]

    def _checked(self, raw: Any) -> list[Span]:
        """Spans by the look of them: [{"start", "end", "label", maybe "text"}] in their order."""
        if not isinstance(raw, list):
            raise InvalidValue(_FORM)
        if len(raw) > MAX_SPANS:
            raise InvalidValue(f"The value has {len(raw):,} spans; at most {MAX_SPANS:,} are taken.")
        spans = [_span(given) for given in raw]
        if not self.overlapping:
            _refuse_overlaps(spans)
        return spans


class Spans(OverlappingSpans):
    """Spans of which no two have a character in common."""

    name = "spans"
    title = "Words to mark"
    overlapping = False


def _span(given: Any) -> Span:
    if isinstance(given, list) and len(given) == 3:
        given = dict(zip(("start", "end", "label"), given, strict=True))
    if not isinstance(given, dict) or not {"start", "end", "label"} <= given.keys():
        raise InvalidValue(_FORM)
    start, end, label = given["start"], given["end"], given["label"]
    if any(isinstance(place, bool) or not isinstance(place, int) for place in (start, end)):
        raise InvalidValue(f"A span's start and end are whole numbers; one has {start!r} and {end!r}."[:200])
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise InvalidValue(f"The label of the span {start} to {end} must be a name, as a text.")
    if not 0 <= start < end:
        raise InvalidValue(
            f"A span from {start} to {end} has no character in it: 0 is the first place, and the end is behind the last."
        )
    text = {"text": given["text"]} if isinstance(given.get("text"), str) else {}
    return {"start": start, "end": end, "label": str(label).strip(), **text}


def _refuse_overlaps(spans: list[Span]) -> None:
    before = None
    for span in sorted(spans, key=lambda s: (s["start"], s["end"])):
        same = before and _places(span) == _places(before) and span["label"] == before["label"]
        if before and span["start"] < before["end"] and not same:
            raise InvalidValue(f"The spans {_place(before)} and {_place(span)} overlap, which they may not in this project.")
        before = span


def _ordered(spans: Iterable[Span]) -> list[Span]:
    """Each once, in the stored form."""
    found = sorted({(span["start"], span["end"], span["label"]) for span in spans})
    return [{"start": start, "end": end, "label": label} for start, end, label in found]


def _places(span: Span) -> Span:
    return {"start": span["start"], "end": span["end"]}


def _place(span: Span) -> str:
    label = f" ({_short(span['label'])})" if isinstance(span["label"], str) and span["label"] else ""
    return f"{span['start']} to {span['end']}{label}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
