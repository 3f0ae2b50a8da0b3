import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.engine.strategies import scores
from learning.engine.strategies.batch_modes import top

P = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])


def test_least_confidence_by_hand():
    assert scores.least_confidence(P) == pytest.approx([0.3, 0.6, 0.0, 0.5])


def test_margin_by_hand():
    assert scores.margin(P) == pytest.approx([-0.5, -0.05, -1.0, 0.0])


def test_entropy_by_hand():
    assert scores.entropy(P) == pytest.approx([0.8018185525, 0.366516293 + 0.367437842 + 0.34657359, 0.0, np.log(2)])
    assert scores.entropy(np.full((1, 4), 0.25)) == pytest.approx([np.log(4)])


def test_margin_of_decision_values_orders_like_their_distance_from_zero():
    d = np.array([2.0, -0.1, 0.5, -3.0])
    assert np.argsort(-scores.margin(np.column_stack([-d, d]))).tolist() == [1, 2, 0, 3]


def test_a_single_class_has_no_uncertainty():
    one = np.ones((2, 1))
    assert scores.least_confidence(one).tolist() == [0, 0] and scores.entropy(one).tolist() == [0, 0]
    assert scores.margin(one).tolist() == [-1, -1]


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=30, unique_by=lambda p: round(abs(p - 0.5), 6)))
@settings(max_examples=50, deadline=None)
def test_with_two_classes_all_three_order_alike(first):
    two = np.column_stack([first, 1 - np.asarray(first)])
    orders = [np.argsort(-score(two)).tolist() for score in (scores.least_confidence, scores.margin, scores.entropy)]
    assert orders[0] == orders[1] == orders[2]


def test_scores_leave_their_argument_alone_and_take_float32():
    single = P.astype(np.float32)
    copy = single.copy()
    for score in (scores.least_confidence, scores.margin, scores.entropy):
        assert score(single) == pytest.approx(score(P), abs=1e-6)
    assert np.array_equal(single, copy)


def test_top_takes_the_largest_in_order():
    assert top(np.array([0.1, 0.9, 0.5, 0.7]), 3, np.random.default_rng(0)).tolist() == [1, 3, 2]


def test_top_breaks_ties_at_random_also_at_the_edge_of_the_batch():
    values = np.array([1.0, 1.0, 1.0, 2.0])
    picks = {tuple(top(values, 2, np.random.default_rng(seed))) for seed in range(50)}
    assert picks == {(3, 0), (3, 1), (3, 2)}
    assert {tuple(top(np.zeros(2), 2, np.random.default_rng(seed))) for seed in range(20)} == {(0, 1), (1, 0)}


def test_top_puts_undefined_scores_last():
    assert top(np.array([np.nan, -5.0, np.inf]), 2, np.random.default_rng(0)).tolist() == [2, 1]
    assert len(top(np.full(3, np.nan), 2, np.random.default_rng(0))) == 2
