"""Agreement of two people whose answers have parts: labels of a set, marks in a text."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from learning.engine.crowd.agreement import divided
from learning.engine.crowd.answers import codes, latest, pairs_within


@dataclass(frozen=True)
class PartPairs:
    """Two people each (P,): first < second, n_items that both answered, f1 of the parts of their answers, or nan."""

    first: np.ndarray
    second: np.ndarray
    n_items: np.ndarray
    f1: np.ndarray


def pairwise_f1(items: np.ndarray, annotators: np.ndarray, members: sparse.sparray) -> PartPairs:
    """F1 of what every two people with an item in common gave: 2 x parts of both / (parts of one + parts of the other).

    members (m, parts): 1 where the answer has the part; a part is one of one item wherever that matters (a place in its text).
    Summed over the items that both answered, by their last answers; nan where neither gave any. It needs no count of what
    nobody gave, which kappa does (Hripcsak & Rothschild 2005).
    """
    rows = latest(items, annotators)
    items, annotators = codes("items", items)[rows], codes("annotators", annotators)[rows]
    order = np.argsort(annotators, kind="stable")  # the smaller code comes first in every pair
    items, annotators = items[order], annotators[order]
    given = sparse.csr_array(members, dtype=float)[rows[order]]
    one, other = pairs_within(items)
    n_annotators = int(annotators.max(initial=0)) + 1
    keys, pair = np.unique(annotators[one] * n_annotators + annotators[other], return_inverse=True)
    size = np.asarray(given.sum(axis=1)).ravel()
    both = np.asarray(given[one].multiply(given[other]).sum(axis=1)).ravel()
    shared = np.bincount(pair, both, len(keys))
    total = np.bincount(pair, size[one] + size[other], len(keys))
    first, second = np.divmod(keys, n_annotators)
    return PartPairs(first, second, np.bincount(pair, minlength=len(keys)), divided(2 * shared, total))


def codes_within(items: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(m,): the values numbered anew within each item, from 0: enough where only answers to one item are compared.

    Of values of which nearly every answer is another one, tables of items x values would not fit into memory.
    """
    items = codes("items", items)
    values = codes("values", values, length=len(items))
    cells, cell = np.unique(items * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    of_item = cells // (int(values.max(initial=0)) + 1)
    return cell - np.searchsorted(of_item, items)
