import numpy as np
import pytest
from scipy import sparse

from learning.engine import EngineError, MissingClass, SettingsError, fit, learners, predict

QUICK = {
    "random_forest": {"trees": 20},
    "extra_trees": {"trees": 20},
    "ensemble": {"members": "logistic_regression, naive_bayes, k_nearest_neighbors"},
}
ALL = [{"name": name, **QUICK.get(name, {})} for name in learners.names()]


def blobs(n=60, n_classes=3, as_sparse=False, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = np.abs(rng.normal(size=(n, 6)) * 0.3 + np.eye(6)[y] * 3).astype(np.float32)
    return (sparse.csr_matrix(X) if as_sparse else X), y


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("settings", ALL, ids=learners.names())
def test_learns_an_easy_task_and_gives_probabilities(settings, as_sparse):
    X, y = blobs(as_sparse=as_sparse)
    model = fit(settings, X, np.arange(30), y[:30], 3, seed=1)
    proba = predict(model, X, np.arange(30, 60), 3)
    assert proba.shape == (30, 3) and proba.dtype == np.float64
    assert proba.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-6) and proba.min() >= 0
    assert np.mean(proba.argmax(axis=1) == y[30:]) >= 0.9


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("settings", ALL, ids=learners.names())
def test_the_same_data_and_seed_give_the_same_bits_in_any_order(settings, as_sparse):
    X, y = blobs(as_sparse=as_sparse)
    order = np.random.default_rng(5).permutation(30)
    first = predict(fit(settings, X, np.arange(30), y[:30], 3, 7), X, None, 3)
    second = predict(fit(settings, X, order, y[order], 3, 7), X, None, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("settings", ALL, ids=learners.names())
def test_a_class_that_was_never_labelled_gets_no_probability(settings):
    X, y = blobs()
    seen = np.flatnonzero(y != 1)[:20]
    proba = predict(fit(settings, X, seen, y[seen], 4, 0), X, None, 4)
    assert proba[:, [1, 3]].max() == 0 and proba.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-6)


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("settings", ALL, ids=learners.names())
def test_two_labels_are_enough(settings, as_sparse):
    X, y = blobs(as_sparse=as_sparse)
    proba = predict(fit(settings, X, np.array([0, 1]), np.array([0, 1]), 3, 0), X, None, 3)
    assert np.isfinite(proba).all() and proba[:2].argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("settings", ALL, ids=learners.names())
def test_a_rare_class_is_no_obstacle(settings):
    X, y = blobs()
    chosen = np.concatenate([np.flatnonzero(y == 0)[:10], np.flatnonzero(y == 1)[:10], np.flatnonzero(y == 2)[:1]])
    proba = predict(fit(settings, X, chosen, y[chosen], 3, 0), X, None, 3)
    assert np.isfinite(proba).all() and np.mean(proba.argmax(axis=1) == y) > 0.6


@pytest.mark.parametrize("labels", [[], [2], [2, 2, 2]])
def test_one_class_alone_cannot_be_learnt(labels):
    X, _ = blobs()
    with pytest.raises(MissingClass, match="at least two classes"):
        fit({"name": "logistic_regression"}, X, np.arange(len(labels)), np.array(labels, dtype=int), 3, 0)


def test_scaled_columns_with_gaps_are_no_counts_for_naive_bayes():
    X, y = blobs()
    negative = sparse.csr_matrix(X - 1)
    proba = predict(fit({"name": "naive_bayes"}, negative, np.arange(30), y[:30], 3, 0), negative, None, 3)
    assert np.mean(proba.argmax(axis=1) == y) >= 0.9


def test_unused_columns_make_no_difference_to_logistic_regression():
    X, y = blobs(as_sparse=True)
    padded = sparse.hstack(
        [sparse.csr_matrix((60, 3), dtype=np.float32), X, sparse.csr_matrix((60, 40), dtype=np.float32)], "csr"
    )
    model = fit({"name": "logistic_regression"}, padded, np.arange(30), y[:30], 3, 0)
    assert model.coef_.shape == (3, 49) and not model.coef_[:, :3].any()
    plain = fit({"name": "logistic_regression"}, X, np.arange(30), y[:30], 3, 0)
    assert np.array_equal(predict(model, padded, None, 3), predict(plain, X, None, 3))


def test_predicting_in_blocks_changes_nothing(monkeypatch):
    from learning.engine import blocks

    X, y = blobs(600)
    model = fit({"name": "k_nearest_neighbors"}, X, np.arange(30), y[:30], 3, 0)
    whole = predict(model, X, None, 3)
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 1)
    assert np.array_equal(predict(model, X, None, 3), whole)
    assert np.array_equal(predict(model, X, np.array([500, 3]), 3), whole[[500, 3]])


def test_no_candidates_give_no_rows():
    X, y = blobs()
    model = fit({"name": "random_forest", "trees": 10}, X, np.arange(30), y[:30], 3, 0)
    assert predict(model, X, np.empty(0, dtype=int), 3).shape == (0, 3)


def test_wrong_settings_and_data_are_named():
    X, y = blobs()
    with pytest.raises(SettingsError, match="C: Must be a number from 0.0001 to 10,000; got -1"):
        fit({"name": "linear_svm", "C": -1}, X, np.arange(30), y[:30], 3, 0)
    broken = X.copy()
    broken[0, 0] = np.nan
    with pytest.raises(EngineError, match="cannot be trained on these features"):
        fit({"name": "logistic_regression"}, broken, np.arange(30), y[:30], 3, 0)
