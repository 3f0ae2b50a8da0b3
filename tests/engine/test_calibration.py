"""Probabilities on labels that the models had not seen, and their calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import engine
from learning.engine import Calibrator, EngineError, fit_calibrator, out_of_fold, reliability


def too_sure(rng: np.random.Generator, n: int = 3000, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """(P, y): labels drawn from P, and P then sharpened: a model that is too sure."""
    P = rng.dirichlet(np.ones(4), size=n)
    y = (P.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    sharp = P**sharpness
    return sharp / sharp.sum(axis=1, keepdims=True), y


def test_the_temperature_that_was_applied_is_found():
    P, y = too_sure(np.random.default_rng(0))
    assert fit_calibrator(P, y).temperature == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_calibrated_confidence_is_nearer_to_the_truth(method):
    P, y = too_sure(np.random.default_rng(1))
    fresh, truth = too_sure(np.random.default_rng(2))
    calibrated = fit_calibrator(P, y, method).apply(fresh)

    def error(values):
        return abs(values.max(axis=1).mean() - (values.argmax(axis=1) == truth).mean())

    assert error(calibrated) < 0.03 < error(fresh)


@given(st.integers(1, 20), st.integers(2, 6), st.sampled_from(["temperature", "isotonic", "none"]), st.integers(0, 500))
def test_what_comes_out_are_probabilities_with_the_same_best_class(n, n_classes, method, seed):
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(n_classes, 0.2), size=n)
    P[:, 0] *= rng.random() < 0.5  # a class that was never seen
    P /= np.maximum(P.sum(axis=1, keepdims=True), 1e-300)
    calibrator = fit_calibrator(P, rng.integers(n_classes, size=n), method)
    out = calibrator.apply(P)
    assert out.sum(axis=1) == pytest.approx(1) and (out >= 0).all() and (out[P == 0] == 0).all()
    assert np.allclose(out[np.arange(n), P.argmax(axis=1)], out.max(axis=1))
    again = Calibrator.from_json(calibrator.to_json()).apply(P)
    assert np.array_equal(out, again)


def test_out_of_fold_predictions_do_not_know_their_own_labels():
    """Labels without any pattern: a model that has seen them is always right, one that has not is right by chance."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 100)), rng.integers(2, size=80)
    positions = np.arange(80)
    learner = {"name": "logistic_regression"}
    inside = engine.predict(engine.fit(learner, X, positions, y, 2, 0), X, positions, 2)
    outside = out_of_fold(learner, X, positions, y, 2, 0)
    assert (inside.argmax(axis=1) == y).all() and (outside.argmax(axis=1) == y).mean() < 0.75


def test_the_order_in_which_labels_came_makes_no_difference():
    rng = np.random.default_rng(0)
    X, y, shuffled = rng.normal(size=(60, 3)), rng.integers(3, size=60), rng.permutation(60)
    learner = {"name": "logistic_regression"}
    first = out_of_fold(learner, X, np.arange(60), y, 3, 0)
    assert np.array_equal(first[shuffled], out_of_fold(learner, X, shuffled, y[shuffled], 3, 0))


def test_classes_of_one_member_and_very_few_labels():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 3))
    proba = out_of_fold({"name": "logistic_regression"}, X, np.arange(9), np.array([0] * 4 + [1] * 4 + [2]), 3, 0)
    assert proba.sum(axis=1) == pytest.approx(1) and proba[8, 2] == 0
    assert out_of_fold({"name": "logistic_regression"}, X, np.arange(4), np.array([0, 0, 0, 1]), 3, 0).shape == (4, 3)
    with pytest.raises(EngineError, match="four labels"):
        out_of_fold({"name": "logistic_regression"}, X, np.arange(3), np.array([0, 1, 1]), 3, 0)
    with pytest.raises(EngineError, match="two classes"):
        out_of_fold({"name": "logistic_regression"}, X, np.arange(9), np.zeros(9, dtype=int), 3, 0)


def test_reliability_counts_what_was_right_in_each_bin():
    bins = reliability(np.array([0.05, 0.55, 0.58, 1.0]), np.array([False, True, False, True]))
    assert len(bins) == 10 and [b["n"] for b in bins] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert bins[5]["share_correct"] == 0.5 and bins[5]["mean_confidence"] == pytest.approx(0.565)
    assert bins[5]["low95"] < 0.5 < bins[5]["high95"] and bins[1]["share_correct"] is None
