import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.engine import EngineError
from learning.engine.crowd import dawid_skene, majority, unanimous, weighted_majority
from tests.engine.test_crowd_agreement import random_answers

ITEMS = np.array([0, 0, 0, 1, 1, 2, 4, 4])
VALUES = np.array([1, 1, 2, 0, 2, 2, 0, 0])


def test_the_majority_says_where_it_is_tied():
    votes = majority(ITEMS, VALUES, n_items=5, n_classes=3)
    assert votes.values.tolist() == [1, -1, 2, -1, 0] and votes.tied.tolist() == [False, True, False, False, False]
    assert votes.share[:3] == pytest.approx([2 / 3, 1 / 2, 1]) and np.isnan(votes.share[3])
    assert votes.counts[0].tolist() == [0, 2, 1]


def test_unanimous_needs_enough_answers():
    assert unanimous(ITEMS, VALUES, n_items=5, n_classes=3).values.tolist() == [-1, -1, -1, -1, 0]
    assert unanimous(ITEMS, VALUES, n_items=5, n_classes=3, least=1).values.tolist() == [-1, -1, 2, -1, 0]


def test_the_weight_of_a_person_can_turn_a_vote():
    people = np.array([0, 1, 2, 0, 1, 0, 0, 1])
    votes = weighted_majority(ITEMS, people, VALUES, np.array([1.0, 1.0, 3.0]), n_items=5, n_classes=3)
    assert votes.values.tolist() == [2, -1, 2, -1, 0]
    # 0.1 + 0.2 and 0.3 are a tie, though their last digits differ
    even = weighted_majority(
        np.zeros(3, int), np.arange(3), np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3]), n_items=1, n_classes=2
    )
    assert even.tied.tolist() == [True]
    with pytest.raises(EngineError, match="from 0 up"):
        weighted_majority(ITEMS, people, VALUES, np.array([1.0, 1.0, -3.0]), n_items=5, n_classes=3)


# Dawid & Skene (1979), table 1: 45 patients, classes 1 to 4; observer 1 three times, then observers 2 to 5.
ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""


def anaesthetists() -> dict:
    values = np.array([list(line) for line in ANAESTHETISTS.split()]).astype(int) - 1
    patients, columns = np.indices(values.shape)
    observers = np.maximum(columns - 2, 0)
    counts = {"n_items": 45, "n_annotators": 5, "n_classes": 4}
    return {"items": patients.ravel(), "annotators": observers.ravel(), "values": values.ravel()} | counts


def test_the_estimates_of_dawid_and_skene():
    found = dawid_skene(**anaesthetists(), smoothing=0, tolerance=1e-12)
    assert found.converged
    assert np.round(found.prior, 2).tolist() == [0.40, 0.42, 0.11, 0.07]  # table 2
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]  # table 3, observer 1
    assert np.abs(np.round(found.confusions[0], 2) - first).max() < 1e-9
    assert found.values[:6].tolist() == [0, 3, 1, 1, 1, 1]  # table 4: patient 2 is of class 4, which only two of seven said
    assert found.posteriors[:6].max(axis=1).min() > 0.995


