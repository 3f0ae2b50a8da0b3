"""Agreement on marked words: how much of each other's marks people share, and how many are exactly alike."""

from typing import Any

import numpy as np
from scipy import sparse

from learning.engine import crowd
from learning.quality.answers import DRAWS, MOST_LABELS, Answers, estimate, over_time

MEASURE = (
    "Alpha compares what people say of each character of a text, the label of its mark or none, so that marks that share most of "
    "their words agree for the most part (Krippendorff and others 2016). F1 counts the marks that two people made exactly alike, "
    "place and label (Hripcsak and Rothschild 2005). Cohen's and Fleiss' kappa would have to count what nobody marked, and Dawid "
    "and Skene's model is for one label per item: they are left out."
)


def agreement(answers: Answers, lengths: np.ndarray, distance: str = "nominal") -> dict[str, Any]:
    """{alpha, f1, labels, windows} of answers to items with several of them; lengths by item code, in characters."""
    labels = sorted({span["label"] for value in answers.stored for span in value})
    marks = _marks(answers.stored)
    marks[:, 3] = np.searchsorted(labels, marks[:, 3])
    everything = np.ones(len(answers.items), dtype=bool)

    def spans(window: np.ndarray, label: int | None = None) -> crowd.Spans:
        inside = window[marks[:, 0]]
        rows, starts, ends, named = marks[inside if label is None else inside & (marks[:, 3] == label)].T
        # A merge of labels, or a text that was shortened, must not take the page away.
        ends = np.minimum(ends, lengths[answers.items[rows]])
        real = starts < ends
        rows, starts, ends, named = rows[real], starts[real], ends[real], named[real]
        return crowd.Spans.of(
            answers.items[rows], answers.people[rows], starts, ends, named, answered_items=answers.items[window],
            answered_by=answers.people[window], lengths=lengths, n_labels=max(1, len(labels)),
        )  # fmt: skip

    whole = spans(everything)
    counts = np.bincount(marks[:, 3], minlength=len(labels))
    return {
        "alpha": estimate(crowd.span_alpha(whole, distance=distance, draws=DRAWS)),
        "f1": estimate(crowd.span_f1(whole, draws=DRAWS)),
        "labels": [
            {
                "value": labels[label], "given": int(counts[label]),
                "alpha": estimate(crowd.span_alpha(spans(everything, label), draws=0)),
                "specific": estimate(crowd.span_f1(spans(everything, label), draws=0)),
            }
            for label in np.argsort(-counts, kind="stable")[:MOST_LABELS].tolist()
        ],
        "windows": over_time(
            answers.items, lambda window: crowd.span_alpha(spans(window), distance=distance, draws=DRAWS)
        ),
    }  # fmt: skip


def parts(items: np.ndarray, stored: list[list[dict]]) -> sparse.csr_array:
    """(m, marks): 1 where the answer has the mark, of this place of this text with this label."""
    marks = _marks(stored)
    places, place = np.unique(np.column_stack([items[marks[:, 0]], marks[:, 1:]]), axis=0, return_inverse=True)
    shape = (len(stored), max(1, len(places)))
    return sparse.csr_array((np.ones(len(marks)), (marks[:, 0], place.ravel())), shape=shape)


def _marks(stored: list[list[dict]]) -> np.ndarray:
    """(s, 4): of each mark its answer, start, end and label id."""
    found = [(row, s["start"], s["end"], s["label"]) for row, value in enumerate(stored) for s in value]
    return np.array(found, dtype=np.int64).reshape(-1, 4)
