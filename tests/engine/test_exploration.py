import numpy as np
import pytest

from learning.engine import EngineError, Selection, mix

CANDIDATES = np.arange(100, 200)


def selection(size: int) -> Selection:
    return Selection(CANDIDATES[:size], scores=-np.arange(size, dtype=float))


def test_nothing_changes_without_exploration():
    mixed = mix(selection(10), CANDIDATES, 0.0, np.random.default_rng(0))
    assert mixed.positions.tolist() == CANDIDATES[:10].tolist() and not mixed.is_random.any() and mixed.probability is None


def test_the_others_keep_their_order_and_scores():
    mixed = mix(selection(20), CANDIDATES, 0.3, np.random.default_rng(1))
    assert mixed.is_random.sum() == 6 and len(set(mixed.positions.tolist())) == 20
    kept = mixed.positions[~mixed.is_random]
    assert np.all(np.diff(kept) > 0) and np.array_equal(mixed.scores[~mixed.is_random], 100 - kept)
    assert np.isnan(mixed.scores[mixed.is_random]).all()
    assert mixed.probability[mixed.is_random] == pytest.approx(1 / (100 - np.arange(6)))


def test_the_share_is_right_on_average_and_never_off_by_one_or_more():
    sizes = [mix(selection(5), CANDIDATES, 0.1, np.random.default_rng(seed)).is_random.sum() for seed in range(400)]
    assert set(sizes) == {0, 1} and np.mean(sizes) == pytest.approx(0.5, abs=0.1)


def test_the_marked_items_are_a_uniform_sample_of_all_candidates():
    """Also of those that the strategy had chosen itself; otherwise no estimate from them would be unbiased."""
    counts = np.zeros(20)
    for seed in range(2000):
        mixed = mix(Selection(np.arange(10)), np.arange(20), 0.4, np.random.default_rng(seed))
        counts[mixed.positions[mixed.is_random]] += 1
    assert np.all(np.abs(counts - 400) < 5 * np.sqrt(2000 * 0.2 * 0.8))


def test_random_ranks_are_spread_over_the_batch_and_over_what_lies_beyond():
    ranks = np.zeros(10)
    for seed in range(1000):
        mixed = mix(selection(30), CANDIDATES, 0.2, np.random.default_rng(seed), batch_size=10)
        assert mixed.is_random[:10].sum() == 2 and mixed.is_random[10:].sum() == 4
        ranks += mixed.is_random[:10]
    assert np.all(np.abs(ranks - 200) < 65)


def test_everything_at_random_and_the_whole_pool():
    mixed = mix(selection(100), CANDIDATES, 1.0, np.random.default_rng(0))
    assert mixed.is_random.all() and sorted(mixed.positions) == CANDIDATES.tolist()
    with pytest.raises(EngineError):
        mix(selection(3), CANDIDATES, 1.5, np.random.default_rng(0))


def test_each_pick_carries_its_probability_given_the_random_ones():
    """The random ones leave first; the others were drawn in proportion to their weights from what was left (for LURE)."""
    weights = np.arange(1.0, 11.0)
    counts = np.zeros((10, 10))
    expected = np.zeros((10, 10))
    for seed in range(4000):
        rng = np.random.default_rng(seed)
        keys = np.log(weights) + rng.gumbel(size=10)
        chosen = Selection(np.argsort(-keys)[:2], weights=weights)
        mixed = mix(chosen, np.arange(10), 0.5, rng)
        (random,), (own,) = mixed.positions[mixed.is_random], mixed.positions[~mixed.is_random]
        assert mixed.probability[~mixed.is_random] == pytest.approx(weights[own] / (weights.sum() - weights[random]))
        counts[random, own] += 1
        expected[random] += np.delete(weights, random).sum() and weights / (weights.sum() - weights[random])
    expected[np.diag_indices(10)] = 0
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected + 1))