def simulated(seed: int = 0, n=400, per_item=5, strengths=(0.95, 0.9, 0.6, 0.6, 0.55, 0.3, 0.3), n_classes=3):
    """Items, people of known strength, and answers whose errors are even."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    people = np.array([rng.permutation(len(strengths))[:per_item] for _ in range(n)]).ravel()
    items = np.repeat(np.arange(n), per_item)
    right = rng.random(len(items)) < np.array(strengths)[people]
    wrong = (truth[items] + rng.integers(1, n_classes, size=len(items))) % n_classes
    counts = {"n_items": n, "n_annotators": len(strengths), "n_classes": n_classes}
    return truth, {"items": items, "annotators": people, "values": np.where(right, truth[items], wrong)} | counts


@pytest.mark.parametrize("one_coin", [False, True])
def test_knowing_who_is_good_beats_the_majority(one_coin):
    truth, answers = simulated()
    found = dawid_skene(**answers, one_coin=one_coin)
    voted = majority(answers["items"], answers["values"], n_items=400, n_classes=3).values
    assert (found.values == truth).mean() > (voted == truth).mean() + 0.05
    assert found.accuracies == pytest.approx([0.95, 0.9, 0.6, 0.6, 0.55, 0.3, 0.3], abs=0.08)
    assert found.confusions.sum(axis=2) == pytest.approx(np.ones((7, 3)))
    sure = found.posteriors.max(axis=1)
    assert (found.values == truth).mean() == pytest.approx(sure.mean(), abs=0.05)  # what it says of itself is so


def test_one_coin_needs_fewer_answers():
    scores = []
    for seed in range(8):
        truth, answers = simulated(seed, n=60, per_item=3, n_classes=5)
        pair = [(dawid_skene(**answers, one_coin=one_coin).values == truth).mean() for one_coin in (True, False)]
        scores.append(pair)
    one_coin, full = np.mean(scores, axis=0)
    assert one_coin > full


def test_a_shared_bias_is_seen_by_confusion_matrices_only():
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=500)
    items, people = np.repeat(np.arange(500), 6), np.tile(np.arange(6), 500)
    # Most people overlook the second class half the time; nobody takes the first for it.
    overlooks = np.array([0.05, 0.05, 0.6, 0.6, 0.6, 0.6])[people]
    values = np.where(rng.random(len(items)) < overlooks, 0, truth[items])
    found = dawid_skene(items, people, values, n_items=500, n_annotators=6, n_classes=2)
    assert (found.values == truth).mean() > 0.97
    one_coin = dawid_skene(items, people, values, n_items=500, n_annotators=6, n_classes=2, one_coin=True)
    assert (one_coin.values == truth).mean() < 0.9
    assert found.confusions[2, 1, 0] == pytest.approx(0.6, abs=0.08) and found.confusions[2, 0, 0] > 0.99


@pytest.mark.parametrize("one_coin", [False, True])
@pytest.mark.parametrize("smoothing", [0, 0.01, 1.0])
def test_no_iteration_makes_the_objective_smaller(one_coin, smoothing):
    items, annotators, values = random_answers(6)
    answers = {"items": items, "annotators": annotators, "values": values, "n_items": 60, "n_annotators": 6, "n_classes": 4}
    objectives = [
        dawid_skene(**answers, one_coin=one_coin, smoothing=smoothing, iterations=n, tolerance=0).objective for n in range(1, 25)
    ]
    assert (np.diff(objectives) > -1e-8).all() and objectives[-1] > objectives[0]


def test_what_has_no_answer_has_no_label():
    items, people, values = np.array([0, 0, 2, 2]), np.array([0, 1, 0, 1]), np.array([1, 1, 0, 0])
    found = dawid_skene(items, people, values, n_items=4, n_annotators=3, n_classes=2)
    assert found.values.tolist() == [1, -1, 0, -1]
    assert np.array_equal(found.posteriors[1], found.prior) and found.prior == pytest.approx([0.5, 0.5], abs=0.01)
    assert found.confusions[2] == pytest.approx(np.full((2, 2), 0.5))  # nothing is known of who said nothing
    with pytest.raises(EngineError, match="needs answers"):
        dawid_skene(items[:0], people[:0], values[:0], n_items=4, n_annotators=3, n_classes=2)
    with pytest.raises(EngineError, match="annotators must be at least 0 and less than 1"):
        dawid_skene(items, people, values, n_items=4, n_annotators=1, n_classes=2)


def test_many_answers_to_one_item_do_not_vanish():
    # 5,000 answers of chances near 1/2: their product is far below the smallest number that a computer knows.
    items, people = np.repeat([0, 1], 5000), np.tile(np.arange(5000), 2)
    values = np.concatenate([np.arange(5000) % 5 < 3, np.arange(5000) % 5 > 2]).astype(int)
    found = dawid_skene(items, people, values, n_items=2, n_annotators=5000, n_classes=2, smoothing=5)
    assert np.isfinite(found.posteriors).all() and found.values.tolist() == [1, 0] and np.isfinite(found.log_likelihood)


def step_by_step(answers: dict, one_coin: bool, smoothing: float, iterations: int) -> tuple[np.ndarray, float]:
    """The paper's equations 2.3 to 2.5 one answer at a time: posteriors and log likelihood."""
    rows = list(zip(*(answers[name].tolist() for name in ("items", "annotators", "values")), strict=True))
    n, n_people, c = answers["n_items"], answers["n_annotators"], answers["n_classes"]
    belief = np.zeros((n, c))
    for item, _, value in rows:
        belief[item, value] += 1
    belief /= belief.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        prior = belief.mean(axis=0)
        confusion = np.zeros((n_people, c, c))
        for item, person, value in rows:
            confusion[person, :, value] += belief[item]
        for person in range(n_people):
            if one_coin:
                right = (np.trace(confusion[person]) + smoothing) / (confusion[person].sum() + c * smoothing)
                confusion[person] = np.where(np.eye(c) == 1, right, (1 - right) / (c - 1))
            else:
                confusion[person] = (confusion[person] + smoothing) / (confusion[person] + smoothing).sum(axis=1, keepdims=True)
        joint = np.tile(prior, (n, 1))
        for item, person, value in rows:
            joint[item] *= confusion[person, :, value]
        belief = joint / joint.sum(axis=1, keepdims=True)
    return belief, float(np.log(joint.sum(axis=1)).sum())


