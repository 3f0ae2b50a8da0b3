"""How a learning curve goes on: by hand, in simulation, and on curves that the engine made of real data."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from learning.engine import simulate
from learning.engine.evaluation.forecast import FARTHEST, FEWEST_ROUNDS, forecast


def power(n, a=0.9, b=0.6, c=0.6, first=50):
    return a - b * (np.asarray(n, dtype=float) / first) ** -c


def test_a_curve_without_noise_is_continued_as_it_is():
    labels = np.arange(50, 450, 25)
    found = forecast(labels, power(labels), ahead=[600, 800])
    assert found.problem == "" and found.now == pytest.approx(power(425), abs=0.005)
    assert [a["value"] for a in found.ahead] == pytest.approx(power([600, 800]), abs=0.01)
    needed = np.interp(power(425) + 0.01, power(np.arange(425, 1000)), np.arange(425, 1000)) - 425
    assert found.more == pytest.approx(needed, rel=0.25)
    assert found.more_low - 1 <= needed <= found.more_high + 1


def test_an_exponential_curve_is_not_forced_into_a_power_law():
    labels = np.arange(50, 450, 25)
    found = forecast(labels, 0.9 - 0.5 * np.exp(-(labels - 50) / 120), ahead=[800])
    assert found.ahead[0]["value"] == pytest.approx(0.9 - 0.5 * np.exp(-750 / 120), abs=0.002)


@pytest.mark.parametrize(
    "labels, values, words",
    [
        (range(FEWEST_ROUNDS - 1), [0.5] * (FEWEST_ROUNDS - 1), "It takes 6 measured rounds"),
        (range(10, 110, 10), [0.7] * 10, "does not rise clearly"),
        (range(10, 110, 10), [0.9, 0.8, 0.9, 0.7, 0.8, 0.7, 0.8, 0.6, 0.7, 0.6], "does not rise clearly"),
        (range(10, 410, 10), 1 - 0.4 * np.exp(-np.arange(40) / 2), "The curve is flat"),
        ([], [], "there are 0"),
        (range(10, 110, 10), [float("nan")] * 10, "there are 0"),
    ],
)
def test_it_says_when_nothing_can_be_said(labels, values, words):
    found = forecast(list(labels), list(values))
    assert words in found.problem and found.more is None


def test_what_is_farther_than_anybody_can_see_has_no_upper_end():
    labels, rng = np.arange(50, 450, 25), np.random.default_rng(0)
    found = forecast(labels, power(labels, c=0.5) + rng.normal(0, 0.015, len(labels)), gain=0.03)
    assert found.problem == "" and found.more_high is None
    assert found.more is None or found.more <= FARTHEST * 425


def test_points_with_wide_intervals_count_less():
    labels = np.arange(50, 450, 25)
    values, halves = power(labels), np.full(len(labels), 0.03)
    values[5], halves[5] = values[5] - 0.2, 0.3
    doubted = forecast(labels, values, halves, ahead=[600]).ahead[0]["value"]
    believed = forecast(labels, values, ahead=[600]).ahead[0]["value"]
    assert abs(doubted - power(600)) < abs(believed - power(600))


def test_the_same_curve_gives_the_same_forecast_whatever_the_order_of_its_points():
    labels, rng = np.arange(50, 450, 25), np.random.default_rng(1)
    values = power(labels) + rng.normal(0, 0.01, len(labels))
    order = rng.permutation(len(labels))
    assert forecast(labels, values, ahead=[500]) == forecast(labels[order], values[order], ahead=[500])


def test_the_interval_holds_the_later_truth_about_as_often_as_it_says():
    """On real curves: the score that is measured at 1.25 to 2 times the rounds lies in the 80 % interval."""
    hits = []
    for load, first, batch, last in ((load_breast_cancer, 10, 5, 130), (load_digits, 20, 10, 260)):
        X, y = load(return_X_y=True)
        X = ((X - X.mean(0)) / (X.std(0) + 1e-9)).astype(np.float32)
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(len(y))
            rows = simulate(
                X, y, order[150:], order[:150], learner={"name": "logistic_regression"}, strategy={"name": "margin"},
                batch_size=batch, seed_size=first, max_labels=last, seed=seed, metrics=["accuracy"],
            )  # fmt: skip
            curve = [(row["n_labeled"], row["metrics"]["accuracy"]) for row in rows if row["metrics"]]
            labels, values = [n for n, _ in curve], [score["value"] for _, score in curve]
            halves = [(score["high"] - score["low"]) / 2 for _, score in curve]
            for m in (8, 10, 12):
                for later in (m + m // 4, m + m // 2, 2 * m - 1):
                    (said,) = forecast(labels[:m], values[:m], halves[:m], ahead=[labels[later]]).ahead
                    hits.append(said["low"] <= values[later] <= said["high"])
    assert len(hits) == 90 and 0.65 <= np.mean(hits) <= 0.97
