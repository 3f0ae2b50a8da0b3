"""Agreement of two people whose answers have parts: labels of a set, marks in a text."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from learning.engine.crowd.agreement import divided
from learning.engine.crowd.answers import codes, latest, pairs_within
from learning.engine.crowd.resampling import DRAWS, estimates


@dataclass(frozen=True)
class PartPairs:
    """Two people each (P,): first < second, n_items that both answered, f1 of the parts of their answers, or nan."""

    first: np.ndarray
    second: np.ndarray
    n_items: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True)
class PersonF1:
    """Of each person (A,): n answers that theirs were held against, share: the F1 with them, its interval; nan: undefined."""

    n: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


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


def f1_with_others(
    items: np.ndarray, annotators: np.ndarray, members: sparse.sparray, *, n_annotators: int, draws: int = DRAWS, seed: int = 0
) -> PersonF1:
    """F1 of each person with everybody else who answered the same items, and its interval by a bootstrap over items."""
    rows = latest(items, annotators)
    items, annotators = codes("items", items)[rows], codes("annotators", annotators, n_annotators)[rows]
    given = sparse.csr_array(members, dtype=float)[rows]
    one, other = pairs_within(items)
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    return _person_f1(items[one], annotators[one], given[one], given[other], n_annotators, draws, seed)


def f1_with_gold(
    items: np.ndarray,
    annotators: np.ndarray,
    members: sparse.sparray,
    gold_items: np.ndarray,
    gold_members: sparse.sparray,
    *,
    n_annotators: int,
    draws: int = DRAWS,
    seed: int = 0,
) -> PersonF1:
    """F1 of each person with the right answers, one for each of gold_items (g,); gold_members (g, parts)."""
    rows = latest(items, annotators)
    items, annotators = codes("items", items)[rows], codes("annotators", annotators, n_annotators)[rows]
    gold_items = codes("gold items", gold_items)
    place = np.full(max(items.max(initial=-1), gold_items.max(initial=-1)) + 1, -1)
    place[gold_items] = np.arange(len(gold_items))
    at = place[items]
    known = at >= 0
    given, right = sparse.csr_array(members, dtype=float)[rows[known]], sparse.csr_array(gold_members, dtype=float)[at[known]]
    return _person_f1(items[known], annotators[known], given, right, n_annotators, draws, seed)


def _person_f1(
    items: np.ndarray,
    people: np.ndarray,
    given: sparse.csr_array,
    others: sparse.csr_array,
    n_annotators: int,
    draws: int,
    seed: int,
) -> PersonF1:
    """Of comparisons (rows): the person's parts against others'."""
    both = np.asarray(given.multiply(others).sum(axis=1)).ravel()
    total = np.asarray(given.sum(axis=1)).ravel() + np.asarray(others.sum(axis=1)).ravel()
    kept, row = np.unique(items, return_inverse=True)
    shape = (len(kept), 2 * n_annotators)
    sums = sparse.csr_array(
        (np.concatenate([2 * both, total]), (np.tile(row, 2), np.r_[people, n_annotators + people])), shape=shape
    )

    def f1(s: np.ndarray) -> np.ndarray:
        return divided(s[:, :n_annotators], s[:, n_annotators:])

    usual = np.bincount(people, total, n_annotators) / np.maximum(np.bincount(people, minlength=n_annotators), 1)
    apart = np.r_[np.zeros(n_annotators), usual]
    found = estimates(sums, f1, len(kept), len(items), apart=apart, draws=draws, seed=seed)
    columns = [np.array([getattr(one, name) for one in found], dtype=float) for name in ("value", "low", "high")]
    return PersonF1(np.bincount(people, minlength=n_annotators), *columns)


def codes_within(items: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(m,): the values numbered anew within each item, from 0: enough where only answers to one item are compared.

    Of values of which nearly every answer is another one, tables of items x values would not fit into memory.
    """
    items = codes("items", items)
    values = codes("values", values, length=len(items))
    cells, cell = np.unique(items * (int(values.max(initial=0)) + 1) + values, return_inverse=True)
    of_item = cells // (int(values.max(initial=0)) + 1)
    return cell - np.searchsorted(of_item, items)
