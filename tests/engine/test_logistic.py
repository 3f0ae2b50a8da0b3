"""Logistic regression: the optimum of scikit-learn, however it is reached, from wherever it starts."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Reference

from learning.engine import learners
from learning.engine.threads import one_thread

LogisticRegression = learners.get("logistic_regression")
pytestmark = pytest.mark.filterwarnings("ignore:The number of unique classes")
STRENGTHS = [1e-4, 1e-2, 1.0, 10.0, 1e2, 1e4]


def unfitted(learner):
    return learner.build(class_counts=np.ones(2), sparse=False, random_state=0)


def fitted(X, y, **given):
    learner = LogisticRegression(**{"max_iter": 100_000, **given})
    with one_thread():
        return learner.fit(unfitted(learner), X, y)


def warm(X, y, positions, state, **given):
    learner = LogisticRegression(**{"max_iter": 100_000, **given})
    with one_thread():
        return learner.fit_warm(unfitted(learner), X, y, np.asarray(positions), state)


def reference(X, y, C, class_weight=None):
    """The optimum by Hessians: scikit-learn's other solvers do not come as near to it where C is large."""
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    model = Reference(C=C, class_weight=class_weight, tol=1e-10, max_iter=10_000, solver="newton-cholesky")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its line search gives up at the optimum, where all is rounding
        return model.fit(X, y)


def agree(ours, theirs, X, tolerance=1e-4):
    """Coefficients by 1e-4 of the largest of them (of 1 where that is larger), probabilities by 1e-4.

    The intercept answers for the coefficients at the mean of the rows, so it is as much less exact as the rows are long.
    """
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    size, length = max(1.0, np.abs(theirs.coef_).max()), max(1.0, np.linalg.norm(X, axis=1).mean())
    assert np.array_equal(ours.classes_, theirs.classes_)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=tolerance * size)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=tolerance * size * length)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=tolerance)


