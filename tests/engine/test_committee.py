"""Query by committee: formulas, identities, and committees of any learner."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import engine
from learning.engine.committees import committee
from learning.engine.strategies.committee import bald, consensus_entropy, mean_kl, vote_entropy
from tests.engine.contexts import make_context


@given(st.integers(1, 6), st.integers(1, 5), st.integers(2, 5), st.integers(0, 1000))
def test_bald_equals_the_mean_divergence(members, items, classes, seed):
    """Houlsby et al. (2011): the mutual information is the mean divergence from the consensus."""
    P = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=(members, items))
    assert bald(P) == pytest.approx(mean_kl(P), abs=1e-9)


def test_by_hand():
    agree, split = [[0.9, 0.1], [0.9, 0.1]], [[1.0, 0.0], [0.0, 1.0]]
    P = np.array([agree, split]).transpose(1, 0, 2)  # (members, items, classes)
    assert vote_entropy(P) == pytest.approx([0, np.log(2)])
    assert mean_kl(P) == pytest.approx([0, np.log(2)])
    assert bald(P) == pytest.approx([0, np.log(2)])
    assert consensus_entropy(P) == pytest.approx([-0.9 * np.log(0.9) - 0.1 * np.log(0.1), np.log(2)])


def test_scores_are_those_of_modal():
    """modAL 0.4.2.1 computes vote entropy, consensus entropy and the divergence (of which it takes the largest) the same way."""
    from modAL.disagreement import KL_max_disagreement, consensus_entropy_sampling, vote_entropy_sampling  # noqa: F401
    from scipy.stats import entropy

    P = np.random.default_rng(0).dirichlet(np.ones(4), size=(5, 30))
    consensus = P.mean(axis=0)
    assert consensus_entropy(P) == pytest.approx(entropy(consensus.T))
    divergence = np.array([entropy(P[k].T, qk=consensus.T) for k in range(5)])
    assert mean_kl(P) == pytest.approx(divergence.mean(axis=0))


@pytest.mark.parametrize("learner", ["logistic_regression", "random_forest", "naive_bayes", "k_nearest_neighbors"])
def test_a_committee_of_any_learner(learner):
    context = make_context(n=60, n_labeled=20, n_classes=5)
    model = engine.fit({"name": learner}, context.X, context.labeled, context.y, 5, 0)
    context = replace(context, learner={"name": learner}, model=model)
    members, count = committee(context, 4)
    P = members(context.X[context.candidates])
    assert len(P) == count
    assert P.shape[1:] == (len(context.candidates), 5) and len(P) >= 4
    assert P.sum(axis=2) == pytest.approx(1) and (P[:, :, 3:] == 0).all()
    assert P.std(axis=0).max() > 0.01  # they do differ


def test_members_that_saw_one_class_only_are_never_trained():
    context = make_context(n_labeled=6)
    lopsided = replace(context, y=np.array([0, 0, 0, 0, 0, 1]))
    assert committee(lopsided, 10)[0](lopsided.X[:3]).shape == (10, 3, 3)


def test_a_committee_is_trained_once_per_selection():
    context = make_context()
    assert committee(context, 3) is committee(context.among(np.arange(4)), 3)


def test_disagreement_beats_random_where_classes_meet_in_a_line():
    """Seung, Opper & Sompolinsky (1992) show it for perceptrons: paired over seeds, a linear concept without noise."""
    gains = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(500, 6)).astype(np.float32)
        y = (X @ rng.normal(size=6) > 0).astype(int)
        pool, test = np.arange(300), np.arange(300, 500)
        areas = [
            np.mean([r["metrics"]["accuracy"]["value"] for r in engine.simulate(
                X, y, pool, test, learner={"name": "logistic_regression"}, strategy=strategy,
                batch_size=5, seed_size=10, max_labels=60, seed=seed,
            )])
            for strategy in ({"name": "vote_entropy"}, {"name": "random"})
        ]  # fmt: skip
        gains.append(areas[0] - areas[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(len(gains)) > 0
