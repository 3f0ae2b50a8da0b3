"""Answers as three arrays, one row per answer: `items`, `annotators` and `values` (m,), codes that count from 0.

Tables of items x annotators are sparse: most people answer few items.
"""

import numpy as np
from scipy import sparse

from learning.engine.errors import EngineError


def codes(name: str, array: np.ndarray, below: int | None = None, length: int | None = None) -> np.ndarray:
    """The array as int64 codes (m,) in 0 .. below - 1. Raises EngineError for anything else, naming the array."""
    array = np.asarray(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise EngineError(f"The {name} must be one row of whole numbers, not {array.dtype} of shape {array.shape}.")
    array = array.astype(np.int64)
    if length is not None and len(array) != length:
        raise EngineError(f"There are {length} answers but {len(array)} {name}.")
    if array.size and (array.min() < 0 or (below is not None and array.max() >= below)):
        limit = "" if below is None else f" and less than {below}"
        raise EngineError(f"The {name} must be at least 0{limit}; found {array.min()} to {array.max()}.")
    return array


def latest(items: np.ndarray, annotators: np.ndarray) -> np.ndarray:
    """The rows (k,), ascending, of each person's last answer to each item: who answers twice has changed their mind."""
    items = codes("items", items)
    annotators = codes("annotators", annotators, length=len(items))
    if not len(items):
        return np.empty(0, dtype=np.int64)
    key = items * (int(annotators.max()) + 1) + annotators
    _, from_the_end = np.unique(key[::-1], return_index=True)
    return np.sort(len(key) - 1 - from_the_end)


def answer_matrix(
    items: np.ndarray, annotators: np.ndarray, values: np.ndarray, *, n_items: int, n_annotators: int
) -> sparse.csr_array:
    """Who said what: (n_items, n_annotators) sparse, value + 1 of each person's last answer, 0 where there is none."""
    items = codes("items", items, n_items)
    annotators = codes("annotators", annotators, n_annotators, len(items))
    values = codes("values", values, length=len(items))
    rows = latest(items, annotators)
    return sparse.csr_array((values[rows] + 1, (items[rows], annotators[rows])), shape=(n_items, n_annotators))


def vote_counts(
    items: np.ndarray, values: np.ndarray, *, n_items: int, n_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """(n_items, C) float: how many answers, or how much weight (weights (m,)), each class of each item got."""
    items = codes("items", items, n_items)
    values = codes("values", values, n_classes, len(items))
    return np.bincount(items * n_classes + values, weights, n_items * n_classes).astype(float).reshape(n_items, n_classes)


def pairs_within(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(first, second): the rows of all unordered pairs of answers of the same group, first < second.

    groups (m,) codes, in any order. A group of k answers gives k (k - 1) / 2 pairs.
    """
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sizes = np.diff(np.append(starts, len(ordered)))
    before = np.arange(len(ordered)) - np.repeat(starts, sizes)  # how many of its group precede a row: it pairs with each
    second = np.repeat(np.arange(len(ordered)), before)
    first = second - np.repeat(before, before) + ranges(before)
    return order[first], order[second]


def ranges(lengths: np.ndarray) -> np.ndarray:
    """0 .. lengths[0] - 1, then 0 .. lengths[1] - 1, and so on, as one row."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
