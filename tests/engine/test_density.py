"""Information density against its definition."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from learning.engine import strategies
from learning.engine.derived import Derived
from learning.engine.strategies.density import mean_similarity
from learning.engine.strategies.scores import entropy
from tests.engine.contexts import make_context


@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_mean_similarity_is_that_of_all_pairs(as_sparse):
    context = make_context(n=40, as_sparse=as_sparse)
    pool = np.arange(5, 40)
    rows = context.X.toarray() if sparse.issparse(context.X) else context.X
    pairs = cosine_similarity(rows, rows[pool])
    assert mean_similarity(Derived(context.X, pool)) == pytest.approx(pairs.mean(axis=1), abs=1e-5)


def test_scores_are_uncertainty_times_density():
    context = make_context(n=40)
    scores = strategies.get("information_density")(power=2.0).scores(context)
    assert scores == pytest.approx(entropy(context.proba) * mean_similarity(context.derived)[context.candidates] ** 2, rel=1e-5)


def test_an_outlier_is_not_asked_however_uncertain():
    context = make_context(n=40, d=3)
    X = np.zeros((40, 3), dtype=np.float32)
    X[:, 0] = 1
    X[context.candidates[0]] = [0, 0, 1]
    context = type(context)(**vars(context) | {"X": X, "derived": None})
    context.proba[:] = [0.5, 0.3, 0.2]
    assert np.argmin(strategies.get("information_density")().scores(context)) == 0


def test_features_below_zero_give_no_negative_density():
    context = make_context(n=40)
    context = type(context)(**vars(context) | {"X": context.X - 0.5, "derived": None})
    scores = strategies.get("information_density")().scores(context)
    assert (scores >= 0).all() and len(np.unique(scores)) > 10
