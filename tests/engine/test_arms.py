"""The strategy's labels beside those of chance: by hand, with learners that are right on as many items as they have points."""

import numpy as np
import pytest

from learning.engine.evaluation.arms import FEWEST_RANDOM, compare_arms, sizes_for

BASE, DRAWN, CHOSEN = np.arange(10), np.arange(100, 120), np.arange(200, 260)


def worth(chosen: float, drawn: float = 1.0):
    """A learner that gets one of 100 test items right per label drawn, and `chosen` per label chosen."""

    def hits(positions):
        points = drawn * (positions < 200).sum() + chosen * (positions >= 200).sum()
        return np.arange(100) < points

    return hits


def test_labels_that_are_worth_twice_as_much_save_half():
    found = compare_arms(worth(2.0), BASE, DRAWN, CHOSEN)
    assert (found["labels"], found["base"], found["n_test"]) == (20, 10, 100)
    assert (found["random"]["value"], found["active"]["value"]) == (0.3, 0.5)
    assert found["difference"]["value"] == pytest.approx(0.2) and found["difference"]["low"] > 0.1
    assert found["saved"]["value"] == pytest.approx(10, abs=1) and found["saved"]["low"] > 0


def test_labels_that_are_worth_the_same_save_nothing_and_those_worth_less_cost():
    same, worse = compare_arms(worth(1.0), BASE, DRAWN, CHOSEN), compare_arms(worth(0.5), BASE, DRAWN, CHOSEN)
    assert same["difference"]["value"] == 0 and same["saved"]["value"] == pytest.approx(0, abs=1)
    assert worse["difference"]["value"] == pytest.approx(-0.1) and worse["saved"]["value"] == pytest.approx(-20, abs=2)


def test_a_score_that_was_never_reached_saves_nothing_that_can_be_told():
    assert compare_arms(worth(0.0), BASE, DRAWN, CHOSEN)["saved"] is None


def test_with_few_random_labels_nothing_is_compared():
    assert compare_arms(worth(2.0), BASE, DRAWN[: FEWEST_RANDOM - 1], CHOSEN) is None
    assert compare_arms(worth(2.0), BASE, DRAWN, CHOSEN[:5]) is None
    assert compare_arms(lambda positions: np.empty(0, dtype=bool), BASE, DRAWN, CHOSEN) is None


def test_the_interval_holds_the_true_difference_of_the_two_learners():
    rng, held = np.random.default_rng(0), 0
    for seed in range(60):
        # Two learners that are right on 80 and 85 % of all items, on a test set of 150.
        random, active = rng.random(150) < 0.8, rng.random(150) < 0.85
        found = compare_arms(lambda p, r=random, a=active: a if (p >= 200).any() else r, BASE, DRAWN, CHOSEN, seed=seed)
        held += found["difference"]["low"] <= 0.05 <= found["difference"]["high"]
    assert held >= 52  # 57 of 60 are expected


def test_the_sizes_tried_hold_that_of_the_random_labels():
    assert 20 in sizes_for(20, 200) and max(sizes_for(20, 200)) == 60 and sizes_for(20, 20)[-1] == 20
