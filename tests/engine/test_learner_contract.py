"""What every registered learner promises, whatever the labels that people happen to have given."""

import random
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_limits

from learning.engine import export, fit, generator, learners, load, predict, save_matrix
from learning.engine.store import load_matrix

# Fewer trees and steps than people would take: what is promised does not hang on their number.
QUICK = {
    "random_forest": {"trees": 10},
    "extra_trees": {"trees": 10},
    "hist_gradient_boosting": {"max_iter": 5},
    "mlp": {"max_iter": 30, "hidden": 10},
    "ensemble": {"members": "logistic_regression: 2, naive_bayes, mlp"},
}
ALL = [{"name": name, **QUICK.get(name, {})} for name in learners.names()]
every_learner = pytest.mark.parametrize("learner", ALL, ids=learners.names())


@st.composite
def labelled_sets(draw):
    """(X (n, d), positions, y, n_classes): classes that nobody labelled, that have one member, rows twice with two labels,
    columns that never change, columns of very different size, and rows to predict that are far from all labelled ones."""
    codes = draw(st.lists(st.integers(0, 25), min_size=2, max_size=20, unique=True))
    n_labels = draw(st.integers(len(codes), len(codes) + 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    y = np.concatenate([codes, rng.choice(codes, n_labels - len(codes))])
    d = draw(st.integers(1, 6))
    X = rng.normal(size=(n_labels + 6, d)) + rng.normal(size=(26, d))[np.concatenate([y, rng.choice(26, 6)])]
    kind = draw(st.sampled_from(["numbers", "counts", "sizes", "constant"]))
    if kind == "counts":
        X = np.maximum(np.round(X), 0)
    elif kind == "sizes":
        X *= 10.0 ** rng.integers(-6, 7, size=d)
    elif kind == "constant":
        X[:, : draw(st.integers(1, d))] = draw(st.sampled_from([0.0, 1.0, 1 / 3]))
    if draw(st.booleans()):
        X[: n_labels // 2 * 2 : 2] = X[1 : n_labels // 2 * 2 : 2]
    X[-1] *= 100
    X = X.astype(np.float32)
    order = rng.permutation(len(X))  # what is labelled is anywhere in the data
    where = np.empty(len(X), dtype=np.int64)
    where[order] = np.arange(len(X))
    X = X[order]
    return (sparse.csr_matrix(X) if draw(st.booleans()) else X), where[:n_labels], y, max(codes) + 1 + draw(st.integers(0, 2))


@every_learner
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=labelled_sets())
def test_probabilities_are_probabilities_whatever_was_labelled(learner, data):
    X, positions, y, n_classes = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = predict(fit(learner, X, positions, y, n_classes, 3), X, None, n_classes)
    assert proba.shape == (X.shape[0], n_classes) and proba.dtype == np.float64
    assert np.isfinite(proba).all() and proba.min() >= 0 and proba.max() <= 1 + 1e-9
    assert proba.sum(axis=1) == pytest.approx(np.ones(X.shape[0]), abs=1e-6)
    assert not proba[:, np.setdiff1d(np.arange(n_classes), y)].any()


def clusters(n=90, codes=(0, 3, 7), as_sparse=False, seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    y = np.asarray(codes)[np.arange(n) % len(codes)]
    X = np.abs(rng.normal(size=(n, 8)) * spread + np.eye(8)[np.searchsorted(codes, y)] * 3).astype(np.float32)
    return (sparse.csr_matrix(X) if as_sparse else X), y


@every_learner
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
def test_learns_classes_whose_codes_have_gaps(learner, as_sparse):
    X, y = clusters(as_sparse=as_sparse)
    proba = predict(fit(learner, X, np.arange(45), y[:45], 9, 1), X, np.arange(45, 90), 9)
    assert np.mean(proba.argmax(axis=1) == y[45:]) >= 0.9  # a third is what the largest class alone would give


@every_learner
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
def test_neither_the_order_of_labels_nor_the_number_of_threads_nor_other_draws_change_a_bit(learner, as_sparse):
    X, y = clusters(as_sparse=as_sparse, spread=1.5)
    order = np.random.default_rng(5).permutation(45)
    np.random.seed(1)
    random.seed(1)
    before = np.random.get_state()[1].tolist(), random.getstate()
    with threadpool_limits(1):
        first = predict(fit(learner, X, np.arange(45), y[:45], 8, 7), X, None, 8)
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before
    np.random.seed(2)
    with threadpool_limits(2):
        second = predict(fit(learner, X, order, y[order], 8, 7), X, None, 8)
    assert np.array_equal(first, second)


@every_learner
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
def test_a_read_only_map_of_the_features_is_enough(learner, as_sparse, tmp_path, capfd):
    X, y = clusters(as_sparse=as_sparse)
    save_matrix(tmp_path / "X", X)
    mapped = load_matrix(tmp_path / "X")
    from_map = predict(fit(learner, mapped, np.arange(45), y[:45], 8, 7), mapped, None, 8)
    assert np.array_equal(from_map, predict(fit(learner, X, np.arange(45), y[:45], 8, 7), X, None, 8))
    assert capfd.readouterr() == ("", "")


@every_learner
@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
def test_an_exported_model_says_the_same_in_names(learner, as_sparse, tmp_path):
    from sklearn.preprocessing import FunctionTransformer

    X, y = clusters(as_sparse=as_sparse)
    names = [f"name {9 - code}" for code in range(8)]  # in another order than the codes
    model = fit(learner, X, np.arange(45), y[:45], 8, 7)
    before = predict(model, X, None, 8)[:, [0, 3, 7]]
    export(tmp_path / "m.skops", FunctionTransformer(accept_sparse=True).fit(X), model, names, {})
    pipeline = load(tmp_path / "m.skops")
    # `predict` computes logits in the precision of the features.
    exactly = {"rtol": 1e-12, "atol": 0} if as_sparse or X.dtype == np.float64 else {"rtol": 0, "atol": 1e-5}
    assert np.allclose(pipeline.predict_proba(X), before, **exactly)
    assert pipeline.predict(X).tolist() == [names[(0, 3, 7)[best]] for best in before.argmax(axis=1)]
    assert model.classes_.tolist() == [0, 3, 7]


# Trees that tell all labelled items apart have nothing to weigh.
COARSE = {"random_forest": {"min_leaf": 15, "trees": 50}, "extra_trees": {"min_leaf": 15, "trees": 50}}
WEIGHING = [cls.name for cls in learners if "class_weight" in {parameter.name for parameter in cls.parameters}]


def recall_of_the_rare(learner: dict, X, y) -> float:
    proba = predict(fit(learner, X, np.arange(300), y[:300], 2, 0), X, np.arange(300, len(y)), 2)
    return float(np.mean(proba[y[300:] == 1].argmax(axis=1)))


@pytest.mark.parametrize("name", WEIGHING)
def test_balanced_weights_find_more_of_a_rare_class(name):
    rng = generator(0, "rare")
    y = (rng.random(2000) < 0.1).astype(int)
    X = (rng.normal(size=(2000, 5)) + y[:, None] * 0.8).astype(np.float32)
    learner = {"name": name, **COARSE.get(name, QUICK.get(name, {}))}
    plain, balanced = (recall_of_the_rare({**learner, "class_weight": weight}, X, y) for weight in ("none", "balanced"))
    assert balanced > plain + 0.05


def test_only_nearest_neighbours_cannot_weigh_classes():
    assert set(learners.names()) - set(WEIGHING) == {"k_nearest_neighbors"}
