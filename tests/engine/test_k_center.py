import numpy as np
import pytest
from scipy import sparse

from learning.engine import Context, select
from learning.engine.strategies import covering
from learning.engine.strategies.covering import Nearest, nearest_asked


def farthest_first(X, candidates, centers, size, rng):
    centers = np.asarray(centers, dtype=np.int64)
    context = Context(X=X, labeled=centers, y=np.zeros(len(centers), dtype=int), candidates=candidates, rng=rng)
    return covering.farthest_first(context, size)


def plain(X: np.ndarray, candidates: np.ndarray, centers: np.ndarray, batch_size: int) -> list[int]:
    """The algorithm as it is written in the paper."""
    centers, picks = list(centers), []
    for _ in range(batch_size):
        distances = [min(np.linalg.norm(X[c] - X[s]) for s in centers) if c not in picks else -1 for c in candidates]
        picks.append(int(candidates[int(np.argmax(distances))]))
        centers.append(picks[-1])
    return picks


def test_by_hand_on_a_line():
    X = np.array([[0.0], [1.0], [4.0], [10.0], [6.0]])
    picked = set()
    for seed in range(20):
        best, distances = farthest_first(X, np.array([1, 2, 3, 4]), np.array([0]), 4, np.random.default_rng(seed))
        picked.add(tuple((best + 1).tolist()))
        assert distances.tolist() == [10, 4, 2, 1]
    assert picked == {(3, 2, 4, 1), (3, 4, 2, 1)}  # 4 and 6 are both 4 away from 0 and 10


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(("active", "flush"), [(4096, 64), (5, 64), (7, 2), (1, 1)])
def test_takes_what_the_plain_algorithm_takes(monkeypatch, as_sparse, active, flush):
    monkeypatch.setattr(covering, "_ACTIVE", (active, active))
    monkeypatch.setattr(covering, "_FLUSH_AFTER", flush)
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 5))
    candidates, centers = np.arange(10, 60), np.arange(4)
    given = sparse.csr_matrix(X) if as_sparse else X
    best, _ = farthest_first(given, candidates, centers, 25, np.random.default_rng(0))
    assert candidates[best].tolist() == plain(X, candidates, centers, 25)


def test_pending_items_are_covered_too():
    X = np.array([[0.0], [10.0], [9.0], [5.0]])
    candidates = np.array([2, 3])
    far, _ = farthest_first(X, candidates, np.array([0]), 1, np.random.default_rng(0))
    covered, _ = farthest_first(X, candidates, np.array([0, 1]), 1, np.random.default_rng(0))
    assert (candidates[far[0]], candidates[covered[0]]) == (2, 3)


def test_without_any_center_the_first_is_drawn_at_random():
    X = np.arange(10.0)[:, None]
    first = {int(farthest_first(X, np.arange(10), np.empty(0, int), 2, np.random.default_rng(s))[0][0]) for s in range(60)}
    assert len(first) == 10


def test_identical_items_are_each_taken_once():
    X = np.ones((20, 3), dtype=np.float32)
    best, distances = farthest_first(X, np.arange(5, 20), np.array([0]), 15, np.random.default_rng(0))
    assert sorted(best) == list(range(15)) and np.all(distances < 1e-3)


@pytest.mark.parametrize(("active", "flush"), [(5, 2), (1, 1), (3, 64)])
def test_no_item_is_taken_twice_however_the_work_is_cut(monkeypatch, active, flush):
    monkeypatch.setattr(covering, "_ACTIVE", (active, active))
    monkeypatch.setattr(covering, "_FLUSH_AFTER", flush)
    X = np.repeat(np.eye(4), 5, axis=0)
    best, _ = farthest_first(X, np.arange(1, 20), np.array([0]), 19, np.random.default_rng(0))
    assert sorted(best) == list(range(19))


def test_the_strategy_keeps_away_from_what_is_pending():
    X = np.array([[0.0], [10.0], [9.0], [5.0]])
    state = {"X": X, "labeled": np.array([0]), "y": np.array([0]), "candidates": np.array([2, 3]), "n_classes": 2}
    for pending, expected in (([], 2), ([1], 3)):
        context = Context(**state, pending=np.array(pending, dtype=int), rng=np.random.default_rng(0))
        assert select({"name": "k_center"}, context, 1).positions.tolist() == [expected]


@pytest.mark.parametrize("as_sparse", [False, True])
def test_what_is_kept_from_round_to_round_equals_what_a_restart_computes(as_sparse):
    """Bit for bit, in however many steps the labels came: otherwise a killed worker would change the curve."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 37)).astype(np.float32)
    X = sparse.csr_matrix(X * (rng.random(X.shape) < 0.1)) if as_sparse else X
    order = rng.permutation(700)
    cache: dict = {}
    for size in (3, 10, 80, 81, 200, 330):
        labeled = np.sort(order[:size])
        state = {"X": X, "labeled": labeled, "y": labeled % 2, "candidates": np.sort(order[size:])}
        grown = nearest_asked(Context(**state, rng=rng, cache=cache))
        fresh = nearest_asked(Context(**state, rng=rng))
        assert np.array_equal(grown.squared, fresh.squared)


def test_a_label_that_was_taken_back_is_no_center_any_more():
    X = np.array([[0.0], [10.0], [9.0], [5.0]])
    cache: dict = {}
    for labeled, expected in (([0, 1], 3), ([0], 2)):
        state = {"X": X, "labeled": np.array(labeled), "y": np.array(labeled) % 2, "candidates": np.array([2, 3])}
        context = Context(**state, rng=np.random.default_rng(0), cache=cache)
        assert select({"name": "k_center"}, context, 1).positions.tolist() == [expected]


def test_distances_are_those_of_numpy():
    X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    nearest = Nearest(X, np.einsum("ij,ij->i", X, X, dtype=float))
    nearest.add(np.array([3, 4]))
    expected = ((X[:, None] - X[[3, 4]]) ** 2).sum(axis=2).min(axis=1)
    assert nearest.squared == pytest.approx(expected, abs=1e-4)
