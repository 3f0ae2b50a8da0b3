"""The formulas of ActiveLab (Goh & Mueller 2023, equations of section 3) and CROWDLAB (Goh, Tkachenko & Mueller 2022)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from learning.engine import EngineError
from learning.engine.crowd import relabel_scores
from learning.engine.threads import one_thread

# Items 0 to 3 are labelled, 4 and 5 are not. Persons 0 and 1 answer 0, 1, 2; person 2 answers 0, 2, 3.
ITEMS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3])
PEOPLE = np.array([0, 1, 2, 0, 1, 0, 1, 2, 2])
VALUES = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1])
PROBA = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5], [0.9, 0.1], [0.55, 0.45]])


def test_scores_by_hand():
    found = relabel_scores(ITEMS, PEOPLE, VALUES, PROBA, n_annotators=3)
    # Items with two answers or more: 0 (majority 0, two of three), 1 (1, all), 2 (0, all).
    agreement = (2 / 3 + 1 + 1) / 3
    # The commonest label, 0, is right on two of these three; the model on all three; 9 answers on 4 items.
    floor = 2 / 3
    w_model = (1 - 0 / (1 - floor)) * np.sqrt(9 / 4)
    # Agreeing answers of others / answers of others: persons 0 and 1: (1 + 1 + 2) / 5; person 2: (0 + 2) / 4.
    w = np.array([1 - (1 - 4 / 5) / (1 - floor), 1 - (1 - 4 / 5) / (1 - floor), 1e-6])
    assert found.agreement == pytest.approx(agreement) and found.model_weight == pytest.approx(w_model)
    assert found.annotator_weights == pytest.approx(w)
    imagined = w.mean()
    first = (w_model * 0.8 + (w[0] + w[1]) * agreement + w[2] * (1 - agreement) + imagined / 2) / (w_model + w.sum() + imagined)
    third = (w_model * 0.6 + w.sum() * agreement + imagined / 2) / (w_model + w.sum() + imagined)
    unlabeled = (w_model * 0.9 + imagined / 2) / (w_model + imagined)
    assert found.quality[[0, 2, 4]] == pytest.approx([first, third, unlabeled])
    assert found.consensus.tolist() == [0, 1, 0, 1, 0, 0] and found.n_answers.tolist() == [3, 2, 3, 1, 0, 0]
    assert found.order()[:2].tolist() == [3, 5]  # the person of no worth and no help of the model; then the unsure new item


def test_who_answers_alone_is_trusted_as_the_others_are():
    # A fourth person answers items that nobody else does, and a fifth nothing at all.
    items, people, values = np.append(ITEMS, [4, 5]), np.append(PEOPLE, [3, 3]), np.append(VALUES, [0, 1])
    found = relabel_scores(items, people, values, PROBA, n_annotators=5)
    agrees = np.mean([4 / 5, 4 / 5, 2 / 4])
    assert found.annotator_weights[3:] == pytest.approx([1 - (1 - agrees) / (1 - 2 / 3)] * 2)


def test_disagreement_is_asked_again_and_agreement_is_not():
    items = np.repeat(np.arange(6), 2)
    people = np.tile([0, 1], 6)
    values = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0])  # they differ on the last item
    proba = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.5, 0.5], [0.95, 0.05], [0.5, 0.5]])
    found = relabel_scores(items, people, values, proba, n_annotators=2)
    assert found.quality[5] < found.quality[4] < found.quality[0]  # at odds; two against the model; all at one
    assert found.quality[7] < found.quality[6] < found.quality[0]  # new items: unsure, sure
    assert found.quality[7] < found.quality[4] < found.quality[0]  # between new and old: asking again is not for every item


def test_with_one_answer_each_the_model_decides():
    items, people, values = np.arange(4), np.zeros(4, dtype=int), np.array([0, 1, 0, 1])
    proba = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    found = relabel_scores(items, people, values, proba, n_annotators=1)
    assert found.agreement == pytest.approx(np.sqrt(3 / 4)) and found.model_weight == 1
    assert found.order()[0] == 4 and found.quality[2] < found.quality[0]
    untrained = relabel_scores(items, people, values + 1, np.full((5, 3), 1 / 3), n_annotators=1)
    assert untrained.consensus[:4].tolist() == [1, 2, 1, 2]  # nobody contradicts the answers
    none = relabel_scores(items[:0], people[:0], values[:0], proba, n_annotators=1)
    assert none.order()[0] == 4 and none.consensus.tolist() == [0, 1, 1, 1, 0]


def one_team(seed: int, chosen) -> float:
    """The share of right labels of 300 digits with one answer each of a poor team, and 300 more in three rounds as `chosen`."""
    rng = np.random.default_rng(seed)
    X, truth = load_digits(return_X_y=True)
    pick = rng.permutation(len(truth))[:300]
    X, truth, strength = X[pick] / 16, truth[pick], np.array([0.7, 0.6, 0.6, 0.5, 0.4])

    def ask(items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        people = rng.integers(5, size=len(items))
        right = rng.random(len(items)) < strength[people]
        return items, people, np.where(right, truth[items], (truth[items] + rng.integers(1, 10, len(items))) % 10)

    answers = ask(np.arange(300))
    for _ in range(3):
        labels = relabel_scores(*answers, np.full((300, 10), 0.1), n_annotators=5).consensus
        with one_thread():
            proba = cross_val_predict(LogisticRegression(max_iter=50), X, labels, cv=3, method="predict_proba")
        more = ask(chosen(relabel_scores(*answers, proba, n_annotators=5), rng)[:100])
        answers = tuple(np.concatenate(pair) for pair in zip(answers, more, strict=True))
    return float((relabel_scores(*answers, proba, n_annotators=5).consensus == truth).mean())


@pytest.mark.filterwarnings("ignore")
def test_asking_where_it_says_gives_better_labels_than_asking_anywhere():
    said = [one_team(seed, lambda scores, _: scores.order()) for seed in range(3)]
    anywhere = [one_team(seed, lambda _, rng: rng.permutation(300)) for seed in range(3)]
    assert np.mean(said) > np.mean(anywhere) + 0.02


def test_equal_to_the_reference_package():
    reference = pytest.importorskip("cleanlab.multiannotator")
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"item": ITEMS, "person": PEOPLE, "value": VALUES}).pivot(
        index="item", columns="person", values="value"
    )
    labeled, unlabeled = reference.get_active_learning_scores(table, PROBA[:4], PROBA[4:])
    found = relabel_scores(ITEMS, PEOPLE, VALUES, PROBA, n_annotators=3)
    # It calibrates the probabilities itself, so only the order is the same.
    assert np.argsort(unlabeled).tolist() == np.argsort(found.quality[4:]).tolist()
    assert np.argmin(labeled) == np.argmin(found.quality[:4])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), max_size=25), st.integers(0, 1000))
def test_scores_are_shares_whatever_is_answered(answers, seed):
    items, people, values = np.array(answers, dtype=int).reshape(-1, 3).T
    proba = np.random.default_rng(seed).dirichlet(np.ones(3), size=6)
    found = relabel_scores(items, people, values, proba, n_annotators=4)
    assert ((found.quality > 0) & (found.quality <= 1)).all() and (found.annotator_weights > 0).all()
    assert sorted(found.order().tolist()) == list(range(6))
    assert (found.quality <= found.confidence + 1e-12).all()  # an imagined answer of no knowledge never adds to it


def test_probabilities_must_be_numbers_per_label():
    with pytest.raises(EngineError, match="shape"):
        relabel_scores(ITEMS, PEOPLE, VALUES, PROBA[:, :1], n_annotators=3)
    with pytest.raises(EngineError, match="items must be"):
        relabel_scores(ITEMS, PEOPLE, VALUES, PROBA[:2], n_annotators=3)
