import numpy as np

from learning.engine import draw_seed, draw_test


def test_the_test_set_has_the_asked_size_and_is_sorted():
    test = draw_test(10, 0.25, np.random.default_rng(0))
    assert len(test) == 2 and np.all(np.diff(test) > 0) and test.dtype == np.int64
    assert len(draw_test(10, 0, np.random.default_rng(0))) == 0


def test_every_item_is_equally_likely_to_be_tested():
    counts = sum(np.bincount(draw_test(8, 0.5, np.random.default_rng(seed)), minlength=8) for seed in range(400))
    assert np.all(np.abs(counts - 200) < 50)  # five standard deviations


def test_the_seed_is_drawn_from_the_candidates_and_never_larger():
    candidates = np.array([3, 5, 8])
    assert sorted(draw_seed(candidates, 10, np.random.default_rng(0))) == [3, 5, 8]
    assert set(draw_seed(candidates, 2, np.random.default_rng(0))) < {3, 5, 8}
    assert len(draw_seed(candidates, 0, np.random.default_rng(0))) == 0
