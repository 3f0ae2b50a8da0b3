"""Any number of labels per item: learners and metrics agree with scikit-learn, strategies with their papers, by hand."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from learning.engine import Context, MissingClass, multilabel
from learning.engine.multilabel.metrics import ranking_precision
from learning.engine.threads import one_thread

LOGISTIC = {"name": "logistic_regression", "C": 1.0}


@pytest.fixture(scope="module")
def problem():
    """X (600, 20), Y (600, 6) boolean: each label is a half-space, from common to rare."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 20))
    logits = X @ rng.normal(size=(20, 6)) - np.array([0, 1, 2, 3, 5, 6])
    return X, logits + rng.logistic(size=logits.shape) > 0


def context_of(Y_labeled, proba, **given):
    n_labeled, m = len(Y_labeled), len(proba)
    places = {"labeled": np.arange(n_labeled), "candidates": n_labeled + np.arange(m)}
    X = given.pop("X", np.zeros((n_labeled + m, 2)))
    return Context(X=X, y=np.asarray(Y_labeled, dtype=bool), proba=proba, rng=np.random.default_rng(0), **places, **given)


def scores(name, Y_labeled, proba, **given):
    settings = given.pop("settings", {})
    return multilabel.multilabel_strategies.get(name)(**settings).scores(context_of(Y_labeled, np.asarray(proba), **given))


# --- Learners


@pytest.mark.parametrize("kind", ["dense", "single", "sparse"])
def test_the_probabilities_are_those_of_scikit_learn(problem, kind):
    X, Y = problem
    given = {"dense": X, "single": X.astype(np.float32), "sparse": sparse.csr_matrix(X)}[kind]
    positions = np.random.default_rng(0).permutation(600)[:200]
    model, _ = multilabel.fit(LOGISTIC, given, positions, Y[positions], 0)
    with one_thread():
        theirs = OneVsRestClassifier(LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)).fit(X[positions], Y[positions])
    assert multilabel.predict(model, given) == pytest.approx(theirs.predict_proba(X), abs=1e-3)
    assert multilabel.predict(model, given, np.array([7, 3])) == pytest.approx(theirs.predict_proba(X[[7, 3]]), abs=1e-3)


def test_a_round_that_starts_where_the_last_one_ended_has_the_same_optimum(problem):
    X, Y = problem
    first, more = np.arange(40), np.arange(80)  # label 5 is new in the second round
    Y = Y.copy()
    Y[first, 5], Y[60, 5] = False, True
    _, state = multilabel.fit(LOGISTIC, X, first, Y[first], 0)
    warm, after = multilabel.fit(LOGISTIC, X, more, Y[more], 0, state)
    cold, _ = multilabel.fit(LOGISTIC, X, more, Y[more], 0)
    assert multilabel.predict(warm, X) == pytest.approx(multilabel.predict(cold, X), abs=1e-4)
    again, _ = multilabel.fit(LOGISTIC, X, more, Y[more], 0, after)
    assert again.estimators[0].n_iter_[0] < cold.estimators[0].n_iter_[0]


def test_a_label_that_all_or_none_have_is_given_a_constant_probability(problem):
    X, Y = problem
    Y = Y.copy()
    Y[:50, 1], Y[:50, 4] = True, False
    model, _ = multilabel.fit(LOGISTIC, X, np.arange(50), Y[:50], 0)
    proba = multilabel.predict(model, X)
    assert proba[:, 1] == pytest.approx(50.5 / 51) and proba[:, 4] == pytest.approx(0.5 / 51)
    assert model.trained.tolist() == [0, 2, 3, 5]
    with pytest.raises(MissingClass, match="some items have and some do not"):
        multilabel.fit(LOGISTIC, X, np.arange(3), np.array([[True, False]] * 3), 0)


@pytest.mark.parametrize(
    "settings", [LOGISTIC, {"name": "random_forest", "trees": 10}, {"name": "naive_bayes"}, {"name": "linear_svm"}]
)
def test_the_exported_model_predicts_the_same_labels(problem, settings):
    """Also with a constant label in the first place, by whose scale scikit-learn measures all others."""
    X, Y = problem
    Y = Y[:60].copy()
    Y[:, 0] = False
    X = np.abs(X)
    model, _ = multilabel.fit(settings, X, np.arange(60), Y, 0)
    plain = model.as_sklearn(list("abcdef"))
    ours = multilabel.predict(model, X)
    assert plain.predict_proba(X) == pytest.approx(ours, abs=1e-6)
    sure = np.abs(ours - 0.5) > 0.05  # a calibrated machine's own decision need not be at one half
    assert (plain.predict(X).astype(bool) == (ours >= 0.5))[sure].all()
    assert plain.classes_.tolist() == list("abcdef")


