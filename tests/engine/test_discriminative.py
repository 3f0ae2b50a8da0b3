"""Discriminative active learning against the algorithm written out, and what it promises."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from learning import engine
from learning.engine import Context
from learning.engine.strategies import discriminative
from tests.engine.contexts import make_context
from tests.engine.duels import gains, wins


def pool(X, labeled=(), pending=(), seed=0):
    asked = np.concatenate([labeled, pending]).astype(np.int64)
    return Context(
        X=X,
        labeled=np.array(labeled, dtype=np.int64),
        y=np.zeros(len(labeled), dtype=np.int64),
        candidates=np.setdiff1d(np.arange(X.shape[0]), asked),
        pending=np.array(pending, dtype=np.int64),
        n_classes=2,
        rng=np.random.default_rng(seed),
    )


def ask(context, size, **settings):
    return engine.select({"name": "discriminative", **settings}, context, size).positions.tolist()


def written_out(context, size, sub_batches, strength):
    """The paper's loop; the pool is so small that all of it is trained on."""
    X = context.X.astype(np.float64)
    labeled, picks = context.asked.tolist(), []
    for part in np.array_split(np.arange(size), sub_batches):
        unlabeled = np.setdiff1d(context.candidates, picks)
        rows, codes = X[np.append(labeled, unlabeled)], np.repeat([0, 1], [len(labeled), len(unlabeled)])
        C = strength / (rows**2).sum(axis=1).mean()
        model = LogisticRegression(C=C, class_weight="balanced", solver="newton-cholesky", tol=1e-10).fit(rows, codes)
        best = unlabeled[np.argsort(-model.decision_function(X[unlabeled]))[: len(part)]].tolist()
        picks, labeled = picks + best, labeled + best
    return picks


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(("size", "sub_batches", "strength"), [(8, 1, 10.0), (8, 4, 1.0), (9, 9, 100.0), (7, 3, 10.0)])
def test_takes_what_the_algorithm_written_out_takes(as_sparse, size, sub_batches, strength):
    context = make_context(n=80, n_labeled=7, d=6, seed=3)
    given = replace(context, X=sparse.csr_matrix(context.X), derived=None) if as_sparse else context
    expected = written_out(context, size, sub_batches, strength)
    assert ask(given, size, sub_batches=sub_batches, strength=strength) == expected


def test_asks_first_where_nothing_is_labeled():
    """Three groups, two of them labelled."""
    X, group = make_blobs([40, 40, 40], centers=6 * np.eye(3), cluster_std=0.5, random_state=0)
    labeled = np.concatenate([np.flatnonzero(group == 0)[:5], np.flatnonzero(group == 1)[:5]])
    assert group[ask(pool(X, labeled), 1)].tolist() == [2]
    assert group[ask(pool(X, labeled[:5], pending=labeled[5:]), 1)].tolist() == [2]  # what is pending will be labelled


def test_sub_batches_keep_a_batch_from_being_all_alike():
    """Of one step a batch lies in the one direction that tells most; in steps it goes round the groups."""
    X, group = make_blobs([30] * 8, centers=6 * np.eye(8), cluster_std=0.3, random_state=0)
    labeled = np.flatnonzero(group == 0)[:5]

    def found(sub_batches):
        return np.mean([len(set(group[ask(pool(X, labeled, seed=seed), 14, sub_batches=sub_batches)])) for seed in range(3)])

    assert found(14) == 7 and found(1) < 5


def test_starts_without_any_label_at_random_and_then_elsewhere():
    X, group = make_blobs([30] * 4, centers=6 * np.eye(4), cluster_std=0.3, random_state=0)
    batches = [ask(pool(X, seed=seed), 4, sub_batches=4) for seed in range(20)]
    assert len({batch[0] for batch in batches}) > 10
    assert all(set(group[batch]) == {0, 1, 2, 3} for batch in batches)


def test_answers_make_no_difference():
    context = make_context(n=60, n_labeled=8)
    assert ask(context, 6) == ask(replace(context, y=context.y[::-1].copy(), rng=np.random.default_rng(1), memo={}), 6)


@pytest.mark.parametrize("times", [1 / 16, 16])
def test_the_size_of_the_features_makes_no_difference(times):
    context = make_context(n=90, n_labeled=30)
    other = replace(context, X=np.float32(times) * context.X, derived=None, rng=np.random.default_rng(1))
    assert ask(context, 20, strength=1.0) == ask(other, 20, strength=1.0)


def test_items_without_any_feature_are_drawn_at_random():
    with np.errstate(all="raise"):
        batches = {tuple(ask(pool(np.zeros((30, 3)), [0, 1], seed=seed), 3)) for seed in range(5)}
    assert len(batches) > 2


@pytest.mark.parametrize("seed", range(3))
def test_more_can_be_asked_than_there_is_to_train_on(monkeypatch, seed):
    """Ten of fifty candidates are trained on; when they are all taken, the others are left."""
    monkeypatch.setattr(discriminative, "_AT_LEAST", 2)
    X = np.random.default_rng(0).normal(size=(51, 3))
    assert sorted(ask(pool(X, [0], seed=seed), 50, sub_batches=50)) == list(range(1, 51))


@pytest.mark.parametrize("n_labeled", [0, 3])
def test_the_whole_pool_is_asked_once(n_labeled):
    context = make_context(n=40, n_labeled=n_labeled)
    assert sorted(ask(context, 100)) == context.candidates.tolist()


def test_all_of_a_large_pool_may_be_asked():
    """4,000 items, of which 1,000 are enough to train on: the odd ones out are found all the same."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 5)).astype(np.float32)
    X[rng.choice(4000, 300, replace=False), 0] += 12
    odd = np.flatnonzero(X[:, 0] > 6)
    labeled = np.setdiff1d(np.arange(4000), odd)[:20]
    picks = [ask(pool(X, labeled, seed=seed), 3, sub_batches=1) for seed in range(3)]
    assert np.isin(picks, odd).all()


def test_scores_are_probabilities():
    selection = engine.select({"name": "discriminative"}, make_context(n=60, n_labeled=8), 6)
    assert np.all((selection.scores > 0) & (selection.scores <= 1))


def test_beats_random_where_there_are_many_groups_of_different_sizes():
    rng = np.random.default_rng(1)
    sizes = (200 * np.arange(1, 21) ** -0.7).astype(int)
    X, y = make_blobs(sizes.tolist(), centers=2 * rng.normal(size=(20, 20)), random_state=0)
    assert wins(gains(X.astype(np.float32), y, "discriminative", n_seeds=8, batch_size=10, seed_size=10, max_labels=40))
