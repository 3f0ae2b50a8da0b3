"""Agreement on sets of labels: two answers that share labels agree in part.

Alpha with the MASI distance (Passonneau 2006): like Jaccard's it counts what two sets share, and besides it takes somebody who
forgot a label (one set within the other) for less of a disagreement than two people who each saw something else.
"""

from typing import Any

import numpy as np
from scipy import sparse

from learning.engine import crowd
from learning.engine.crowd.distances import distinct_sets
from learning.quality.answers import DRAWS, MOST_LABELS, Answers, estimate, over_time

MEASURE = (
    "An answer is a set of labels here, and two that share labels agree in part: alpha is Krippendorff's with the MASI distance "
    "(Passonneau 2006). Cohen's and Fleiss' kappa and Dawid and Skene's model are for one label per item, and left out."
)
# Distances stand in a table of all pairs of different sets.
_MOST_SETS = 2000


def agreement(answers: Answers, lengths: Any = None) -> dict[str, Any]:
    """{alpha, f1, pairs, labels, windows} of answers to items with several of them; f1: of the labels of two people."""
    labels = sorted({pk for value in answers.stored for pk in value})
    members = _members(answers.stored, labels)
    alike, chosen = _alpha(answers.items, members)
    pairs = crowd.pairwise_f1(answers.items, answers.people, members)
    return {
        "alpha": estimate(alike),
        "f1": None,
        "pairs": pairs,
        "labels": _labels(answers.items, members, labels),
        "windows": over_time(answers.items, lambda window: _alpha(answers.items[window], members[np.flatnonzero(window)])[0]),
    }


def _members(stored: list[list[int]], labels: list[int]) -> sparse.csr_array:
    """(m, labels): 1 where the answer has the label."""
    code = {pk: i for i, pk in enumerate(labels)}
    rows = np.repeat(np.arange(len(stored)), [len(value) for value in stored])
    columns = np.array([code[pk] for value in stored for pk in value], dtype=np.int64)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(stored), max(1, len(labels))))


def _alpha(items: np.ndarray, members: sparse.csr_array) -> tuple[crowd.Estimate, int]:
    """Of the latest answers, as many as have few enough different sets; and how many these are."""
    n = len(items)
    while True:
        latest = slice(len(items) - n, len(items))
        if not n or len(distinct_sets(members[latest])[1]) <= _MOST_SETS:
            return crowd.alpha_of_sets(items[latest], members[latest], draws=DRAWS), n
        n //= 2


def _labels(items: np.ndarray, members: sparse.csr_array, labels: list[int]) -> list[dict[str, Any]]:
    """Each label against its absence, the most given first."""
    given = np.asarray(members.sum(axis=0)).ravel().astype(int)
    rows = []
    for column in np.argsort(-given, kind="stable")[:MOST_LABELS]:
        if not given[column]:
            continue
        has = members[:, [column]].toarray().ravel().astype(int)
        found = crowd.agreement_by_label(items, has, n_classes=2, draws=0)[1]
        rows.append(
            {
                "value": labels[column], "given": int(given[column]),
                "alpha": estimate(found.alpha), "specific": estimate(found.specific),
            }
        )  # fmt: skip
    return rows
