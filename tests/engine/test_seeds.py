"""The first labels, and what asks until there is a model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.engine import EngineError, draw_seed
from learning.engine.warm_up import missing_classes, strategy_now

MARGIN = {"name": "margin"}
CENTERS = {"name": "k_center"}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 100))
def test_a_stratified_seed_has_every_class_and_keeps_the_proportions(codes, size, seed):
    codes = np.array(codes)
    drawn = draw_seed(np.arange(len(codes)), size, np.random.default_rng(seed), "stratified", codes=codes)
    size = min(size, len(codes))
    assert len(drawn) == len(set(drawn.tolist())) == size
    counts, own = np.bincount(codes, minlength=5), np.bincount(codes[drawn], minlength=5)
    classes = np.flatnonzero(counts)
    if size >= len(classes):
        assert (own[classes] >= 1).all()
    # What the smallest classes get beyond their share is what the others lack.
    assert np.abs(own - counts / len(codes) * size).max() <= len(classes)


def test_a_stratified_seed_needs_labels():
    with pytest.raises(EngineError, match="label of every item"):
        draw_seed(np.arange(3), 2, np.random.default_rng(0), "stratified", codes=np.array([0, 1, -1]))


def test_seeds_that_look_at_the_features_cover_them():
    X = np.repeat(np.eye(4, dtype=np.float32) * 9, 10, axis=0) + np.random.default_rng(0).random((40, 4), dtype=np.float32)
    drawn = draw_seed(np.arange(40), 4, np.random.default_rng(0), "k_center", context={"X": X})
    assert set(drawn // 10) == {0, 1, 2, 3}
    with pytest.raises(EngineError, match="Cannot draw a seed"):
        draw_seed(np.arange(40), 4, np.random.default_rng(0), "k_center")


def test_the_warm_up_asks_until_every_class_has_its_labels():
    warm_up = {"strategy": CENTERS, "labels_per_class": 3}
    assert strategy_now(MARGIN, warm_up, np.array([3, 2]), True) == CENTERS
    assert strategy_now(MARGIN, warm_up, np.array([3, 3]), True) == MARGIN
    assert strategy_now(MARGIN, warm_up | {"labels_per_class": 0}, np.array([3, 0]), True) == MARGIN


def test_without_a_model_something_asks_that_needs_none():
    assert strategy_now(MARGIN, None, np.array([3, 0]), False) == {"name": "random"}
    assert strategy_now(MARGIN, {"strategy": CENTERS, "labels_per_class": 0}, np.array([3, 0]), False) == CENTERS
    assert strategy_now(CENTERS, None, np.array([3, 0]), False) == CENTERS
    assert strategy_now(MARGIN, {"strategy": MARGIN, "labels_per_class": 2}, np.array([3, 0]), False) == {"name": "random"}


def test_the_classes_that_are_missing_are_named():
    assert missing_classes(np.array([3, 0, 1, 0])).tolist() == [1, 3]
    assert missing_classes(np.array([3, 0, 1]), 2).tolist() == [1, 2]
