"""Agreement on sets of labels: two answers that share labels agree in part.

Alpha with the MASI distance (Passonneau 2006): like Jaccard's it counts what two sets share, and besides it takes somebody who
forgot a label (one set within the other) for less of a disagreement than two people who each saw something else.
"""

from typing import Any

import numpy as np
from scipy import sparse

from learning.engine import crowd
from learning.quality.answers import DRAWS, MOST_LABELS, Answers, estimate, over_time

MEASURE = (
    "An answer is a set of labels here, and two that share labels agree in part: alpha is Krippendorff's with the MASI distance "
    "(Passonneau 2006). F1 counts the labels that two people both gave. Cohen's and Fleiss' kappa and Dawid and Skene's model "
    "are for one label per item, and left out."
)
# Distances stand in a table of all pairs of different sets, one of them for each window too.
_MOST_SETS = 2000
_MOST_IN_WINDOW = 700


def agreement(answers: Answers, lengths: Any = None) -> dict[str, Any]:
    """{alpha, f1, labels, windows} of answers to items with several of them; f1 is None, there is one for each pair of people."""
    labels = sorted({pk for value in answers.stored for pk in value})
    members = _members(answers.stored, labels)
    return {
        "alpha": estimate(_alpha(answers.items, members, _MOST_SETS)),
        "f1": None,
        "labels": _labels(answers.items, members, labels),
        "windows": over_time(answers.items, lambda window: _alpha(answers.items[window], members[window], _MOST_IN_WINDOW)),
    }


def parts(items: np.ndarray, stored: list[list[int]]) -> sparse.csr_array:
    """(m, labels): 1 where the answer has the label."""
    return _members(stored, sorted({pk for value in stored for pk in value}))


def _members(stored: list[list[int]], labels: list[int]) -> sparse.csr_array:
    """(m, labels): 1 where the answer has the label."""
    code = {pk: i for i, pk in enumerate(labels)}
    rows = np.repeat(np.arange(len(stored)), [len(value) for value in stored])
    columns = np.array([code[pk] for value in stored for pk in value], dtype=np.int64)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(stored), max(1, len(labels))))


def _alpha(items: np.ndarray, members: sparse.csr_array, most: int) -> crowd.Estimate:
    """Of the latest answers: of all of them, or of as many as have not more different sets than that."""
    n = len(items)
    while n and len(crowd.distinct_sets(members[-n:])[1]) > most:
        n //= 2
    return crowd.alpha_of_sets(items[-n:], members[-n:], draws=DRAWS)


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
