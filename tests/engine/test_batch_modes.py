"""From scores to batches, each mode by its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.engine import Context
from learning.engine.strategies.base import even_out
from learning.engine.strategies.batch_modes import (
    diverse,
    gumbel_top,
    pick,
    positive,
    ranks,
    round_robin,
    sequential_probability,
    top,
)


def context_of(X: np.ndarray, n_labeled: int = 0, seed: int = 0) -> Context:
    n = len(X)
    return Context(
        X=X,
        labeled=np.arange(n_labeled),
        y=np.zeros(n_labeled, dtype=int),
        candidates=np.arange(n_labeled, n),
        rng=np.random.default_rng(seed),
    )


@pytest.mark.parametrize(
    ("mode", "weight"), [("rank", [1, 1 / 2, 1 / 3, 1 / 4]), ("power", [4, 3, 2, 1]), ("softmax", np.exp([4, 3, 2, 1]))]
)
def test_the_stochastic_modes_draw_in_proportion_to_their_weights(mode, weight):
    """Kirsch et al. (2023), section 4: p ~ 1 / rank, p ~ score, p ~ exp(score)."""
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    context, first = context_of(np.zeros((4, 1))), np.zeros(4)
    for _ in range(6000):
        picks = pick(mode, scores, 1, context, beta=1.0, prefilter=10, lowest=0.0)
        first[picks.indices[0]] += 1
    expected = np.asarray(weight) / np.sum(weight)
    assert first / 6000 == pytest.approx(expected, abs=5 * 0.5 / np.sqrt(6000))
    assert picks.probability[0] == pytest.approx(expected[picks.indices[0]])


def test_beta_sharpens_and_zero_is_uniform():
    scores, context = np.array([3.0, 2.0, 1.0]), context_of(np.zeros((3, 1)))
    assert pick("power", scores, 1, context, beta=0.0, prefilter=1, lowest=0.0).probability == pytest.approx([1 / 3])
    assert pick("rank", scores, 3, context, beta=200.0, prefilter=1, lowest=0.0).indices.tolist() == [0, 1, 2]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12), st.integers(0, 10_000))
def test_the_probabilities_of_a_whole_draw_are_those_of_drawing_one_by_one(weights, seed):
    weights = np.array(weights)
    picks = gumbel_top(np.log(weights), len(weights), np.random.default_rng(seed))
    probability, left = sequential_probability(weights, picks), weights.sum()
    for place, chance in zip(picks, probability, strict=True):
        assert chance == pytest.approx(weights[place] / left, rel=1e-6)
        left -= weights[place]
    assert probability[-1] == pytest.approx(1)


def test_what_left_before_is_not_among_those_that_were_left():
    weights = np.array([4.0, 2.0, 1.0, 1.0])
    assert sequential_probability(weights, np.array([1, 2]), gone=np.array([0])) == pytest.approx([0.5, 0.5])


def test_a_shorter_draw_is_the_beginning_of_a_longer_one():
    keys = np.log(np.random.default_rng(0).random(100))
    long, short = (gumbel_top(keys, size, np.random.default_rng(1)) for size in (40, 7))
    assert long[:7].tolist() == short.tolist()


def test_equal_scores_have_random_ranks():
    first = {int(np.argmin(ranks(np.array([1.0, 1.0, 0.0]), np.random.default_rng(seed)))) for seed in range(30)}
    assert first == {0, 1}
    assert sorted(ranks(np.zeros(5), np.random.default_rng(0))) == [1, 2, 3, 4, 5]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30), st.integers(1, 30))
def test_no_score_is_too_odd(scores, size):
    context = context_of(np.random.default_rng(0).random((len(scores), 2)))
    size = min(size, len(scores))
    for mode in ("top", "rank", "power", "softmax", "diverse", "ranked"):
        chosen = pick(mode, np.array(scores), size, context, beta=1.0, prefilter=10, lowest=None).indices
        assert len(set(chosen.tolist())) == size


def test_positive_counts_from_the_least_possible():
    assert positive(np.array([-1.0, -0.5, 0.0]), -1.0) == pytest.approx([0, 0.5, 1], abs=1e-8)
    assert (positive(np.array([0.0, 0.0]), 0.0) == 1).all()


def test_diverse_takes_one_of_each_cluster():
    """Three clumps: the best of scores alone would all come from the first (Zhdanov 2019)."""
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0, 0], [10, 0], [0, 10]], 10, axis=0) + rng.normal(scale=0.1, size=(30, 2))
    scores = np.repeat([3.0, 2.0, 1.0], 10) + rng.random(30) * 0.1
    context = context_of(X.astype(np.float32))
    assert set(top(scores, 3, rng) // 10) == {0}
    chosen = pick("diverse", scores, 3, context, beta=1.0, prefilter=10, lowest=0.0).indices
    assert set(chosen // 10) == {0, 1, 2} and (np.diff(scores[chosen]) <= 0).all()


def test_diverse_with_equal_rows_still_fills_the_batch():
    context = context_of(np.zeros((10, 2), dtype=np.float32))
    assert len(set(diverse(np.arange(1.0, 11.0), 4, context, np.arange(10)).tolist())) == 4


def test_ranked_by_hand():
    """Cardoso et al. (2017): alpha (1 - similarity) + (1 - alpha) uncertainty, alpha = 3 / 4, similarity 1 / (1 + distance)."""
    X = np.array([[0.0], [1.0], [1.0], [9.0]])
    context = context_of(X, n_labeled=1)
    picks = pick("ranked", np.array([1.0, 0.5, 0.0]), 3, context, beta=1.0, prefilter=10, lowest=0.0).indices
    # 1: .75 * .5 + .25 * 1 = .625; 2: .5; 3: .75 * .9 + 0 = .675. Then 1 again before 2, whose twin it is.
    assert picks.tolist() == [2, 0, 1]


def test_clusters_take_turns_small_ones_first():
    """Citovsky et al. (2021): round robin from the smallest cluster to the largest."""
    clusters = np.array([7, 7, 7, 5, 7, 5, 9])
    assert round_robin(clusters, 7).tolist() == [6, 3, 0, 5, 1, 2, 4]
    assert round_robin(clusters, 2).tolist() == [6, 3]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8),
    st.integers(0, 300),
)
def test_even_out_fills_from_below(pairs, size):
    counts, available = np.array(pairs).T
    quotas = even_out(counts, available, size)
    assert (quotas >= 0).all() and (quotas <= available).all() and quotas.sum() == min(size, available.sum())
    grown = counts + quotas
    for i in np.flatnonzero(quotas):  # nobody was raised above one who could still have grown
        assert all(grown[i] <= grown[j] + 1 for j in np.flatnonzero(quotas < available))
