import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from learning.engine import EngineError
from learning.engine.crowd import agreement_with_others, gold_scores, shares, speeds
from tests.engine.test_crowd_agreement import random_answers


@pytest.mark.parametrize("interval", ["wilson", "exact"])
def test_intervals_equal_scipy(interval):
    right, n = np.array([(r, n) for n in (1, 2, 7, 40, 1000) for r in {0, 1, n // 2, n - 1, n}]).T
    found = shares(right, n, interval)
    for row in range(len(n)):
        expected = binomtest(int(right[row]), int(n[row])).proportion_ci(method=interval)
        assert (found.low[row], found.high[row]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_person_without_items_is_not_judged():
    found = shares(np.array([0, 3]), np.array([0, 4]))
    assert np.isnan(found.share[0]) and (found.low[0], found.high[0]) == (0, 1) and found.share[1] == 0.75
    with pytest.raises(EngineError, match="known are: wilson, exact"):
        shares(np.array([1]), np.array([1]), "wald")


def test_gold_items_are_scored_by_the_last_answer():
    items = np.array([0, 1, 2, 0, 0, 1])
    people = np.array([0, 0, 0, 1, 1, 1])
    values = np.array([1, 0, 1, 0, 1, 1])  # person 1 first errs on item 0, then mends it
    found = gold_scores(items, people, values, np.array([1, 1, -1]), n_annotators=3)
    assert found.right.tolist() == [1, 2, 0] and found.n.tolist() == [2, 2, 0]


def test_nobody_helps_themself():
    #            item 0: 1 1 0     item 1: 0 1       item 2: 2 only   item 3: 0 0 1 1
    items = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3])
    people = np.array([0, 1, 2, 0, 1, 0, 0, 1, 2, 3])
    values = np.array([1, 1, 0, 0, 1, 2, 0, 0, 1, 1])
    found = agreement_with_others(items, people, values, n_items=4, n_annotators=4, n_classes=3)
    # Item 0: for 0 and 1 the others are tied; 2 is against two. Item 1: each against the other. Item 3: each against two.
    assert found.n.tolist() == [2, 2, 2, 1] and found.right.tolist() == [0, 0, 0, 0]
    heavy = agreement_with_others(items, people, values, n_items=4, n_annotators=4, n_classes=3, weights=np.array([1, 3, 1, 1]))
    assert heavy.right.tolist() == [2, 0, 0, 0] and heavy.n.tolist() == [3, 2, 2, 1]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([12, 60]))
def test_equal_to_leaving_out_one_by_one(seed, n_items):
    items, people, values = random_answers(seed, n_items=n_items, m=80)
    found = agreement_with_others(items, people, values, n_items=n_items, n_annotators=6, n_classes=4)
    last = {(i, a): v for i, a, v in zip(items.tolist(), people.tolist(), values.tolist(), strict=True)}
    right, n = [0] * 6, [0] * 6
    for (item, person), value in last.items():
        others = [v for (i, a), v in last.items() if i == item and a != person]
        front = [v for v in set(others) if others.count(v) == max(map(others.count, others))]
        n[person] += len(front) == 1
        right[person] += front == [value]
    assert found.right.tolist() == right and found.n.tolist() == n


def test_who_guesses_agrees_least():
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=300)
    items, people = np.repeat(np.arange(300), 4), np.tile(np.arange(4), 300)
    strength = np.array([0.95, 0.9, 0.9, 0.25])[people]
    values = np.where(rng.random(1200) < strength, truth[items], rng.integers(4, size=1200))
    found = agreement_with_others(items, people, values, n_items=300, n_annotators=4, n_classes=4)
    assert found.high[3] < 0.55 < 0.8 < found.low[:3].min()


def test_a_long_break_does_not_make_a_person_slow():
    found = speeds(np.array([0, 0, 0, 2, 2]), np.array([3.0, 5.0, 3600.0, 2.0, np.nan]), n_annotators=3)
    assert found.median[[0, 2]].tolist() == [5, 2] and np.isnan(found.median[1]) and found.n.tolist() == [3, 0, 1]
    assert found.low[0] == 4
    with pytest.raises(EngineError, match="2 answers but 1 times"):
        speeds(np.array([0, 0]), np.array([1.0]), n_annotators=1)
