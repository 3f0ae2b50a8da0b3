"""What is peculiar to one learner."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import StandardScaler

from learning.engine import EngineError, SettingsError, fit, learners, predict

IRIS = load_iris()
X_IRIS, Y_IRIS = IRIS.data.astype(np.float32), IRIS.target


def texts(n=120, n_words=400, n_classes=3, seed=0):
    """Word counts (n, n_words) CSR: most words are rare, a few tell the classes apart."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.poisson(0.02, size=(n, n_words)).astype(np.float32)
    X[np.arange(n), y] += rng.poisson(2, size=n)
    return sparse.csr_matrix(X), y


def learnt(name, X, y, positions=None, **settings):
    positions = np.arange(X.shape[0]) if positions is None else positions
    n_classes = int(y.max()) + 1
    return predict(fit({"name": name, **settings}, X, positions, y[positions], n_classes, 0), X, None, n_classes)


# --- Columns


@pytest.mark.parametrize("name", ["random_forest", "extra_trees", "mlp", "naive_bayes", "hist_gradient_boosting", "ensemble"])
def test_words_that_no_labelled_text_has_change_nothing(name):
    X, y = texts()
    settings = {"random_forest": {"trees": 20}, "extra_trees": {"trees": 20}, "naive_bayes": {"variant": "gaussian"}}.get(
        name, {}
    )
    if name == "ensemble":
        settings = {"members": "random_forest, mlp"}
    labelled = np.arange(60)
    noisy = X.tolil()
    noisy[60:, 100] = 50  # a word of the pool alone
    other = X.tolil()
    for each in (noisy, other):
        each[:60, 100] = 0
    other[60:, 100] = 0
    with_word, without = (learnt(name, sparse.csr_matrix(each), y, labelled, **settings) for each in (noisy, other))
    assert with_word == pytest.approx(without, abs=1e-12)


def test_boosting_of_sparse_rows_equals_boosting_of_all_columns():
    """Leaves of at least five: a word in fewer texts than that cannot divide them, so leaving it out must change nothing."""
    X, y = texts(n_words=60)
    ours = learnt("hist_gradient_boosting", X, y, max_iter=20)
    dense = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=8, min_samples_leaf=5, l2_regularization=5.0, early_stopping=False
    )
    assert ours == pytest.approx(dense.fit(X.toarray().astype(float), y).predict_proba(X.toarray()), abs=1e-9)


def test_boosting_keeps_to_the_fullest_words():
    X, y = texts(n_words=800)
    model = fit({"name": "hist_gradient_boosting", "max_columns": 10, "max_iter": 5}, X, np.arange(120), y, 3, 0)
    kept = model.estimators_features_[0]
    full = np.asarray((X > 0).sum(axis=0)).ravel()
    assert len(kept) == 10 and full[kept].min() >= np.sort(full)[-10]


def test_boosting_says_when_dense_rows_would_be_too_large(monkeypatch):
    import importlib

    X, y = texts()
    monkeypatch.setattr(importlib.import_module("learning.engine.learners.boosting"), "_LARGEST", 1000)
    with pytest.raises(EngineError, match="needs dense rows; 120 labels with .* columns are too many"):
        fit({"name": "hist_gradient_boosting"}, X, np.arange(120), y, 3, 0)


# --- Scaled input


@pytest.mark.parametrize("name", ["sgd", "mlp"])
def test_the_unit_of_a_column_makes_no_difference(name):
    other_units = (X_IRIS * [1000, 1, 0.001, 1] + [5000, 0, 0, -3]).astype(np.float32)
    settings = {"max_iter": 50} if name == "mlp" else {}
    assert learnt(name, other_units, Y_IRIS, **settings) == pytest.approx(learnt(name, X_IRIS, Y_IRIS, **settings), abs=0.02)


@pytest.mark.parametrize("name", ["sgd", "mlp"])
def test_iris_is_learnt_as_well_as_others_do(name):
    """About 0.96 is what scikit-learn's examples report for linear models and small networks on iris."""
    for_training = np.arange(150) % 2 == 0
    proba = learnt(name, X_IRIS, Y_IRIS, np.flatnonzero(for_training))
    assert np.mean(proba[~for_training].argmax(axis=1) == Y_IRIS[~for_training]) >= 0.92


def test_early_stopping_of_a_network_is_left_out_where_a_class_is_too_rare():
    settings = {"solver": "adam", "max_iter": 20}
    many, few = np.arange(150), np.r_[:30, 50:80, 100]
    for positions, differs in ((many, True), (few, False)):
        stopped = learnt("mlp", X_IRIS, Y_IRIS, positions, early_stopping=True, **settings)
        assert np.array_equal(stopped, learnt("mlp", X_IRIS, Y_IRIS, positions, **settings)) != differs


def test_stochastic_gradient_comes_near_the_optimum():
    """The same objective as logistic regression with C = 1 / (alpha l): averaged steps end close to its probabilities."""
    two = Y_IRIS > 0
    X = StandardScaler().fit_transform(X_IRIS[two]).astype(np.float32) / 2  # rows of mean square 1, as the learner scales them
    y = Y_IRIS[two] - 1
    ours = learnt("sgd", X, y, alpha=0.01, max_iter=10_000)
    best = learnt("logistic_regression", X, y, C=1 / (0.01 * 100))
    assert np.abs(ours - best).max() < 0.02


# --- Naive Bayes


