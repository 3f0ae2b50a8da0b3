"""LURE (Farquhar, Gal & Rainforth 2021) is unbiased where the plain mean of the chosen items is not."""

import numpy as np
import pytest

from learning.engine import EngineError, lure, lure_weights
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
