"""TypiClust: the picks of another implementation, clusters in every kind of pool, and a start with few labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import engine
from learning.engine import Context
from learning.engine.strategies import typiclust
from learning.engine.strategies.typiclust import cluster_pool, typicality
from tests.engine.duels import digits


def clumps(sizes, seed=0, spread=0.05) -> tuple[np.ndarray, np.ndarray]:
    """(X, which clump) in one shuffled order: Gaussian clumps, one around each axis."""
    rng = np.random.default_rng(seed)
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (np.eye(len(sizes))[which] + rng.normal(scale=spread, size=(len(which), len(sizes)))).astype(np.float32), which


def ask(X, size, labeled=(), seed=0) -> engine.Selection:
    labeled = np.array(labeled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(len(X)), labeled)
    y, rng = np.zeros(len(labeled), dtype=int), np.random.default_rng(seed)
    return engine.select({"name": "typiclust"}, Context(X=X, labeled=labeled, y=y, candidates=candidates, rng=rng), size)


class Clumps:
    """What scikit-activeml is given to cluster by."""

    which = None

    def __init__(self, n_clusters):
        pass

    def fit_predict(self, X):
        return self.which


@pytest.mark.parametrize("seed", range(5))
def test_the_picks_are_those_of_scikit_activeml(monkeypatch, seed):
    """The same clusters given, of different sizes, some of them labelled: TypiClust of scikit-activeml 1.0 (BSD)."""
    pool = pytest.importorskip("skactiveml.pool")
    X, which = clumps([30, 41, 22, 25, 37, 33], seed, spread=0.2)
    labeled = [int(np.flatnonzero(which == 1)[3]), int(np.flatnonzero(which == 4)[0])]
    monkeypatch.setattr(typiclust, "cluster_pool", lambda rows, pool, n_clusters, seed: which[pool])
    monkeypatch.setattr(Clumps, "which", which)
    y = np.full(len(X), np.nan)
    y[labeled] = 0
    reference = pool.TypiClust(cluster_algo=Clumps, k=20, random_state=0).query(X, y, batch_size=4)
    assert ask(X, 4, labeled).positions.tolist() == reference.tolist()


def test_a_sampled_pool_in_a_periodic_order_is_clustered_all_the_same(monkeypatch):
    """Files often alternate between classes: every third item alone would be of one class."""
    monkeypatch.setattr(typiclust, "_EXACT_UP_TO", 50)
    monkeypatch.setattr(typiclust, "_SAMPLE", 60)
    which = np.arange(180) % 3
    X = (np.eye(3)[which] + np.random.default_rng(0).normal(scale=0.05, size=(180, 3))).astype(np.float32)
    cluster = cluster_pool(X, np.arange(180), 3, 0)
    assert len(set(zip(which, cluster, strict=True))) == 3


@pytest.mark.parametrize("exact_up_to", [3000, 50])
def test_columns_that_are_far_from_zero_change_nothing(monkeypatch, exact_up_to):
    """Such as years: their squares leave float32 no digit for the differences."""
    monkeypatch.setattr(typiclust, "_EXACT_UP_TO", exact_up_to)
    X, which = clumps([40, 60, 50], spread=0.1)
    X = np.round(X * 256) / 256  # so that the sums below are exact
    far = (X + 8192).astype(np.float32)
    assert typicality(far) == pytest.approx(typicality(X), rel=1e-3)
    cluster = cluster_pool(far, np.arange(150), 3, 0)
    assert len(set(zip(which, cluster, strict=True))) == 3


def test_tiny_clusters_are_asked_only_when_nothing_else_is_left():
    X, which = clumps([40, 30, 4, 3])
    assert set(which[ask(X, 4).positions]) == {0, 1}
    rest = np.flatnonzero(which >= 2)
    context = Context(
        X=X,
        labeled=np.flatnonzero(which < 2),
        y=np.zeros(70, dtype=int),
        candidates=rest,
        rng=np.random.default_rng(0),
    )
    assert len(engine.select({"name": "typiclust"}, context, 7)) == 7


def test_of_a_large_cluster_some_are_looked_at_and_all_can_be_asked(monkeypatch):
    monkeypatch.setattr(typiclust, "_LOOKED_AT", 10)
    monkeypatch.setattr(typiclust, "MAX_CLUSTERS", 2)
    X, _ = clumps([50, 40])
    assert sorted(ask(X, 90).positions.tolist()) == list(range(90))
    assert np.all(ask(X, 2).scores > 0)


@given(st.integers(1, 60), st.integers(0, 1000), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_typicality_never_falls_when_all_come_closer(n, seed, scale):
    rows = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    assert np.all(typicality(rows / (1 + scale)) >= typicality(rows) * (1 - 1e-5))


def test_ten_typical_digits_teach_more_than_ten_random_ones():
    """Hacohen et al. (2022): with one label per class. Paired over seeds."""
    X, y = digits()
    gains = []
    for seed in range(6):
        pool, test = np.split(np.random.default_rng(seed).permutation(len(y)), [1000])
        scores = []
        for name in ("typiclust", "random"):
            nothing = np.empty(0, dtype=np.int64)
            context = Context(X=X, labeled=nothing, y=nothing, candidates=np.sort(pool), rng=np.random.default_rng(seed))
            labeled = engine.select({"name": name}, context, 10).positions
            model = engine.fit({"name": "logistic_regression"}, X, labeled, y[labeled], 10, 0)
            scores.append((engine.predict(model, X, test, 10).argmax(axis=1) == y[test]).mean())
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains)) > 0
