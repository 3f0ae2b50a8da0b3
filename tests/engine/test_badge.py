"""BADGE: the factorised distances, the exact distribution of the seeding, and what it is for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from learning import engine
from learning.engine.strategies import badge
from learning.engine.strategies.badge import _Gradients, seed_by_distance
from tests.engine.contexts import make_context


def explicit(X: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """(m, C (d + 1)): the gradients as the paper writes them."""
    a = proba.copy()
    a[np.arange(len(a)), a.argmax(axis=1)] -= 1
    h = np.column_stack([X, np.ones(len(X))])
    return (a[:, :, None] * h[:, None, :]).reshape(len(X), -1)


def some(n=40, d=5, n_classes=4, seed=0, as_sparse=False):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) * (rng.random((n, d)) < 0.7)).astype(np.float32)
    proba = rng.dirichlet(np.ones(n_classes), size=n)
    norms = (X**2).sum(axis=1).astype(float)
    return X, proba, _Gradients(sparse.csr_matrix(X) if as_sparse else X, np.arange(n), proba, norms)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_distances_are_those_of_the_explicit_gradients(as_sparse):
    X, proba, gradients = some(as_sparse=as_sparse)
    g = explicit(X, proba)
    centers = np.array([3, 17, 8])
    expected = ((g[:, None] - g[centers]) ** 2).sum(axis=2).min(axis=1)
    assert gradients.to_nearest(None, gradients.factors(centers)) == pytest.approx(expected, abs=1e-4)
    assert gradients.to_nearest(np.array([1, 5]), gradients.factors(centers)) == pytest.approx(expected[[1, 5]], abs=1e-4)
    assert gradients.squared == pytest.approx((g**2).sum(axis=1), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_odds_of_each_pick_are_those_of_scikit_activeml(seed):
    """Badge of scikit-activeml 1.0 (BSD), given the column of ones that it leaves out.

    It keeps the lengths of the first step among the distances, as if zero had been picked; the paper's k-means++ does not.
    """
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 4)).astype(np.float32)
    with_ones = np.column_stack([X, np.ones(60)])
    y = np.full(60, np.nan)
    y[:9] = np.arange(9) % 3
    classifier = SklearnClassifier(LogisticRegression(), classes=[0, 1, 2]).fit(with_ones, y)
    picks, odds = pool.Badge(random_state=seed).query(
        with_ones, y, classifier, batch_size=8, fit_clf=False, return_utilities=True
    )
    candidates, proba = np.arange(9, 60), classifier.predict_proba(with_ones[9:])
    gradients = _Gradients(X, candidates, proba, (X**2).sum(axis=1).astype(float))
    assert candidates[gradients.squared.argmax()] == picks[0]
    for i in range(1, 8):
        nearest = gradients.to_nearest(None, gradients.factors(np.array(picks[:i]) - 9))
        nearest = np.minimum(nearest, gradients.squared)
        expected = odds[i][candidates]
        known = ~np.isnan(expected)
        assert (nearest / nearest.sum())[known] == pytest.approx(expected[known], abs=1e-5)


@pytest.mark.parametrize("refresh", [1, 2, 32])
def test_the_seeding_has_the_distribution_of_k_means_plus_plus(monkeypatch, refresh):
    """Arthur & Vassilvitskii (2007): the third pick against its exact distribution, however the distances are kept."""
    monkeypatch.setattr(badge, "_REFRESH_AFTER", refresh)
    X, proba, gradients = some(n=6)
    g = explicit(X, proba)
    squared = ((g[:, None] - g) ** 2).sum(axis=2)
    second = squared[0] / squared[0].sum()
    expected = np.zeros(6)
    for i in range(1, 6):
        nearest = np.minimum(squared[0], squared[i])
        expected += second[i] * nearest / nearest.sum()
    rng = np.random.default_rng(0)
    counts = np.bincount([seed_by_distance(gradients, [0], 2, rng)[1] for _ in range(6000)], minlength=6)
    assert counts / 6000 == pytest.approx(expected, abs=5 * 0.5 / np.sqrt(6000))


def test_the_first_has_the_largest_gradient_and_pending_ones_are_kept_away_from():
    context = make_context(n=40, n_pending=0)
    lengths = (explicit(context.X[context.candidates], context.proba) ** 2).sum(axis=1)
    first = engine.select({"name": "badge"}, context, 1)
    assert first.positions[0] == context.candidates[lengths.argmax()]
    assert first.scores[0] == pytest.approx(np.sqrt(lengths.max()), rel=1e-4)
    twin = context.candidates[lengths.argmax()]
    X = context.X.copy()
    X[context.candidates[:3]] = X[twin]
    pending = replace(context, X=X, derived=None, pending=np.array([twin]), candidates=context.candidates[:3])
    pending.proba[:3] = engine.predict(context.model, X, np.array([twin]), 3)
    pending = replace(pending, proba=pending.proba[:3])
    assert len(engine.select({"name": "badge"}, pending, 3)) == 3  # all are twins of what is pending: any will do


def test_badge_beats_random_with_batches_of_fifty_on_digits():
    """Ash et al. (2020): on image data with many classes; paired over seeds."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    gains = []
    for seed in range(5):
        pool, test = np.arange(1200), np.arange(1200, 1797)
        areas = [
            np.mean([r["metrics"]["accuracy"]["value"] for r in engine.simulate(
                X, y, pool, test, learner={"name": "logistic_regression"}, strategy={"name": name},
                batch_size=50, seed_size=50, max_labels=250, seed=seed,
            )][1:])
            for name in ("badge", "random")
        ]  # fmt: skip
        gains.append(areas[0] - areas[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(len(gains)) > 0
