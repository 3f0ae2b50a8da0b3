"""Expected error reduction against the algorithm written out, a case solved by hand, and its bounds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from learning import engine
from learning.engine.strategies.error_reduction import likely_answers
from tests.engine.contexts import make_context
from tests.engine.duels import gains, wins

STRATEGY = "expected_error_reduction"
LOSSES = {
    "log": lambda P: -(P * np.log(np.maximum(P, 1e-300))).sum(axis=1).mean(),
    "zero_one": lambda P: 1 - P.max(axis=1).mean(),
}


def reduction(context, **settings):
    return engine.strategies.get(STRATEGY)(**settings).scores(context)


class Shares:
    """A learner that can be worked out by hand: the share of each class among the labels of a row's group, (n + 1) / (N + C)."""

    label, help, parameters = "Shares", "", ()
    fits = 0

    def build(self, **_):
        Shares.fits += 1
        return type("Model", (), {})()

    def fit(self, model, X, y):
        model.classes_ = np.unique(y)

        def predict_proba(rows):
            same = np.asarray(rows)[:, :1] == X[:, 0]
            counts = same @ (y[:, None] == model.classes_) + 1.0
            return counts / counts.sum(axis=1, keepdims=True)

        model.predict_proba = predict_proba
        return model


class Parzen:
    """Parzen windows, for which Chapelle (2005, Active learning for Parzen window classifier) reduces the expected error."""

    label, help, parameters = "Parzen", "", ()

    def build(self, **_):
        return type("Model", (), {})()

    def fit(self, model, X, y):
        model.classes_ = np.unique(y)
        codes = (y[:, None] == model.classes_).astype(float)

        def predict_proba(rows):
            windows = np.exp(-2 * ((np.asarray(rows)[:, None] - X) ** 2).sum(axis=2)) @ codes + 0.1 / codes.shape[1]
            return windows / windows.sum(axis=1, keepdims=True)

        model.predict_proba = predict_proba
        return model


def groups(*sizes, n_labeled=2):
    """Items of groups of these sizes, none labelled; one more group with one label of each of two classes."""
    group = np.repeat(np.arange(len(sizes) + 1.0), [*sizes, n_labeled])
    X = np.stack([group, np.arange(len(group))], axis=1)  # no two are equal
    candidates = np.arange(sum(sizes))
    return engine.Context(
        X=X,
        labeled=np.arange(sum(sizes), len(X)),
        y=np.arange(n_labeled) % 2,
        candidates=candidates,
        proba=np.full((len(candidates), 2), 0.5),
        model="shares",
        learner={"name": "shares"},
        n_classes=2,
        rng=np.random.default_rng(0),
    )


def test_by_hand():
    """An answer brings its group from 1/2 to 2/3: of three items and one, that of the three removes more of the doubt."""
    with engine.learners.temporarily("shares", Shares):
        scores = reduction(groups(3, 1), loss="zero_one")
        best = engine.select({"name": STRATEGY, "loss": "zero_one"}, groups(3, 1), 1).positions[0]
    assert scores == pytest.approx([-(3 / 3 + 1 / 2) / 4] * 3 + [-(3 / 2 + 1 / 3) / 4])
    assert best in (0, 1, 2)


def test_by_hand_with_the_log_loss():
    with engine.learners.temporarily("shares", Shares):
        scores = reduction(groups(3, 1))
    known = np.log(3) - np.log(4) / 3  # entropy of (2/3, 1/3)
    assert -scores == pytest.approx([(3 * known + np.log(2)) / 4] * 3 + [(3 * np.log(2) + known) / 4])


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_equals_the_algorithm_written_out(as_sparse, loss):
    context = make_context(n=24, n_labeled=8, as_sparse=as_sparse, seed=1)
    X = context.X.toarray() if as_sparse else context.X
    X = X.astype(np.float64)
    expected = []
    for position, p in zip(context.candidates, context.proba, strict=True):
        weights = np.where(p > 0.01, p, 0)
        after = []
        for answer in range(3):
            model = LogisticRegression(C=10, solver="newton-cholesky", tol=1e-10)
            model.fit(X[np.append(context.labeled, position)], np.append(context.y, answer))
            after.append(LOSSES[loss](model.predict_proba(X[context.candidates])))
        expected.append(-(weights / weights.sum()) @ after)
    assert reduction(context, loss=loss) == pytest.approx(expected, abs=1e-4)


