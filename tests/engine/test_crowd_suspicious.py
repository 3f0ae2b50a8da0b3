import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from learning.engine import EngineError
from learning.engine.crowd import suspicious_labels
from learning.engine.threads import one_thread

# Northcutt, Jiang & Chuang (2021), definition of the confident joint, by hand: thresholds .7, .6.
GIVEN = np.array([0, 0, 0, 1, 1, -1])
PROBA = np.array([[0.9, 0.1], [0.85, 0.15], [0.35, 0.65], [0.25, 0.75], [0.55, 0.45], [0.0, 1.0]])


def test_thresholds_joint_and_suspects_by_hand():
    found = suspicious_labels(GIVEN, PROBA)
    assert found.thresholds == pytest.approx([0.7, 0.6])
    assert found.joint.tolist() == [[2, 1], [0, 1]]  # the fifth item is confidently of neither class
    assert found.positions.tolist() == [2] and found.suggested.tolist() == [1]
    assert found.margin[:5] == pytest.approx([0.8, 0.7, -0.3, 0.5, -0.1]) and np.isnan(found.margin[5])
    assert found.self_confidence[:5] == pytest.approx([0.9, 0.85, 0.35, 0.75, 0.45])
    # Rows scaled to 3 and 2 items: 2 + 1 and 0 + 2, so one of five is wrong.
    assert found.noise == pytest.approx(1 / 5)


def test_an_unsure_model_is_read_by_its_own_measure():
    # Class 1 is never given more than .4, so .4 is much of it: the first item is of class 1 by the threshold, not by argmax.
    given = np.array([0, 1, 1, 0, 0])
    proba = np.array([[0.58, 0.42], [0.6, 0.4], [0.62, 0.38], [0.99, 0.01], [0.98, 0.02]])
    found = suspicious_labels(given, proba)
    assert found.positions.tolist() == [0] and found.suggested.tolist() == [1]


def test_a_class_that_nobody_uses_is_never_suggested():
    found = suspicious_labels(np.array([0, 0, 1]), np.array([[0.1, 0.0, 0.9], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]))
    assert len(found.positions) == 0 and np.isnan(found.thresholds[2])
    nothing = suspicious_labels(np.full(2, -1), np.full((2, 2), 0.5))
    assert len(nothing.positions) == 0 and nothing.noise is None


@pytest.fixture(scope="module")
def noisy_digits():
    """Digits with 8 % of the labels replaced by any other, and a model's probabilities from five folds."""
    X, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(truth)) < 0.08
    given = np.where(wrong, (truth + rng.integers(1, 10, size=len(truth))) % 10, truth)
    with one_thread():
        proba = cross_val_predict(LogisticRegression(max_iter=300), X / 16, given, cv=5, method="predict_proba")
    return given, proba, wrong, truth


@pytest.mark.parametrize("ranking", ["margin", "self_confidence"])
def test_injected_errors_are_found(noisy_digits, ranking):
    given, proba, wrong, truth = noisy_digits
    found = suspicious_labels(given, proba, ranking=ranking)
    assert wrong[found.positions[:50]].mean() >= 0.96  # chance would be .08
    assert wrong[found.positions].mean() > 0.8 and wrong[found.positions].sum() / wrong.sum() > 0.7
    assert wrong[found.order()[: int(1.25 * wrong.sum())]].sum() / wrong.sum() > 0.9  # a longer list holds nearly all
    true_positives = found.positions[wrong[found.positions]]
    assert (found.suggested[wrong[found.positions]] == truth[true_positives]).mean() > 0.9
    assert found.noise == pytest.approx(0.08, abs=0.04)
    score = (found.margin if ranking == "margin" else found.self_confidence)[found.positions]
    assert (np.diff(score) >= 0).all()


def test_equal_to_the_reference_package(noisy_digits):
    filters = pytest.importorskip("cleanlab.filter")
    given, proba, _, _ = noisy_digits
    options = {"filter_by": "confident_learning", "return_indices_ranked_by": "normalized_margin"}
    expected = filters.find_label_issues(given, proba, **options)
    found = suspicious_labels(given, proba)
    assert set(found.positions.tolist()) == set(expected.tolist())


def test_labels_and_probabilities_must_fit():
    with pytest.raises(EngineError, match="do not fit"):
        suspicious_labels(np.array([0]), np.full((2, 2), 0.5))
    with pytest.raises(EngineError, match="below 2, or -1; found 0 to 2"):
        suspicious_labels(np.array([0, 2]), np.full((2, 2), 0.5))
    with pytest.raises(EngineError, match="known are: margin, self_confidence"):
        suspicious_labels(np.array([0, 1]), np.full((2, 2), 0.5), ranking="entropy")
