import numpy as np
import pytest
from sklearn import metrics as reference

from learning.engine import METRICS, EngineError, evaluate, normalised_area, per_class
from learning.engine.metrics import wilson_interval


def example(n: int, n_classes: int, seed: int = 0, missing: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes - missing, size=n)
    scores = rng.normal(size=(n, n_classes))
    scores[np.arange(n), y] += 1.5
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return y, proba


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n", "n_classes", "missing"), [(200, 2, False), (150, 5, False), (60, 7, True), (4, 3, False)])
def test_equal_to_scikit_learn(n, n_classes, missing):
    y, proba = example(n, n_classes, missing=missing)
    predicted = proba.argmax(axis=1)
    found, confusion = evaluate(y, proba, n_classes)
    labels = np.arange(n_classes)
    usable = [c for c in labels if 0 < np.sum(y == c) < n]
    expected = {
        "accuracy": reference.accuracy_score(y, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(y, predicted),
        "precision_macro": reference.precision_score(y, predicted, average="macro", zero_division=0),
        "recall_macro": reference.recall_score(y, predicted, average="macro", zero_division=0),
        "f1_macro": reference.f1_score(y, predicted, average="macro", zero_division=0),
        "f1_micro": reference.f1_score(y, predicted, average="micro"),
        "f1_weighted": reference.f1_score(y, predicted, average="weighted", zero_division=0),
        "mcc": reference.matthews_corrcoef(y, predicted),
        "log_loss": reference.log_loss(y, proba, labels=labels),
        "roc_auc": np.mean([reference.roc_auc_score(y == c, proba[:, c]) for c in usable]),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-10), name
    assert np.array_equal(confusion, reference.confusion_matrix(y, predicted, labels=labels))
    assert list(found) == list(METRICS)


def test_intervals_hold_the_value_and_shrink_with_the_sample():
    few, many = (evaluate(*example(n, 4), 4)[0] for n in (50, 5000))
    for name in ("accuracy", "balanced_accuracy", "f1_macro", "mcc", "log_loss", "f1_weighted", "precision_macro"):
        assert few[name]["low"] <= few[name]["value"] <= few[name]["high"]
        assert few[name]["high"] - few[name]["low"] > 5 * (many[name]["high"] - many[name]["low"])
    assert few["roc_auc"]["low"] is None and few["expected_calibration_error"]["low"] is None


def test_wilson_interval_of_a_known_case():
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0, 10)[0] == 0 and wilson_interval(10, 10)[1] == pytest.approx(1)


def test_the_bootstrap_interval_covers_as_promised():
    covered = 0
    for seed in range(100):
        y, proba = example(300, 3, seed=seed + 1)
        interval = evaluate(y, proba, 3)[0]["f1_macro"]
        covered += interval["low"] <= TRUE_F1 <= interval["high"]
    assert covered >= 87


def test_a_few_dozen_answers_are_not_sure_of_a_rare_class():
    """Of 100 items one in eleven is of the rare class: the plain bootstrap's 95 % interval held the truth in 66 of 100 tests."""
    share = np.array([[0.9, 0.1], [0.1, 0.9]]) * np.array([[10], [1]]) / 11
    covered = 0
    for seed in range(200):
        drawn = np.random.default_rng(seed).multinomial(100, share.ravel())
        y, predicted = np.divmod(np.repeat(np.arange(4), drawn), 2)
        interval = evaluate(y, np.eye(2)[predicted], 2)[0]["balanced_accuracy"]
        covered += interval["low"] <= 0.9 <= interval["high"]
    assert covered >= 185


@pytest.mark.parametrize("n", [10, 30_000])
def test_without_a_mistake_the_low_end_leaves_room_for_one(n):
    found, _ = evaluate(np.arange(n) % 2, np.eye(2)[np.arange(n) % 2], 2)
    for name in ("balanced_accuracy", "f1_macro", "mcc"):
        assert found[name]["high"] == 1 and 1 - 8 / n < found[name]["low"] < 1 - 2 / n, found[name]


TRUE_F1 = evaluate(*example(200_000, 3), 3)[0]["f1_macro"]["value"]


def test_calibration_error_by_hand():
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])
    found, _ = evaluate(np.array([0, 0, 1, 1]), proba, 2)
    assert found["expected_calibration_error"]["value"] == pytest.approx((3 * abs(2 / 3 - 0.9) + abs(1 - 0.8)) / 4)


def test_one_class_in_the_test_set_leaves_auc_undefined():
    found, confusion = evaluate(np.array([1, 1]), np.array([[0.1, 0.9], [0.6, 0.4]]), 2)
    assert found["roc_auc"]["value"] is None and found["accuracy"]["value"] == 0.5
    assert confusion.tolist() == [[0, 0], [1, 1]] and found["mcc"]["value"] == 0


def test_the_same_call_gives_the_same_interval():
    y, proba = example(100, 3)
    assert evaluate(y, proba, 3)[0] == evaluate(y, proba, 3)[0]


def test_a_class_that_the_model_never_saw_costs_a_large_finite_loss():
    found, _ = evaluate(np.array([2]), np.array([[0.5, 0.5, 0.0]]), 3)
    assert found["log_loss"]["value"] == pytest.approx(-np.log(np.finfo(float).eps))


@pytest.mark.parametrize(("y", "proba"), [([], np.zeros((0, 2))), ([0, 1], np.zeros((2, 3)))])
def test_nothing_to_evaluate_is_said(y, proba):
    with pytest.raises(EngineError):
        evaluate(np.array(y), proba, 2)


def test_per_class_by_hand():
    rows = per_class(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert rows[0] == {"precision": 0.6, "recall": 0.75, "f1": pytest.approx(2 / 3), "support": 4}
    assert rows[2] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_normalised_area_by_hand():
    assert normalised_area([10, 20, 40], [0.5, 0.7, 0.9]) == pytest.approx((10 * 0.6 + 20 * 0.8) / 30)
    with pytest.raises(EngineError):
        normalised_area([10], [0.5])