def test_naive_bayes_takes_the_variant_that_suits_the_features():
    X, y = texts()
    dense = X.toarray()
    kinds = {
        (variant, kind): type(_last(fit({"name": "naive_bayes", "variant": variant}, rows, np.arange(120), y, 3, 0))).__name__
        for variant in ("auto", "complement", "multinomial", "gaussian")
        for kind, rows in (("counts", X), ("numbers", dense), ("below zero", dense - 1), ("sparse below zero", X * -1))
    }
    assert kinds["auto", "counts"] == "ComplementNB" and kinds["auto", "numbers"] == "GaussianNB"
    assert kinds["complement", "numbers"] == "ComplementNB" and kinds["multinomial", "counts"] == "MultinomialNB"
    assert {kinds["gaussian", kind] for kind in ("counts", "numbers")} == {"GaussianNB"}
    assert {name for (_, kind), name in kinds.items() if kind.endswith("below zero")} == {"GaussianNB"}


def _last(model):
    while hasattr(model, "estimators_") or hasattr(model, "steps"):
        model = model.steps[-1][1] if hasattr(model, "steps") else model.estimators_[0]
    return model


def test_gaussian_naive_bayes_is_the_formula():
    """One column, unequal classes: prior times normal density with the variance of the class (Bayes' rule)."""
    x = np.array([0.0, 1, 2, 3, 10, 14], dtype=np.float32)[:, None]
    y = np.array([0, 0, 0, 0, 1, 1])
    wide = x.astype(float).var() * 0.3
    density = np.hstack(
        [prior * norm.pdf(x, x[y == c].mean(), np.sqrt(x[y == c].var() + wide)) for c, prior in ((0, 4 / 6), (1, 2 / 6))]
    )
    expected = density / density.sum(axis=1, keepdims=True)
    assert learnt("naive_bayes", x, y) == pytest.approx(expected, abs=1e-6)
    assert learnt("naive_bayes", sparse.csr_matrix(x), y, variant="gaussian") == pytest.approx(expected, abs=1e-6)


def test_balanced_naive_bayes_has_equal_priors():
    X, y = texts(n_classes=2)
    unequal = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:10]]
    ours = learnt("naive_bayes", X, y, unequal, variant="multinomial", class_weight="balanced")
    even = MultinomialNB(class_prior=[0.5, 0.5]).fit(X[unequal], y[unequal])
    assert ours == pytest.approx(even.predict_proba(X), abs=1e-9)


# --- Support vector machines


def test_a_sparse_kernel_machine_bears_columns_that_never_change():
    """Scikit-learn's own gamma is below zero there, by rounding, and libsvm refuses it."""
    X = sparse.csr_matrix(np.full((9, 1), 1 / 3, dtype=np.float32))
    proba = learnt("svc", X, np.array([0, 1, 1] * 3))
    assert proba == pytest.approx(np.tile([1 / 3, 2 / 3], (9, 1)), abs=0.1)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_reach_of_a_kernel_follows_the_variance(as_sparse):
    X, y = texts()
    model = fit({"name": "svc"}, X if as_sparse else X.toarray(), np.arange(120), y, 3, 0)
    assert model.estimator.gamma == pytest.approx(1 / (400 * X.toarray().astype(float).var()), rel=1e-9)


# --- Ensemble


def test_an_ensemble_is_the_weighted_mean_of_its_learners():
    parts = {name: learnt(name, X_IRIS, Y_IRIS) for name in ("naive_bayes", "linear_svm", "logistic_regression")}
    text = "naive_bayes, logistic_regression: 2"
    expected = (parts["naive_bayes"] + 2 * parts["logistic_regression"]) / 3
    assert learnt("ensemble", X_IRIS, Y_IRIS, members=text) == pytest.approx(expected, abs=1e-6)


def test_an_ensemble_hands_its_class_weights_on():
    rare = np.r_[50:100, 100:105]
    balanced = {"class_weight": "balanced"}
    expected = np.mean([learnt(n, X_IRIS, Y_IRIS, rare, **balanced) for n in ("naive_bayes", "logistic_regression")], axis=0)
    ours = learnt("ensemble", X_IRIS, Y_IRIS, rare, members="naive_bayes, logistic_regression, ", **balanced)
    assert ours == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("naive_bayes", "at least two of"),
        ("", "at least two of"),
        ("naive_bayes, forest", "'forest' is not among logistic_regression"),
        ("naive_bayes, ensemble", "'ensemble' is not among"),
        ("naive_bayes, naive_bayes", "named twice"),
        ("naive_bayes, svc: 0", "weight of svc must be a number above 0; got '0'"),
        ("naive_bayes, svc: many", "got 'many'"),
        ("naive_bayes, svc: inf", "got 'inf'"),
        (3, "two or more of logistic_regression"),
    ],
)
def test_a_slip_in_the_list_of_learners_is_named_where_settings_are_checked(text, message):
    with pytest.raises(SettingsError, match=message):
        learners.get("ensemble")(members=text)


def test_the_list_of_learners_is_kept_tidy():
    given = learners.get("ensemble")(members=" svc:2.50 ,naive_bayes:1,, mlp ")
    assert given.settings["members"] == "svc: 2.5, naive_bayes, mlp"


def test_a_learner_of_somebody_else_can_be_a_member():
    class Fixed:
        def build(self, *, class_counts, sparse, random_state):
            return MultinomialNB()

        def fit(self, estimator, X, y):
            return estimator.fit(X, y)

    with learners.temporarily("theirs", Fixed):
        proba = learnt("ensemble", X_IRIS, Y_IRIS, members="theirs, naive_bayes")
    expected = (MultinomialNB().fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS) + learnt("naive_bayes", X_IRIS, Y_IRIS)) / 2
    assert proba == pytest.approx(expected, abs=1e-6)
