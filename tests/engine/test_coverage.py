"""ProbCover and MaxHerding: the picks of another implementation, hostile pools, and a start with few labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import KMeans

from learning import engine
from learning.engine import Context
from learning.engine.strategies import coverage
from learning.engine.strategies.coverage import lazy_greedy, pure_radius
from tests.engine.duels import digits


def context_of(X, labeled=(), candidates=None, seed=0, n_classes=3) -> Context:
    labeled = np.array(labeled, dtype=np.int64)
    candidates = np.setdiff1d(np.arange(X.shape[0]), labeled) if candidates is None else candidates
    y, rng = np.zeros(len(labeled), dtype=int), np.random.default_rng(seed)
    return Context(X=X, labeled=labeled, y=y, candidates=candidates, rng=rng, n_classes=n_classes)


def unit_rows(n, d, seed) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("labeled", [[], [0, 17, 30]])
@pytest.mark.parametrize("seed", range(3))
def test_max_herding_picks_what_scikit_activeml_picks(seed, labeled):
    """The same kernel given: MaxHerding of scikit-activeml 1.0 (BSD)."""
    pool = pytest.importorskip("skactiveml.pool")
    X = (unit_rows(70, 3, seed) * 5).astype(np.float32)
    context = context_of(X, labeled)
    ours = engine.select({"name": "max_herding"}, context, 12)
    scale = coverage._scale(unit_rows(70, 3, seed), 0.5, np.random.default_rng(0))  # all 70 are covered: the same first draw
    y = np.full(70, np.nan)
    y[labeled] = 0
    reference = pool.MaxHerding(metric_dict={"gamma": -scale}, random_state=0)
    picks, gains = reference.query(X, y, batch_size=12, return_utilities=True)
    assert ours.positions.tolist() == picks.tolist()
    # They cover the candidates, we the pool: what is labelled is covered already, so the mean differs by the sizes alone.
    assert ours.scores * 70 == pytest.approx(np.nanmax(gains, axis=1) * (70 - len(labeled)), rel=1e-4)


@pytest.mark.filterwarnings("ignore:The maximum purity")  # the radius is given, so theirs is not measured
@pytest.mark.parametrize("labeled", [[], [0, 17, 30]])
@pytest.mark.parametrize("seed", range(3))
def test_each_pick_of_prob_cover_is_one_of_the_best_for_scikit_activeml(seed, labeled):
    """Counts are often equal, so it is asked for the value of each pick, given those before it."""
    pool = pytest.importorskip("skactiveml.pool")
    X = unit_rows(60, 3, seed)
    ours = engine.select({"name": "prob_cover", "delta": 0.8}, context_of(X, labeled), 10)
    y = np.full(60, np.nan)
    y[labeled] = 0
    for position, score in zip(ours.positions, ours.scores, strict=True):
        reference = pool.ProbCover(n_classes=3, deltas=[0.8], random_state=0)
        _, (gains,) = reference.query(X, y, batch_size=1, return_utilities=True)
        assert gains[position] == score == np.nanmax(gains)
        y[position] = 0


@given(st.integers(4, 80), st.integers(2, 5), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_radius_is_the_largest_of_which_so_many_balls_are_pure(n, n_clusters, seed):
    """Yehuda et al. (2022), section 4.2, by counting."""
    rows = unit_rows(n, 3, seed)
    radius = pure_radius(rows, n_clusters, np.random.default_rng(seed))
    state = int(np.random.default_rng(seed).integers(2**31))
    labels = KMeans(min(n_clusters, n), n_init=1, random_state=state).fit_predict(rows)
    distance = np.linalg.norm(rows[:, None] - rows, axis=2)

    def purity(r):
        return 1 - ((distance <= r) & (labels[:, None] != labels)).any(axis=1).mean()

    assert purity(radius - 1e-4) >= 0.95 > purity(radius + 1e-4)


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_gains_only_shrink_and_add_up_to_the_coverage(m, u, seed):
    rng = np.random.default_rng(seed)
    kernel, before = rng.random((m, u)).astype(np.float32), (rng.random(u) * 0.3).astype(np.float32)
    picks, gains = lazy_greedy(kernel, before, m, rng)
    assert sorted(picks) == list(range(m))
    assert np.all(np.diff(gains) <= 1e-5)
    assert gains.sum() == pytest.approx(np.maximum(kernel.max(axis=0), before).sum() - before.sum(), abs=1e-3)


def test_a_pool_of_mostly_equal_items_still_gives_a_varied_batch():
    """An empty text a hundred times: the median distance is zero, yet the others have a shape."""
    noise = np.random.default_rng(0).normal(scale=0.05, size=(10, 3))
    X = np.concatenate([np.tile(np.eye(3)[0], (90, 1)), np.eye(3)[[1] * 5 + [2] * 5] + noise]).astype(np.float32)
    for seed in range(5):
        picks = engine.select({"name": "max_herding"}, context_of(X, seed=seed), 3).positions
        assert picks[0] < 90 and {int(p >= 95) for p in picks[1:]} == {0, 1} and (picks[1:] >= 90).all()


@pytest.mark.parametrize("name", ["prob_cover", "max_herding"])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_a_large_pool_is_covered_from_samples_the_same_each_time(monkeypatch, name, as_sparse):
    monkeypatch.setattr(coverage, "MAX_COVERED", 60)
    monkeypatch.setattr(engine.strategies.get(name), "max_pool", 40)
    X = np.abs(unit_rows(500, 6, 0))
    X = sparse.csr_matrix(X) if as_sparse else X
    first, again = (engine.select({"name": name}, context_of(X, [3, 4]), 30) for _ in range(2))
    assert len(set(first.positions.tolist())) == 30 and np.array_equal(first.positions, again.positions)
    assert first.scores.tobytes() == again.scores.tobytes()
    assert len(engine.select({"name": name}, context_of(X, [3, 4]), 100)) == 100  # a batch that exceeds what is looked at


def test_ten_digits_that_cover_the_pool_teach_more_than_ten_random_ones():
    """Bae et al. (2024): with one label per class. Paired over seeds."""
    X, y = digits()
    gains = []
    for seed in range(6):
        pool, test = np.split(np.random.default_rng(seed).permutation(len(y)), [1000])
        scores = []
        for name in ("max_herding", "random"):
            labeled = engine.select({"name": name}, context_of(X, [], np.sort(pool), seed, 10), 10).positions
            model = engine.fit({"name": "logistic_regression"}, X, labeled, y[labeled], 10, 0)
            scores.append((engine.predict(model, X, test, 10).argmax(axis=1) == y[test]).mean())
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains)) > 0
