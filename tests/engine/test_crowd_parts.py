"""Two people's answers that share parts, counted by hand."""

import numpy as np
import pytest
from scipy import sparse

from learning.engine.crowd import codes_within, f1_with_gold, f1_with_others, pairwise_f1


def test_parts_of_two_people_by_hand():
    # Items 0 and 1; parts a b c. Anna: {a b}, {c}; Ben: {a}, {c}; Carl answers item 0 alone, with nothing.
    items, people = np.array([0, 1, 0, 1, 0]), np.array([1, 1, 0, 0, 2])
    members = sparse.csr_array(np.array([[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]]))
    found = pairwise_f1(items, people, members)
    assert list(zip(found.first, found.second, found.n_items, strict=True)) == [(0, 1, 2), (0, 2, 1), (1, 2, 1)]
    assert found.f1 == pytest.approx([2 * 2 / (2 + 3), 0, 0])


def test_two_people_who_both_gave_nothing_have_no_number():
    found = pairwise_f1(np.array([0, 0]), np.array([0, 1]), sparse.csr_array((2, 3)))
    assert found.n_items.tolist() == [1] and np.isnan(found.f1[0])


def test_values_are_numbered_within_their_item():
    assert codes_within(np.array([1, 0, 1, 1, 0]), np.array([900, 7, 40, 900, 7])).tolist() == [1, 0, 0, 1, 0]


def test_each_person_against_all_others_and_against_gold():
    # One item, three people: {a b}, {a}, {b c}; then an item of the first person alone, of which {c} is right.
    items, people = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0])
    members = sparse.csr_array(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]]))
    others = f1_with_others(items, people, members, n_annotators=4, draws=0)
    assert others.share[:3] == pytest.approx([2 * 2 / (3 + 4), 2 * 1 / (3 + 3), 2 * 1 / (4 + 3)])
    assert others.n.tolist() == [2, 2, 2, 0] and np.isnan(others.share[3])
    right = sparse.csr_array(np.array([[0, 0, 1], [1, 1, 0]]))
    gold = f1_with_gold(items, people, members, np.array([1, 0]), right, n_annotators=4, draws=200)
    assert gold.share[:3] == pytest.approx([1, 2 * 1 / 3, 2 * 1 / 4]) and gold.n.tolist() == [2, 1, 1, 0]
    assert 0 < gold.low[0] < gold.high[0] == 1  # from three labels right nobody is sure of all