@pytest.mark.parametrize("one_coin", [False, True])
@pytest.mark.parametrize("smoothing", [0.01, 0.5])
def test_equal_to_the_paper_step_by_step(one_coin, smoothing):
    _, answers = simulated(5, n=80, per_item=4)
    expected, log_likelihood = step_by_step(answers, one_coin, smoothing, iterations=7)
    found = dawid_skene(**answers, one_coin=one_coin, smoothing=smoothing, iterations=7, tolerance=0)
    assert found.iterations == 7 and found.posteriors == pytest.approx(expected, abs=1e-10)
    assert found.log_likelihood == pytest.approx(log_likelihood)


@pytest.mark.parametrize("one_coin", [False, True])
def test_equal_to_the_reference_package(one_coin):
    reference = pytest.importorskip("crowdkit.aggregation")
    pandas = pytest.importorskip("pandas")
    _, answers = simulated(3)
    columns = {"task": answers["items"], "worker": answers["annotators"], "label": answers["values"]}
    kind = reference.OneCoinDawidSkene if one_coin else reference.DawidSkene
    expected = kind(n_iter=300).fit_predict(pandas.DataFrame(columns)).sort_index().to_numpy()
    assert (dawid_skene(**answers, one_coin=one_coin, smoothing=1e-6).values == expected).mean() > 0.99


rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows, st.booleans())
def test_any_answers_have_a_consensus(answers, one_coin):
    items, people, values = np.array(answers).T
    counts = {"n_items": 6, "n_annotators": 4, "n_classes": 3}
    found = dawid_skene(items, people, values, one_coin=one_coin, **counts)
    assert found.posteriors.sum(axis=1) == pytest.approx(np.ones(6)) and (found.posteriors >= 0).all()
    again = dawid_skene(items, people, values, one_coin=one_coin, **counts)
    assert np.array_equal(found.posteriors, again.posteriors) and found.objective == again.objective
    votes = majority(items, values, n_items=6, n_classes=3)
    for item in range(6):
        said, times = np.unique(values[items == item], return_counts=True)
        front = said[times == times.max()] if len(said) else []
        assert votes.values[item] == (front[0] if len(front) == 1 else -1) and votes.tied[item] == (len(front) > 1)
