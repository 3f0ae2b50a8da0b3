"""Expected gradient length against gradients that are written out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import log_softmax

from learning import engine
from learning.engine.strategies.gradient import expected_length
from tests.engine.contexts import make_context
from tests.engine.duels import digits, gains, wins


def probabilities(m, n_classes, seed):
    return np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.3), size=m)


def egl(context, **settings):
    return engine.strategies.get("expected_gradient_length")(**settings).scores(context)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([1, 0], 0),  # a sure model learns nothing from being right
        ([0.5, 0.5], np.sqrt(0.5)),  # both labels: |(.5, -.5)|
        ([0.8, 0.2], 0.8 * np.sqrt(0.08) + 0.2 * np.sqrt(1.28)),
        ([0.5, 0.3, 0.2], 0.5 * np.sqrt(0.38) + 0.3 * np.sqrt(0.78) + 0.2 * np.sqrt(0.98)),
    ],
)
def test_by_hand(p, expected):
    assert expected_length(np.array([p])) == pytest.approx([expected], abs=1e-12)


@given(m=st.integers(1, 20), n_classes=st.integers(1, 8), seed=st.integers(0, 1000))
def test_equals_the_gradients_written_out(m, n_classes, seed):
    P = probabilities(m, n_classes, seed)
    plain = [sum(p[y] * np.linalg.norm(p - np.eye(n_classes)[y]) for y in range(n_classes)) for p in P]
    assert expected_length(P) == pytest.approx(plain, rel=1e-9, abs=1e-15)


def test_nearly_certain_items_are_still_told_apart():
    """To first order in q the length is (1 + 1) sqrt(2) q: it falls with q as far as numbers go."""
    q = np.array([1e-3, 1e-6, 1e-9, 1e-12])
    assert expected_length(np.stack([1 - q, q], axis=1)) == pytest.approx(np.sqrt(8) * q, rel=2e-3)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_is_the_slope_of_the_loss_of_a_linear_model(as_sparse):
    """Against numerical differences of the log loss with respect to every weight and intercept, nothing left out."""
    context = make_context(n=14, n_labeled=6, as_sparse=as_sparse)
    coef, intercept = context.model.coef_, context.model.intercept_
    rows = context.X[context.candidates]
    rows = (rows.toarray() if sparse.issparse(rows) else rows).astype(np.float64)
    W = np.hstack([coef, intercept[:, None]])
    P = np.exp(log_softmax(rows @ coef.T + intercept, axis=1))

    def slope(x, y, step=1e-6):
        def loss(weights):
            return -log_softmax(weights @ x)[y]

        differences = np.zeros(W.shape)
        for place in np.ndindex(W.shape):
            change = np.zeros(W.shape)
            change[place] = step
            differences[place] = (loss(W + change) - loss(W - change)) / (2 * step)
        return np.linalg.norm(differences)

    expected = [sum(p[y] * slope(np.append(x, 1), y) for y in range(3)) for x, p in zip(rows, P, strict=True)]
    assert egl(replace(context, proba=P), normalize=False) == pytest.approx(expected, rel=1e-5)


def test_with_two_classes_the_order_is_that_of_uncertainty():
    """p_y |p - e_y| sums to sqrt(8) p (1 - p): largest where the model is least sure."""
    P = probabilities(50, 2, 0)
    assert expected_length(P) == pytest.approx(np.sqrt(8) * P[:, 0] * P[:, 1])


def test_long_rows_win_only_where_asked_for():
    context = make_context(n=30, n_pending=0)
    longest = context.candidates[3]
    X = context.X.copy()
    X[longest] *= 1000
    context = replace(context, X=X, derived=None)
    context.proba[:] = [0.5, 0.3, 0.2]
    assert len(np.unique(egl(context))) == 1
    assert context.candidates[np.argmax(egl(context, normalize=False))] == longest


def test_beats_random_on_digits_that_look_alike():
    """4, 7 and 9, with few labels."""
    X, y = digits()
    some = np.isin(y, [4, 7, 9])
    codes = np.searchsorted([4, 7, 9], y[some])
    assert wins(gains(X[some], codes, "expected_gradient_length", n_seeds=8, batch_size=5, seed_size=10, max_labels=50))
