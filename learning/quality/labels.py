"""Where a project's people disagree, and since when: per label, between labels, and over the answers. Numbers: engine/crowd."""

from typing import Any

import numpy as np
from scipy import sparse

from learning.engine import crowd
from learning.quality.answers import DRAWS, over_time

# Larger matrices are not readable; the confusions in words remain.
MOST_LABELS = 12
TOP_CONFUSIONS = 10


def disagreement(items: np.ndarray, values: np.ndarray, names: list[Any]) -> dict[str, Any]:
    """{several, fleiss, labels, confusions, matrix, windows} of answers in the order in which they came.

    items, values (m,): codes; names: the stored value of each code. several: the items with two answers or more. fleiss: None,
    or {value, low, high, items, per_item}, over the items with the commonest number of answers. labels: [{value, given, alpha,
    specific}], the most given first. confusions: [{first, second, pairs, share}], share of all pairs of answers that differ.
    matrix: {values, rows (pairs)}, or None where nothing is answered twice. windows: [{end, alpha, low, high, items}].
    """
    n_classes = len(names)
    given = np.bincount(items)
    repeated = given[given > 1]
    if not repeated.size:
        return {"several": 0, "fleiss": None, "labels": [], "confusions": [], "matrix": None, "windows": []}
    per_item = int(np.bincount(repeated).argmax())
    fleiss = crowd.fleiss_kappa(items, values, n_classes=n_classes, per_item=per_item)
    labels = [row for row in crowd.agreement_by_label(items, values, n_classes=n_classes) if row.n_answers]
    labels.sort(key=lambda row: -row.n_answers)
    together = _together(items, values, n_classes)
    return {
        "several": int(repeated.size),
        "fleiss": {**_estimate(fleiss), "per_item": per_item},
        "labels": [
            {
                "value": names[row.label],
                "given": row.n_answers,
                "alpha": _estimate(row.alpha),
                "specific": _estimate(row.specific),
            }
            for row in labels
        ],
        "confusions": _confusions(together, names),
        "matrix": _matrix(together, [row.label for row in labels[:MOST_LABELS]], names),
        "windows": over_time(
            items, lambda window: crowd.krippendorff_alpha(items[window], values[window], n_classes=n_classes, draws=DRAWS)
        ),
    }


def _together(items: np.ndarray, values: np.ndarray, n_classes: int) -> sparse.coo_array:
    """(C, C), its upper half: how many pairs of answers to one item are these two values."""
    counts = sparse.csr_array((np.ones(len(items)), (items, values)), shape=(int(items.max()) + 1, n_classes))
    ordered = (counts.T @ counts).tocsr()
    itself = sparse.diags_array(np.bincount(values, minlength=n_classes).astype(float))
    pairs = sparse.csr_array(ordered - itself)
    alike = sparse.diags_array(pairs.diagonal() / 2)  # each pair alike was counted from both of its answers
    found = sparse.coo_array(sparse.triu(pairs, k=1) + alike)
    found.eliminate_zeros()
    return found


def _confusions(together: sparse.coo_array, names: list[Any]) -> list[dict[str, Any]]:
    differ = [
        (int(n), int(a), int(b)) for a, b, n in zip(together.row, together.col, together.data, strict=True) if a != b and n > 0
    ]
    total = sum(n for n, _, _ in differ)
    differ.sort(key=lambda row: (-row[0], row[1], row[2]))
    return [{"first": names[a], "second": names[b], "pairs": n, "share": n / total} for n, a, b in differ[:TOP_CONFUSIONS]]


def _matrix(together: sparse.coo_array, chosen: list[int], names: list[Any]) -> dict[str, Any]:
    whole = together.tocsr()
    rows = [[int(whole[min(a, b), max(a, b)]) for b in chosen] for a in chosen]
    return {"values": [names[code] for code in chosen], "rows": rows}


def _estimate(found: crowd.Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "items": found.n_items}
