"""Agreement on marked stretches of text.

One row per span: items, annotators, starts, ends (end excluded) and labels (s,). Who answered what is given apart, for an
answer without a span is an answer: answered_items and answered_by (m,), a row per item and person. lengths (n_items,) in
characters.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from learning.engine.crowd.agreement import Units, divided
from learning.engine.crowd.answers import codes, ranges
from learning.engine.crowd.distances import alpha_of_units, distinct_sets, masi_distances
from learning.engine.crowd.resampling import DRAWS, Estimate, estimates
from learning.engine.errors import EngineError


@dataclass(frozen=True)
class Spans:
    """Checked spans and answers; answer (s,): the answer (a row of items and annotators, (m,)) that each span belongs to."""

    items: np.ndarray
    annotators: np.ndarray
    lengths: np.ndarray
    answer: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    n_labels: int

    @classmethod
    def of(
        cls,
        items: np.ndarray,
        annotators: np.ndarray,
        starts: np.ndarray,
        ends: np.ndarray,
        labels: np.ndarray,
        *,
        answered_items: np.ndarray,
        answered_by: np.ndarray,
        lengths: np.ndarray,
        n_labels: int,
    ) -> "Spans":
        """Raises EngineError where a span is empty, leaves its text or has no answer, or somebody answers an item twice."""
        lengths = codes("lengths", lengths)
        answered_items = codes("answered items", answered_items, len(lengths))
        answered_by = codes("people who answered", answered_by, length=len(answered_items))
        items = codes("items", items, len(lengths))
        rest = (("annotators", annotators, None), ("starts", starts, None), ("ends", ends, None), ("labels", labels, n_labels))
        annotators, starts, ends, labels = (codes(name, array, below, len(items)) for name, array, below in rest)
        if (starts >= ends).any() or (ends > lengths[items]).any():
            raise EngineError("A span must hold a character at least, and end within its text.")
        people = 1 + max(int(answered_by.max(initial=0)), int(annotators.max(initial=0)))
        key = answered_items * people + answered_by
        order = np.argsort(key, kind="stable")
        if (np.diff(key[order]) == 0).any():
            raise EngineError("Somebody answers an item twice: give the last answer only.")
        wanted = items * people + annotators
        at = np.searchsorted(key[order], wanted)
        if len(wanted) and (at.max(initial=0) >= len(key) or (key[order][at] != wanted).any()):
            raise EngineError("A span belongs to nobody's answer.")
        return cls(answered_items, answered_by, lengths, order[at], starts, ends, labels, n_labels)


def span_alpha(spans: Spans, *, distance: str = "nominal", draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Krippendorff's alpha over the characters of the texts: what does each person say of each character?

    A character's value is the set of labels that cover it, the empty set outside of every span. "nominal": sets are equal
    or not; "masi": partly alike (Passonneau 2006), for overlapping spans. Every character of a text is a unit, as in alpha
    for unitised continua by the length of intersections (Krippendorff, Mathet, Bouvry & Widlöcher 2016). It sees how much
    of a span is shared, and not the border between two neighbours with the same label. The bootstrap draws texts, not
    characters.

    Computed on the stretches between anybody's borders, in which nothing changes, weighted by their length: exactly the
    same.
    """
    if distance not in ("nominal", "masi"):
        raise EngineError(f"Unknown distance {distance!r} between spans; known are: nominal, masi.")
    stretch, members, length, item = _stretches(spans)
    values, sets = distinct_sets(members)
    units = Units.of(stretch, values, len(sets), weights=length, groups=item)
    distances = masi_distances(sets) if distance == "masi" else 1 - np.eye(len(sets))
    found = alpha_of_units(units, distances, draws=draws, seed=seed)
    n_people = np.bincount(spans.items, minlength=len(spans.lengths))
    compared = n_people[(n_people > 1) & (spans.lengths > 0)]
    return Estimate(found.value, found.low, found.high, len(compared), int(compared.sum()))