# --- Metrics


def test_the_metrics_are_those_of_scikit_learn(problem):
    _, Y = problem
    proba = np.round(np.clip(Y * 0.4 + np.random.default_rng(1).random(Y.shape) * 0.6, 0, 1), 1)  # with ties
    Y = np.column_stack([Y, np.zeros(len(Y), dtype=bool)])  # a label that no item has
    proba = np.column_stack([proba, np.zeros(len(Y))])
    found, counts = multilabel.evaluate(Y, proba)
    predicted = proba >= 0.5
    expected = {
        "f1_micro": reference.f1_score(Y, predicted, average="micro"),
        "f1_macro": reference.f1_score(Y, predicted, average="macro", zero_division=0),
        "subset_accuracy": reference.accuracy_score(Y, predicted),
        "hamming_loss": reference.hamming_loss(Y, predicted),
        "label_ranking_average_precision": reference.label_ranking_average_precision_score(Y, proba),
    }
    assert {name: metric["value"] for name, metric in found.items()} == pytest.approx(expected, abs=1e-12)
    tn, fp, fn, tp = reference.multilabel_confusion_matrix(Y, predicted).reshape(-1, 4).T
    assert np.array_equal(counts, np.column_stack([tp, fp, fn, tn]))
    precision, recall, f1, support = reference.precision_recall_fscore_support(Y, predicted, zero_division=0)
    for row, p, r, f, n in zip(multilabel.per_label(counts), precision, recall, f1, support, strict=True):
        assert (row["precision"] or 0, row["recall"] or 0, row["f1"] or 0, row["support"]) == pytest.approx((p, r, f, n))


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    """Of 200 test sets of 150 items, the interval holds the value on all 30,000 in 90 to 99 percent."""
    rng = np.random.default_rng(5)
    Y = rng.random((30_000, 4)) < [0.5, 0.3, 0.2, 0.1]
    proba = np.where(rng.random(Y.shape) < 0.85, Y, ~Y) * 0.8 + 0.1
    truth, _ = multilabel.evaluate(Y, proba, intervals=False)
    held = dict.fromkeys(truth, 0)
    for start in range(0, 30_000, 150):
        part, _ = multilabel.evaluate(Y[start : start + 150], proba[start : start + 150])
        for name, m in part.items():
            held[name] += m["low"] <= truth[name]["value"] <= m["high"]
    assert all(180 <= count <= 198 for count in held.values()), held


def test_without_a_mistake_the_intervals_leave_room_for_one():
    Y = np.arange(120).reshape(40, 3) % 4 == 0
    found, _ = multilabel.evaluate(Y, np.where(Y, 0.9, 0.1))
    for name in ("f1_micro", "f1_macro", "label_ranking_average_precision"):
        assert found[name]["high"] == 1 and 0.8 < found[name]["low"] < 0.98, found[name]
    assert found["hamming_loss"]["low"] == 0 and 0.01 < found["hamming_loss"]["high"] < 0.1


def test_the_ranking_of_one_item_by_hand():
    Y = np.array([[1, 0, 1, 0]], dtype=bool)
    # The first right label is second (one right among two), the other is third (two right among three).
    assert ranking_precision(Y, np.array([[0.6, 0.9, 0.5, 0.1]])) == pytest.approx([(1 / 2 + 2 / 3) / 2])


# --- Strategies


def test_the_least_sure_label_decides():
    found = scores("bin_min", [[1, 0, 0]], [[0.9, 0.1, 0.45], [0.7, 0.3, 0.7], [1, 0, 1]])
    assert found == pytest.approx([-0.1, -0.4, -1.0])


def test_the_mean_entropy_by_hand():
    found = scores("mean_entropy", [[1, 0]], [[0.5, 0.5], [0.5, 1.0], [0.0, 1.0]])
    assert found == pytest.approx([np.log(2), np.log(2) / 2, 0])


def test_the_expected_loss_reduction_where_all_items_have_two_labels():
    """With two labels expected, f = (0.8, -0.8, -0.8) is wrong about one of them: (0.2 + 1.8 + 0.2) / 2."""
    found = scores("mmc", [[1, 1, 0], [1, 0, 1]], [[0.9, 0.1, 0.1], [0.1, 0.9, 0.9]], model=object())
    assert found == pytest.approx([1.1, 0.3])


