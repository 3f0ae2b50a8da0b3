"""Ensembles bring a committee with them: what its members say, and that together they say what the model says."""

import numpy as np
import pytest
from scipy import sparse

from learning.engine import fit, learners, predict
from learning.engine.loop import make

COMMITTEES = {
    "random_forest": {"name": "random_forest", "trees": 25},
    "extra_trees": {"name": "extra_trees", "trees": 25},
    "ensemble": {"name": "ensemble", "members": "naive_bayes, logistic_regression, extra_trees"},
}


def overlapping(as_sparse):
    rng = np.random.default_rng(0)
    y = np.asarray([0, 3, 7])[np.arange(120) % 3]
    X = np.maximum(rng.normal(size=(120, 6)) + np.eye(8)[y][:, :6] + 0.2 * y[:, None], 0).astype(np.float32)
    return (sparse.csr_matrix(X) if as_sparse else X), y


@pytest.mark.parametrize("as_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("name", COMMITTEES)
def test_the_mean_of_the_members_is_the_model(name, as_sparse):
    X, y = overlapping(as_sparse)
    learner = make(learners, COMMITTEES[name])
    model = fit(COMMITTEES[name], X, np.arange(60), y[:60], 9, 1)
    members = learner.members(model, X[60:], 9)
    assert members.shape == (learner.n_members(model), 60, 9) and members.dtype == np.float64
    assert members.sum(axis=2) == pytest.approx(np.ones(members.shape[:2])) and not members[:, :, [1, 2, 4, 5, 6, 8]].any()
    assert members.mean(axis=0) == pytest.approx(predict(model, X, np.arange(60, 120), 9), abs=1e-9)
    assert len({member.tobytes() for member in members}) == len(members)  # they do differ


@pytest.mark.parametrize("name", COMMITTEES)
def test_members_answer_row_by_row(name):
    X, y = overlapping(False)
    learner = make(learners, COMMITTEES[name])
    model = fit(COMMITTEES[name], X, np.arange(60), y[:60], 9, 1)
    whole = learner.members(model, X, 9)
    pieces = [learner.members(model, X[start : start + 7], 9) for start in range(0, 120, 7)]
    assert np.concatenate(pieces, axis=1) == pytest.approx(whole, abs=1e-12)
    assert learner.members(model, X[:1], 9).shape == (len(whole), 1, 9)


def test_members_of_an_ensemble_are_its_learners_in_their_order():
    X, y = overlapping(False)
    settings = {"name": "ensemble", "members": "naive_bayes: 5, logistic_regression"}
    model = fit(settings, X, np.arange(60), y[:60], 9, 1)
    members = make(learners, settings).members(model, X, 9)
    for member, name in zip(members, ("naive_bayes", "logistic_regression"), strict=True):
        alone = predict(fit({"name": name}, X, np.arange(60), y[:60], 9, 1), X, None, 9)
        assert member == pytest.approx(alone, abs=1e-6)


def test_other_learners_have_no_members():
    X, y = overlapping(False)
    free = {cls.name for cls in learners if cls.free_committee}
    assert free == set(COMMITTEES)
    for name in set(learners.names()) - free - {"mlp", "hist_gradient_boosting"}:
        learner = make(learners, {"name": name})
        model = fit({"name": name}, X, np.arange(60), y[:60], 9, 1)
        assert learner.members(model, X, 9) is None and learner.n_members(model) == 0