def _stretches(spans: Spans) -> tuple[np.ndarray, sparse.csr_array, np.ndarray, np.ndarray]:
    """(stretch (r,), members (r, labels), length (S,), item (S,)): what each answer says of each stretch of its text.

    A row for every answer and stretch; S stretches, cut at every border of every span.
    """
    n_items = len(spans.lengths)
    everything = np.arange(n_items)[spans.lengths > 0]
    owner = np.concatenate([everything, everything, spans.items[spans.answer], spans.items[spans.answer]])
    border = np.concatenate([np.zeros_like(everything), spans.lengths[everything], spans.starts, spans.ends])
    wide = int(spans.lengths.max(initial=0)) + 1
    borders = np.unique(owner * wide + border)
    item_of_border = borders // wide
    inside = np.append(item_of_border[1:] == item_of_border[:-1], False)
    number = np.cumsum(inside) - inside  # of the stretch that begins at a border
    item, length = item_of_border[inside], np.diff(borders, append=0)[inside]
    per_item = np.bincount(item, minlength=n_items)
    first = np.cumsum(per_item) - per_item
    rows_of_answer = per_item[spans.items]
    begin = np.cumsum(rows_of_answer) - rows_of_answer
    stretch = np.repeat(first[spans.items], rows_of_answer) + ranges(rows_of_answer)
    text = spans.items[spans.answer]
    from_stretch = number[np.searchsorted(borders, text * wide + spans.starts)]
    # A text's last border begins no stretch, but its number is that of the next one, which is the end wanted here.
    covered = number[np.searchsorted(borders, text * wide + spans.ends)] - from_stretch
    row = np.repeat(begin[spans.answer] + from_stretch - first[text], covered) + ranges(covered)
    label = np.repeat(spans.labels, covered)
    members = sparse.csr_array((np.ones(len(row), dtype=bool), (row, label)), shape=(int(rows_of_answer.sum()), spans.n_labels))
    return stretch, members, length, item


def span_f1(spans: Spans, *, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """F1 of exactly equal spans (start, end and label) between two people, over all pairs of answers to one item.

    2 x matches / (spans of one + spans of the other), summed over the pairs: with so many stretches that nobody marks,
    chance agreement vanishes and kappa comes to this (Hripcsak & Rothschild 2005). None where nobody marked anything.
    """
    n_answers = len(spans.items)
    order = np.lexsort((spans.labels, spans.ends, spans.starts, spans.answer))
    rows = np.column_stack([spans.answer, spans.starts, spans.ends, spans.labels])[order]
    fresh = np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1)) if len(rows) else np.empty(0, dtype=bool)
    answer, start, end, label = rows[fresh].T if len(rows) else np.empty((4, 0), dtype=np.int64)
    item = spans.items[answer]
    _, same = np.unique(np.column_stack([item, start, end, label]), axis=0, return_inverse=True)
    by_span = np.bincount(same.ravel()) if len(same) else np.empty(0, dtype=np.int64)
    item_of_span = np.zeros(len(by_span), dtype=np.int64)
    item_of_span[same.ravel()] = item
    marked = np.bincount(answer, minlength=n_answers)
    people = np.bincount(spans.items, minlength=len(spans.lengths))
    # k people who marked the same span are k (k - 1) / 2 matches; an answer's spans are in all pairs of its answer.
    matches = np.bincount(item_of_span, by_span * (by_span - 1), len(people))
    total = np.bincount(spans.items, marked * (people[spans.items] - 1), len(people))
    compared = people > 1
    sums = sparse.csr_array(np.column_stack([matches, total])[compared].astype(float))
    n_compared = int(people[compared].sum())
    apart = np.array([0.0, total[compared].mean() if compared.any() else 1.0])

    def f1(s: np.ndarray) -> np.ndarray:
        return divided(s[:, :1], s[:, 1:])

    return estimates(sums, f1, int(compared.sum()), n_compared, apart=apart, draws=draws, seed=seed)[0]
