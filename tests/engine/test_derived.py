"""What follows from the features: fitted on the pool only, the same whoever computes it, kept on disk."""

import numpy as np
import pytest
from scipy import sparse

from learning.engine import Derived


def texts_like(n=300, d=600, seed=0) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    topic = rng.integers(3, size=n)
    X = np.zeros((n, d), dtype=np.float32)
    for i, t in enumerate(topic):
        X[i, rng.choice(200, 8, replace=False) + 200 * t] = rng.random(8)
    return sparse.csr_matrix(X)


def test_norms_are_those_of_numpy():
    X = texts_like()
    expected = (X.toarray() ** 2).sum(axis=1)
    assert Derived(X, np.arange(300)).squared_norms == pytest.approx(expected, rel=1e-5)
    assert Derived(X.toarray(), np.arange(300)).squared_norms == pytest.approx(expected, rel=1e-5)


def test_an_embedding_keeps_who_is_like_whom():
    X = texts_like()
    rows = Derived(X, np.arange(300)).embedding
    assert rows.shape == (300, 100) and np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-4)
    same = (X.toarray()[:, None, :200].any(axis=2)[:, 0]) == (X.toarray()[0, :200].any())
    similar = rows @ rows[0]
    assert similar[same].mean() > similar[~same].mean() + 0.01


def test_narrow_dense_rows_are_their_own_embedding():
    X = np.random.default_rng(0).random((20, 5)).astype(np.float32)
    assert Derived(X, np.arange(20)).embedding is X


def test_rows_outside_the_pool_have_no_say():
    X = texts_like()
    changed = X.copy()
    changed[250:] = changed[250:] * 50
    pool = np.arange(250)
    first, second = Derived(X, pool).embedding, Derived(changed, pool).embedding
    assert np.array_equal(first[:250], second[:250])


def test_what_is_on_disk_is_what_is_computed_and_a_broken_file_is_made_again(tmp_path):
    X, pool = texts_like(), np.arange(300)
    first = np.array(Derived(X, pool, tmp_path).embedding)
    assert np.array_equal(Derived(X, pool, tmp_path).embedding, first)
    assert np.array_equal(Derived(X, pool).embedding, first)
    (path,) = tmp_path.glob("embedding.npy")
    path.write_bytes(path.read_bytes()[:100])
    assert np.array_equal(Derived(X, pool, tmp_path).embedding, first)


def test_samples_are_random_and_always_the_same():
    derived = Derived(np.zeros((1000, 1)), np.arange(1000))
    sample = derived.sample(100)
    assert np.array_equal(sample, derived.sample(100)) and len(set(np.diff(sample).tolist())) > 5
    assert len(derived.sample(5000)) == 1000


def test_a_short_row_beside_a_very_long_one_keeps_its_length():
    rows = sparse.csr_array(np.array([[1e9, 0, 0], [0, 1e-3, 0], [0, 0, 0], [0, 2e-3, 1e-3]]))
    assert Derived(rows, np.arange(4)).squared_norms == pytest.approx([1e18, 1e-6, 0, 5e-6], rel=1e-12)