def test_the_expected_number_of_labels_is_learnt_from_the_labelled_items(problem):
    X, Y = problem
    model, _ = multilabel.fit(LOGISTIC, X, np.arange(300), Y[:300], 0)
    proba = multilabel.predict(model, X, np.arange(300, 600))
    context = context_of(Y[:300], proba, X=X, model=model)
    found = multilabel.multilabel_strategies.get("mmc")().scores(context)
    # Items with a clear answer reduce the loss least: the score must follow the uncertainty of all labels.
    entropy = multilabel.multilabel_strategies.get("mean_entropy")().scores(context)
    assert np.corrcoef(found, entropy)[0, 1] > 0.6


def test_the_gap_and_the_number_of_labels_by_hand():
    labeled = [[1, 1, 0], [1, 0, 0]]  # 1.5 labels are usual
    proba = [[0.9, 0.8, 0.6], [0.9, 0.3, 0.1], [0.2, 0.1, 0.1]]
    assert scores("adaptive", labeled, proba, settings={"weight": 1.0}) == pytest.approx([1 / 0.1, 1 / 0.6, 1 / 0.3])
    assert scores("adaptive", labeled, proba, settings={"weight": 0.0}) == pytest.approx([1.5, 0.5, 1.5])
    assert scores("adaptive", labeled, proba) == pytest.approx(np.sqrt([1.5 / 0.1, 0.5 / 0.6, 1.5 / 0.3]))


def test_ranks_and_unusual_labels_by_hand():
    # Margins: item 0 is surer than item 1 of both labels, so by Borda's rule it gets nothing and item 1 all.
    found = scores("cvirs", [[1, 0, 0, 0]], [[0.9, 0.9, 0.1, 0.1], [0.6, 0.6, 0.4, 0.4]])
    # Labels (1, 1, 0, 0) against (1, 0, 0, 0): one of four differs.
    assert found == pytest.approx([0, 0.25])
    # (1, 1, 0, 0) against (1, 0, 1, 0): knowing the one says nothing about the other.
    assert scores("cvirs", [[1, 0, 1, 0]], [[0.9, 0.1, 0.1, 0.1], [0.6, 0.6, 0.4, 0.4]])[1] == pytest.approx(1)


@pytest.mark.parametrize("name", multilabel.multilabel_strategies.names())
def test_every_strategy_gives_different_candidates_and_the_same_again(problem, name):
    X, Y = problem
    X = X.astype(np.float32)
    model, _ = multilabel.fit(LOGISTIC, X, np.arange(40), Y[:40], 0)

    def selected():
        candidates = np.arange(40, 400)
        context = Context(
            X=X, labeled=np.arange(40), y=Y[:40], candidates=candidates, rng=np.random.default_rng(1), model=model,
            proba=multilabel.predict(model, X, candidates), n_classes=6, learner=LOGISTIC,
        )  # fmt: skip
        return multilabel.select({"name": name}, context, 10, beyond=15).positions

    found = selected()
    assert len(set(found.tolist())) == 25 and set(found.tolist()) <= set(range(40, 400))
    assert np.array_equal(found, selected())


def test_without_a_model_chance_asks():
    context = Context(X=np.zeros((9, 2)), labeled=np.arange(1), y=np.ones((1, 2), bool), candidates=np.arange(1, 9),
                      rng=np.random.default_rng(0))  # fmt: skip
    assert len(multilabel.select({"name": "mmc"}, context, 3)) == 3


def test_a_strategy_needs_fewer_labels_than_chance():
    """Rare labels among many items: over 8 made-up sets the mean F1 (micro) along the curve is higher (paired t-test, 1 %)."""
    differences = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(700, 12))
        Y = X @ rng.normal(size=(12, 8)) > 3.0
        given = {"learner": {"name": "logistic_regression"}, "batch_size": 60, "seed_size": 20, "max_labels": 200, "seed": seed}
        areas = []
        for name in ("mean_entropy", "random"):
            rounds = multilabel.simulate(X, Y, np.arange(500), np.arange(500, 700), strategy={"name": name}, **given)
            areas.append(np.mean([r["metrics"]["f1_micro"]["value"] for r in rounds if r["metrics"]]))
        differences.append(areas[0] - areas[1])
    assert np.mean(differences) / (np.std(differences, ddof=1) / np.sqrt(8)) > 2.998, differences