@st.composite
def labelled(draw):
    """(X (l, d), y): more columns than rows and fewer, rows twice with one label or two, rows of zeros, classes with gaps."""
    codes = draw(st.lists(st.integers(0, 9), min_size=2, max_size=5, unique=True))
    l = draw(st.integers(len(codes), 24))  # noqa: E741 - as everywhere, the number of labels
    d = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    y = rng.permutation(np.concatenate([codes, rng.choice(codes, l - len(codes))]))
    X = rng.normal(size=(l, d)) + draw(st.sampled_from([0.0, 2.0])) * rng.normal(size=(10, d))[y]
    X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))] = 0
    if draw(st.booleans()):
        X[rng.integers(l, size=l // 2)] = X[0]
    if draw(st.booleans()):
        X[rng.integers(l, size=l // 4 + 1)] = 0
    X = X.astype(draw(st.sampled_from([np.float32, np.float64])))
    return (sparse.csr_matrix(X) if draw(st.booleans()) else X), y


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(labelled(), st.sampled_from(STRENGTHS), st.sampled_from(["none", "balanced"]))
def test_the_optimum_is_that_of_scikit_learn(data, C, class_weight):
    X, y = data
    ours = fitted(X, y, C=C, class_weight=class_weight)
    agree(ours, reference(X, y, C, None if class_weight == "none" else class_weight), X)


def texts(n=400, n_classes=12, vocabulary=3000, words=12, seed=0):
    """Rows of a few words each, of length 1, as TF-IDF makes them: (CSR (n, vocabulary), y)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    common = rng.zipf(1.3, size=(n, words)) % vocabulary
    own = (y[:, None] * 40 + rng.integers(40, size=(n, words)) + 50) % vocabulary
    columns = np.where(rng.random((n, words)) < 0.4, own, common)
    X = sparse.csr_matrix((rng.random(n * words) + 0.5, columns.ravel(), np.arange(n + 1) * words), shape=(n, vocabulary))
    X.sum_duplicates()
    X.data /= np.sqrt(np.repeat(X.multiply(X).sum(axis=1).A1, np.diff(X.indptr)))
    return X, y


@pytest.mark.parametrize("n_classes", [2, 12])
@pytest.mark.parametrize("n", [60, 400])  # few rows are fitted by their Gram matrix, many by the columns
def test_texts_of_many_words(n, n_classes):
    X, y = texts(n=n, n_classes=n_classes)
    used = np.flatnonzero(X.getnnz(axis=0))
    theirs = Reference(C=10, tol=1e-10, max_iter=100_000).fit(X[:, used], y)
    ours = fitted(X, y)
    assert ours.coef_.shape == ((1 if n_classes == 2 else n_classes), 3000)
    assert ours.coef_[:, used] == pytest.approx(theirs.coef_, abs=1e-4)
    assert not np.delete(ours.coef_, used, axis=1).any()
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-4)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X[:, used]), abs=1e-4)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_table_of_few_columns_takes_few_steps(n_classes):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 6)) * 10.0 ** np.arange(-2, 4), rng.integers(0, n_classes, 500)
    X[:, 2] += y
    ours = fitted(X, y, C=10.0)
    agree(ours, reference(X, y, 10.0), X)
    assert ours.n_iter_[0] <= 40  # each is solved; conjugate gradients take several products for a step


@pytest.mark.parametrize("n_classes", [2, 4])
def test_turning_the_features_changes_no_probability(n_classes):
    """The penalty sees lengths only, so 200 columns (more than rows) and the 50 that span the same rows are one problem."""
    rng = np.random.default_rng(0)
    y = np.arange(50) % n_classes
    X = rng.normal(size=(50, 200)) + 2 * rng.normal(size=(n_classes, 200))[y]
    Q, R = np.linalg.qr(X.T)
    wide, narrow = fitted(X, y), fitted(np.hstack([R.T] * 4) / 2, y)
    narrowest = fitted(np.ascontiguousarray(R.T), y)
    assert wide.predict_proba(X) == pytest.approx(narrowest.predict_proba(R.T), abs=1e-5)
    assert narrow.coef_[:, :50] * 2 == pytest.approx(narrowest.coef_, abs=1e-4)
    assert wide.coef_ @ Q == pytest.approx(narrowest.coef_, abs=1e-4)


@pytest.mark.parametrize("C", STRENGTHS)
def test_two_labels_by_hand(C):
    """Rows 1 and -1 of one column: the derivative of 2 log(1 + exp(-w)) + w^2 / (2 C) is zero where w = 2 C / (1 + exp(w))."""
    w = brentq(lambda w: w - 2 * C / (1 + np.exp(w)), 0, 100, xtol=1e-14)
    model = fitted(np.array([[1.0], [-1.0]]), np.array([7, 3]), C=C)
    assert model.classes_.tolist() == [3, 7]
    assert model.coef_[0, 0] == pytest.approx(w, rel=1e-5, abs=1e-4) and model.intercept_[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_rows_without_any_feature_get_the_shares_of_the_classes(make):
    y = np.repeat([0, 1, 2], [1, 3, 6])
    model = fitted(make(np.zeros((10, 4))), y)
    assert not model.coef_.any() and model.predict_proba(np.zeros((1, 4)))[0] == pytest.approx([0.1, 0.3, 0.6], abs=1e-6)
    two = fitted(make(np.zeros((9, 4))), y[1:], class_weight="balanced")
    assert two.predict_proba(np.zeros((1, 4)))[0] == pytest.approx([0.5, 0.5], abs=1e-6)


def rounds(as_sparse, n=150, d=30, n_classes=4):
    rng = np.random.default_rng(1)
    y = rng.integers(n_classes, size=n)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.3) + 0.7 * rng.normal(size=(n_classes, d))[y]
    return (sparse.csr_matrix(X) if as_sparse else X), y


CHANGES = {
    "more rows": lambda p, y: (np.arange(100), y),
    "other rows": lambda p, y: (np.arange(30, 90), y),
    "nothing in common": lambda p, y: (np.arange(80, 150), y),
    "other labels": lambda p, y: (p, (y + (np.arange(len(y)) % 7 == 0)) % 4),
    "a new class": lambda p, y: (np.arange(90), np.where(np.arange(len(y)) >= 80, 9, y)),
    "two classes left": lambda p, y: (p, y % 2),
    "the order of rows": lambda p, y: (p[::-1], y),
}


@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("before", [15, 80])  # more columns than rows, and fewer
@pytest.mark.parametrize("change", CHANGES)
def test_a_start_does_not_show_in_the_end(change, before, as_sparse):
    X, y = rounds(as_sparse)
    first = np.arange(before)
    for labels in (y, y % 2):
        _, state = warm(X[first], labels[first], first, None)
        then, now = CHANGES[change](first, labels)
        model, _ = warm(X[then], now[then], then, state, C=3.0, class_weight="balanced")
        agree(model, fitted(X[then], now[then], C=3.0, class_weight="balanced"), X, 2e-4)


@pytest.mark.parametrize("n_classes", [2, 12])
@pytest.mark.parametrize("n", [60, 400])
def test_a_start_from_where_it_ended_ends_at_once_and_a_near_one_sooner(n, n_classes):
    X, y = texts(n=n + 5, n_classes=n_classes)
    cold, state = warm(X[:n], y[:n], np.arange(n), None)
    again, _ = warm(X[:n], y[:n], np.arange(n), state)
    assert again.n_iter_[0] <= 0.3 * cold.n_iter_[0]
    near, _ = warm(X, y, np.arange(n + 5), state)
    assert near.n_iter_[0] <= 0.95 * fitted(X, y).n_iter_[0]


@pytest.mark.parametrize("n", [60, 400])
def test_a_state_from_disk_goes_on_bit_for_bit(n, tmp_path):
    X, y = texts(n=n)
    _, state = warm(X[: n - 20], y[: n - 20], np.arange(n - 20), None)
    assert all(isinstance(value, np.ndarray) for value in state.values())
    np.savez(tmp_path / "state.npz", **{key: np.asfortranarray(value) for key, value in state.items()})
    kept = {key: value.copy() for key, value in state.items()}
    (there, next_state), (again, _) = (warm(X, y, np.arange(n), state) for _ in range(2))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as loaded:
        restarted, restarted_state = warm(X, y, np.arange(n), dict(loaded))
    assert there.coef_.tobytes() == again.coef_.tobytes() == restarted.coef_.tobytes()
    assert there.intercept_.tobytes() == restarted.intercept_.tobytes()
    for key, value in state.items():
        assert np.array_equal(value, kept[key]) and np.array_equal(next_state[key], restarted_state[key])


def damaged(state):
    pulls = state["pulls"]
    yield {}
    yield {key: value for key, value in state.items() if key != "pulls"}
    yield {**state, "pulls": pulls[:-1]}
    yield {**state, "pulls": pulls * np.nan}
    yield {**state, "pulls": pulls * 1e200}
    yield {**state, "intercept": state["intercept"] + np.inf}
    yield {**state, "intercept": state["intercept"][:1]}
    yield {**state, "pulls": -1e3 * pulls}


@pytest.mark.parametrize("before", [15, 80])
def test_a_damaged_state_is_no_worse_than_none(before):
    X, y = rounds(False)
    X, y, positions = X[:before], y[:before], np.arange(before)
    cold, state = warm(X, y, positions, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for bad in damaged(state):
            assert np.array_equal(warm(X, y, positions, bad)[0].coef_, cold.coef_)


@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("d", [5, 60])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_members_of_a_committee_are_those_of_repeated_rows(class_weight, n_classes, d, as_sparse):
    X, y = rounds(as_sparse, n=40, d=d, n_classes=n_classes)
    rng = np.random.default_rng(4)
    weights = np.stack([np.bincount(rng.integers(40, size=40), minlength=40) for _ in range(4)])
    weights[2, y == 1] = 0 if n_classes > 2 else weights[2, y == 1]
    learner = LogisticRegression(C=5.0, class_weight=class_weight, max_iter=100_000)
    with one_thread():
        members = learner.fit_committee(X, y, weights, 3)
    assert len(members) == 4 and 1 not in members[2].classes_ or n_classes == 2
    for member, times in zip(members, weights, strict=True):
        repeated = np.repeat(np.arange(40), times)
        agree(member, fitted(X[repeated], y[repeated], C=5.0, class_weight=class_weight), X)
        assert member.n_features_in_ == d and member.coef_.shape[1] == d


def test_a_member_of_one_class_is_refused():
    X, y = rounds(False, n=20)
    with pytest.raises(ValueError, match="at least two classes"):
        LogisticRegression().fit_committee(X, y, np.stack([np.ones(20, int), (y == y[0]).astype(int)]), 0)


def test_training_ends_at_the_number_of_iterations_that_people_chose():
    X, y = texts(n=200)
    with pytest.warns(ConvergenceWarning, match="largest number of iterations"):
        model = fitted(X, y, max_iter=10)
    assert 10 <= model.n_iter_[0] <= 12 and np.isfinite(model.coef_).all()
    assert np.mean(model.predict(X) == y) > np.bincount(y).max() / len(y)