@given(n_classes=st.integers(2, 12), concentration=st.sampled_from([0.02, 0.3, 5]), seed=st.integers(0, 1000))
def test_the_answers_tried_are_the_likely_ones(n_classes, concentration, seed):
    p = np.random.default_rng(seed).dirichlet(np.full(n_classes, concentration) + 1e-3)
    answers, weights = likely_answers(p)
    assert 1 <= len(answers) <= 5 and answers[0] == p.argmax()
    assert weights.sum() == pytest.approx(1) and np.all(np.diff(weights) <= 0)
    left_out = np.delete(p, answers)
    assert np.all((left_out <= 0.01) | ((left_out <= p[answers].min()) & (len(answers) == 5)))


@pytest.mark.parametrize(("size", "beyond"), [(1, 0), (3, 4), (9, 0), (30, 5)])
def test_no_more_trainings_than_promised(size, beyond):
    """Seven candidates with two likely answers, and one training of what is labelled; whatever the batch."""
    with engine.learners.temporarily("shares", Shares):
        Shares.fits = 0
        selection = engine.select({"name": STRATEGY, "candidates": 7}, groups(20, 15, 5), size, beyond=beyond)
        assert Shares.fits == 7 * 2 + 1
    assert len(set(selection.positions.tolist())) == size + beyond
    scored = ~np.isnan(selection.scores)
    assert scored[: min(7, size + beyond)].all() and not scored[7:].any()


@pytest.mark.parametrize("as_sparse", [False, True])
def test_equal_items_are_tried_once_and_none_of_them_is_preferred(as_sparse):
    """To the last bit: rounding must not decide among texts that repeat."""
    context = make_context(n=40, n_labeled=8, n_pending=0)
    X = context.X.copy()
    X[context.candidates] = X[context.candidates[np.arange(32) % 4]]
    context = replace(context, X=sparse.csr_matrix(X) if as_sparse else X, derived=None)
    proba = engine.predict(context.model, context.X, context.candidates, 3)
    scores = reduction(replace(context, proba=proba))
    assert len(np.unique(scores)) == 4 and np.array_equal(scores, np.tile(scores[:4], 8))


def test_repeats_cost_nothing():
    context = groups(3, 3)
    context.X[:, 1] = 0
    with engine.learners.temporarily("shares", Shares):
        Shares.fits = 0
        reduction(context)
        assert Shares.fits == 2 * 2 + 1


def test_the_ranking_beyond_the_items_tried_begins_with_the_batch():
    with engine.learners.temporarily("shares", Shares):
        for size in (2, 7, 12):
            short = engine.select({"name": STRATEGY, "candidates": 7}, groups(20, 15, 5), size).positions.tolist()
            long = engine.select({"name": STRATEGY, "candidates": 7}, groups(20, 15, 5), size, beyond=9).positions.tolist()
            assert long[:size] == short


def test_any_item_may_be_tried():
    tried = set()
    with engine.learners.temporarily("shares", Shares):
        for seed in range(25):
            context = replace(groups(10, 10), rng=np.random.default_rng(seed))
            tried |= set(engine.select({"name": STRATEGY, "candidates": 3}, context, 3).positions.tolist())
    assert len(tried) > 15


def test_items_to_judge_by_are_drawn_from_the_whole_pool_not_from_those_tried():
    """One item is tried, so what else would be left in doubt must come from the others."""
    with engine.learners.temporarily("shares", Shares):
        context = replace(groups(1, 39), candidates=np.arange(40))
        score = engine.select({"name": STRATEGY, "candidates": 1, "loss": "zero_one"}, context, 1).scores[0]
    # The one group has an item or 39: what is left is either a third of nearly all or a half of nearly all.
    assert -score == pytest.approx((39 / 3 + 1 / 2) / 40) or -score == pytest.approx((39 / 2 + 1 / 3) / 40)


def test_beats_random_where_classes_are_spread_over_several_groups():
    """Nine groups like the squares of a chess board, with the learner of Chapelle (2005)."""
    centers = [(3 * i, 3 * j) for i in range(3) for j in range(3)]
    X, group = make_blobs(400, centers=centers, cluster_std=0.6, random_state=0)
    task = {"n_seeds": 8, "batch_size": 1, "seed_size": 4, "max_labels": 14, "learner": "parzen"}
    with engine.learners.temporarily("parzen", Parzen):
        assert wins(gains(X, group % 2, STRATEGY, candidates=30, evaluation=100, **task))
