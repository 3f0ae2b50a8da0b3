"""LURE (Farquhar, Gal & Rainforth 2021) is unbiased where the plain mean of the chosen items is not."""

import numpy as np
import pytest

from learning.engine import EngineError, lure, lure_share, lure_weights
from learning.engine.exploration import mix
from learning.engine.strategies import Selection
from learning.engine.strategies.batch_modes import gumbel_top, sequential_probability


def draw(rng: np.random.Generator, losses: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rank-stochastic picks, the largest losses most likely: as a learner that knows what it does badly would choose."""
    weights = 1 / (1 + np.argsort(np.argsort(-losses)))
    picks = gumbel_top(np.log(weights), size, rng)
    return picks, sequential_probability(weights, picks)


def test_it_is_unbiased_where_the_naive_mean_is_not():
    rng = np.random.default_rng(0)
    losses = rng.gamma(1.0, 1.0, size=200)
    estimates, naive = [], []
    for _ in range(4000):
        picks, probability = draw(rng, losses, 30)
        estimates.append(lure(losses[picks], probability, 200)["value"])
        naive.append(losses[picks].mean())
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(losses.mean(), abs=4 * error) and error < 0.02
    assert np.mean(naive) > 1.5 * losses.mean()


def test_the_interval_mostly_holds_the_truth():
    rng = np.random.default_rng(1)
    losses = (rng.random(500) < 0.2).astype(float)
    held = 0
    for _ in range(500):
        picks, probability = draw(rng, losses + rng.random(500), 80)
        found = lure(losses[picks], probability, 500)
        held += found["low"] <= losses.mean() <= found["high"]
    assert held / 500 > 0.85


def rounds_of_20(rng: np.random.Generator, wrong: np.ndarray) -> list[tuple]:
    """Five batches of 20, each of a model that is as often wrong as the others, among the items where it is in doubt."""
    found = []
    for _ in range(5):
        picks, probability = draw(rng, wrong * 0.5 + rng.random(len(wrong)), 20)
        found.append((wrong[picks], probability, len(wrong)))
    return found


@pytest.mark.parametrize("error", [0.02, 0.1, 0.3])
def test_of_shares_the_interval_holds_the_truth_as_often_as_it_says(error):
    rng = np.random.default_rng(2)
    wrong = np.arange(1000) < error * 1000
    held, values = 0, []
    for _ in range(300):
        found = lure_share(rounds_of_20(rng, wrong))
        held += found["low"] <= error <= found["high"]
        values.append(found["value"])
        assert 0 <= found["low"] < found["high"] <= 1
    assert held / 300 > 0.93
    assert np.mean(values) == pytest.approx(error, abs=4 * np.std(values) / np.sqrt(300))


def test_what_chance_drew_beyond_the_batch_was_never_the_strategys_to_choose():
    """The random picks beyond the batch are not answered; leaving them in the pool would make the estimate too small."""
    rng = np.random.default_rng(3)
    wrong = np.arange(120) % 4 == 0
    right, naive = [], []
    for _ in range(3000):
        weights = np.exp(rng.normal(size=120) + wrong)
        picks = gumbel_top(np.log(weights), 80, rng)
        ranking = mix(Selection(picks, weights=weights), np.arange(120), 0.5, rng, 20)
        first = np.argsort(~ranking.is_random[:20], kind="stable")
        batch, n_random = ranking.positions[:20][first], int(ranking.is_random[:20].sum())
        n_left = 120 - int(ranking.is_random[20:].sum())
        probability = ranking.probability[:20][first].copy()
        naive.append(lure_share([(wrong[batch], probability, 120)])["value"])
        probability[:n_random] = 1 / (n_left - np.arange(n_random))
        right.append(lure_share([(wrong[batch], probability, n_left)])["value"])
    assert np.mean(right) == pytest.approx(0.25, abs=4 * np.std(right) / np.sqrt(3000))
    assert abs(np.mean(naive) - 0.25) > 8 * np.std(naive) / np.sqrt(3000)


def test_where_everything_was_answered_the_share_is_known():
    assert lure_share([([True, False, False, True], [0.25, 0.5, 0.4, 1.0], 4)]) == {"value": 0.5, "low": 0.5, "high": 0.5}
    with pytest.raises(EngineError, match="Without a round"):
        lure_share([])


def test_even_draws_have_even_weights_and_all_items_are_the_truth():
    even = 1 / (50 - np.arange(10))
    assert lure_weights(even, 50) == pytest.approx(1)
    losses = np.arange(10.0)
    everything = lure(losses, np.linspace(0.1, 1, 10), 10)
    assert everything == {"value": 4.5, "low": 4.5, "high": 4.5}


@pytest.mark.parametrize("probability", [[], [0.0, 0.5], [1.5], [0.1] * 6])
def test_what_cannot_be_is_refused(probability):
    with pytest.raises(EngineError):
        lure_weights(probability, 5)


def test_every_loss_has_its_probability():
    with pytest.raises(EngineError, match="1 losses and 3"):
        lure([1.0], [0.1, 0.2, 0.3], 5)
