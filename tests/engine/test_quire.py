"""QUIRE against the paper's formula written out, and against scikit-activeml."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from learning import engine
from learning.engine.strategies.quire import one_vs_rest
from tests.engine.contexts import make_context
from tests.engine.duels import digits, gains, wins


def quire(context, **settings_):
    return engine.strategies.get("quire")(**settings_).scores(context)


def by_the_paper(K, labeled, y, candidates, smoothing):
    """(m,) eq. 6 and 7 of the paper for y in {-1, 1}, with the inverse of L_uu for every candidate."""
    n = len(K)
    L = np.linalg.inv(K + smoothing * np.eye(n))
    losses = []
    for s in candidates:
        u = np.setdiff1d(np.arange(n), np.append(labeled, s))
        worst = -np.inf
        for label in (-1, 1):
            pull = L[np.ix_(u, labeled)] @ y + L[u, s] * label
            loss = L[s, s] + y @ L[np.ix_(labeled, labeled)] @ y + 2 * label * L[s, labeled] @ y
            loss -= pull @ np.linalg.solve(L[np.ix_(u, u)], pull) if len(u) else 0.0
            worst = max(worst, loss)
        losses.append(worst)
    return np.array(losses)


def kernel_of(context, gamma):
    if sparse.issparse(context.X):
        return cosine_similarity(context.X.toarray().astype(np.float64))
    return rbf_kernel(context.X.astype(np.float64), gamma=gamma)


def in_double(context):
    """With features in double precision, in which the formula is exact; single precision is held against it below."""
    return replace(context, X=context.X.astype(np.float64), derived=None)


@given(
    n=st.integers(9, 40),
    n_labeled=st.integers(1, 8),
    smoothing=st.sampled_from([0.1, 1.0, 10.0]),
    gamma=st.sampled_from([0.3, 1.0, 5.0]),
    as_sparse=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_the_loss_is_that_of_the_paper(n, n_labeled, smoothing, gamma, as_sparse, seed):
    context = in_double(make_context(n=n, n_labeled=n_labeled, n_pending=0, seen=2, n_classes=2, as_sparse=as_sparse, seed=seed))
    K = kernel_of(context, gamma)
    y = np.where(context.y == 1, 1.0, -1.0)
    expected = by_the_paper(K, context.labeled, y, context.candidates, smoothing)
    inside = np.ix_(context.labeled, context.labeled)
    same_for_all = y @ np.linalg.solve((K + smoothing * np.eye(n))[inside], y)
    found = -quire(context, smoothing=smoothing, gamma=gamma) / 2 + same_for_all
    assert found == pytest.approx(expected, rel=1e-6)


def test_equals_scikit_activeml_for_two_classes():
    """Quire of scikit-activeml 1.0.1 inverts the n x n matrices. It goes through both labels by way of the two classes."""
    pool = pytest.importorskip("skactiveml.pool")
    context = make_context(n=40, n_labeled=7, n_pending=0, seen=2, n_classes=2)
    X = context.X.astype(np.float64)
    y = np.full(40, np.nan)
    y[context.labeled] = context.y
    strategy = pool.Quire(classes=[0, 1], metric_dict={"gamma": 0.7}, lmbda=1.0, random_state=0)
    _, utilities = strategy.query(X, y, return_utilities=True)
    theirs = utilities[0][context.candidates]
    ours = quire(replace(context, X=X, derived=None), gamma=0.7)
    assert (ours - ours[0]) / 2 == pytest.approx(theirs - theirs[0], abs=1e-9)


def test_several_classes_are_the_worst_of_the_labels_that_an_item_can_have():
    context = in_double(make_context(n=30, n_labeled=9, n_pending=0, seen=3))
    K = kernel_of(context, 1.0) + np.eye(30)
    signs = one_vs_rest(context.y)
    M = K[np.ix_(context.labeled, context.labeled)]
    expected = []
    for s in context.candidates:
        together = np.append(context.labeled, s)
        inverse = np.linalg.inv(K[np.ix_(together, together)])
        labels = [np.vstack([signs, np.where(np.arange(3) == c, 1.0, -1.0)]) for c in range(3)]
        expected.append(max(np.trace(given.T @ inverse @ given) for given in labels))
    same_for_all = np.trace(signs.T @ np.linalg.inv(M) @ signs)
    assert -quire(context, gamma=1.0) + same_for_all == pytest.approx(expected, rel=1e-9)


def test_by_hand_with_one_label():
    """k = exp(-d^2) and lambda = 1: f = k / 2, v = 2 - k^2 / 2, loss 2 (1 + f)^2 / v; what is far away is asked."""
    X = np.array([[0.0], [0.1], [1.0], [9.0]])
    context = engine.Context(
        X=X,
        labeled=np.array([0]),
        y=np.array([0]),
        candidates=np.array([1, 2, 3]),
        n_classes=2,
        rng=np.random.default_rng(0),
    )
    k = np.exp(-(X[1:, 0] ** 2))
    assert quire(context, gamma=1.0) == pytest.approx(-2 * (1 + k / 2) ** 2 / (2 - k**2 / 2))
    assert engine.select({"name": "quire", "gamma": 1.0}, context, 1).positions.tolist() == [3]


def test_other_unlabeled_items_have_no_say():
    """Though the paper's matrices hold them all: their relaxed labels adapt to whatever is asked."""
    context = make_context(n=40)
    few = context.among(np.array([2, 5, 7]))
    assert quire(few, gamma=1.0) == pytest.approx(quire(context, gamma=1.0)[[2, 5, 7]])


def test_what_is_near_a_pending_item_is_asked_later():
    context = make_context(n=40, n_pending=0)
    pending = context.candidates[:1]
    near = replace(context, candidates=context.candidates[1:], proba=context.proba[1:])
    change = quire(replace(near, pending=pending), gamma=1.0) - quire(near, gamma=1.0)
    distances = np.linalg.norm(context.X[near.candidates] - context.X[pending], axis=1)
    assert np.all(change <= 1e-12)
    assert change[np.argmin(distances)] < 5 * change[np.argmax(distances)] < 0


def test_works_without_any_label_and_with_one_class():
    for n_labeled, n_pending in ((0, 0), (0, 2), (3, 1)):
        context = make_context(n=30, n_labeled=n_labeled, n_pending=n_pending, seen=1)
        assert len(engine.select({"name": "quire"}, context, 4)) == 4
        assert np.isfinite(quire(context)).all()


def test_beats_random_on_digits_that_look_alike():
    """4, 7 and 9, with few labels."""
    X, y = digits()
    some = np.isin(y, [4, 7, 9])
    codes = np.searchsorted([4, 7, 9], y[some])
    assert wins(gains(X[some], codes, "quire", n_seeds=8, batch_size=5, seed_size=10, max_labels=50))


@pytest.mark.parametrize("far", [0, 100])
def test_single_precision_asks_the_same_wherever_the_features_lie(far):
    context = make_context(n=400, n_labeled=20, n_pending=3, seen=3)
    context = replace(context, X=(context.X + far).astype(np.float32), derived=None)
    single, double = quire(context, gamma=0.1), quire(in_double(context), gamma=0.1)
    assert single == pytest.approx(double, rel=1e-4)
    assert set(np.argsort(-single)[:30]) == set(np.argsort(-double)[:30])
