"""Contrastive active learning against its definition and against scikit-activeml."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import rel_entr
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from learning import engine
from learning.engine.strategies import contrastive
from learning.engine.strategies.contrastive import mean_divergence, nearest
from tests.engine.contexts import make_context
from tests.engine.duels import gains, wins


def cal(context, **settings_):
    return engine.strategies.get("contrastive")(**settings_).scores(context)


def plain(context, k):
    """The algorithm as it is written in the paper, one candidate after the other."""
    X = context.X.toarray() if sparse.issparse(context.X) else context.X
    Q = engine.predict(context.model, context.X, context.labeled, context.n_classes)
    scores = []
    for position, p in zip(context.candidates, context.proba, strict=True):
        distances = np.linalg.norm(X[context.labeled] - X[position], axis=1)
        closest = np.argsort(distances, kind="stable")[:k]
        scores.append(np.mean([rel_entr(q, p).sum() for q in Q[closest]]))
    return scores


def test_by_hand():
    """Of two neighbours one agrees (divergence 0); the other is sure of what is held for a coin toss: log 2."""
    P, Q = np.array([[0.5, 0.5]]), np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    assert mean_divergence(P, Q, np.array([[0, 1]])) == pytest.approx([np.log(2) / 2])


@given(
    m=st.integers(1, 25),
    n_among=st.integers(1, 25),
    k=st.integers(1, 30),
    at_once=st.integers(1, 30),
    as_sparse=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_the_nearest_are_those_of_all_pairs_however_the_work_is_cut(m, n_among, k, at_once, as_sparse, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(m + n_among, 6)) * (rng.random((m + n_among, 6)) < 0.5)
    positions, among = np.split(rng.permutation(m + n_among), [m])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrastive, "_CENTERS_AT_ONCE", at_once)
        found = nearest(sparse.csr_matrix(X) if as_sparse else X, positions, among, k)
    k = min(k, n_among)
    assert found.shape == (m, k)
    assert all(len(set(row)) == k for row in found.tolist())
    # Distances, not places: rows that are equal may stand for each other.
    pairs = np.linalg.norm(X[positions][:, None] - X[among], axis=2)
    assert np.sort(np.take_along_axis(pairs, found, axis=1)) == pytest.approx(np.sort(pairs, axis=1)[:, :k], abs=1e-6)


@pytest.mark.parametrize("at_once", [4, 7, 512])
def test_of_equally_near_items_as_many_as_asked_are_taken_and_each_once(monkeypatch, at_once):
    """Texts repeat: here twenty labelled ones are three different ones."""
    monkeypatch.setattr(contrastive, "_CENTERS_AT_ONCE", at_once)
    X = np.concatenate([np.repeat([[0.0], [1.0], [5.0]], [8, 7, 5], axis=0), [[0.2], [0.9], [4.0]]])
    found = nearest(X, np.array([20, 21, 22]), np.arange(20), 3)
    assert [len(set(row)) for row in found.tolist()] == [3, 3, 3]
    assert X[found, 0].tolist() == [[0] * 3, [1] * 3, [5] * 3]


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("k", [1, 3, 10, 50])
def test_equals_the_paper_written_out(as_sparse, k):
    context = make_context(n=70, n_labeled=25, as_sparse=as_sparse, d=8)
    assert cal(context, neighbors=k) == pytest.approx(plain(context, k), abs=1e-9)


def test_equals_scikit_activeml():
    """ContrastiveAL of scikit-activeml 1.0.1, with its smallest probability set to ours."""
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import SklearnClassifier

    context = make_context(n=80, n_labeled=30, n_pending=0, d=8)
    y = np.full(80, np.nan)
    y[context.labeled] = context.y
    X = context.X.astype(np.float64)
    classifier = SklearnClassifier(LogisticRegression(C=10), classes=[0, 1, 2], random_state=0).fit(X, y)
    strategy = pool.ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 10}, eps=1e-12)
    _, utilities = strategy.query(X, y, classifier, candidates=context.candidates, fit_clf=False, return_utilities=True)
    ours = replace(context, X=X, derived=None, model=classifier, proba=classifier.predict_proba(X[context.candidates]))
    assert cal(ours) == pytest.approx(utilities[0][context.candidates], abs=1e-9)


def test_asks_at_the_border_and_not_where_neighbors_are_predicted_alike():
    """On a line with classes left and right, the middle differs most from what is labelled around it."""
    X = np.linspace(-3, 3, 61)[:, None]
    labeled = np.array([0, 10, 20, 40, 50, 60])
    y = np.repeat([0, 1], 3)
    model = engine.fit({"name": "logistic_regression"}, X, labeled, y, 2, 0)
    candidates = np.setdiff1d(np.arange(61), labeled)
    context = engine.Context(
        X=X,
        labeled=labeled,
        y=y,
        candidates=candidates,
        model=model,
        proba=engine.predict(model, X, candidates, 2),
        n_classes=2,
        rng=np.random.default_rng(0),
    )
    best = candidates[np.argsort(-cal(context, neighbors=2))[:5]]
    assert np.all(np.abs(X[best, 0]) < 0.8)


def test_a_class_held_for_impossible_gives_no_infinite_score():
    context = make_context(n=40, n_labeled=10)
    context.proba[0] = [1, 0, 0]
    assert np.isfinite(cal(context)).all()


def test_beats_random_where_classes_are_clusters():
    """From a hundred labels on, as in the paper (1 % of large sets); on digits it does not, and with few labels it loses."""
    X, y = make_classification(4000, 20, n_informative=8, n_classes=4, n_clusters_per_class=1, class_sep=1.5, random_state=0)
    assert wins(gains(X.astype(np.float32), y, "contrastive", n_seeds=14, batch_size=50, seed_size=100, max_labels=250))
