"""The contract that every registered strategy keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from learning import engine
from learning.engine import Context, EmptyPool, EngineError

ALL = engine.strategies.names()


def make_context(*, n=30, n_labeled=6, n_pending=2, n_classes=3, seen=3, as_sparse=False, seed=0, duplicates=False) -> Context:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 4)) * (rng.random((n, 4)) < 0.7)
    if duplicates:
        X[:] = X[0]
    order = rng.permutation(n)
    labeled, pending = order[:n_labeled], order[n_labeled : n_labeled + n_pending]
    candidates = np.sort(order[n_labeled + n_pending :])
    proba = np.zeros((len(candidates), n_classes))
    proba[:, :seen] = rng.dirichlet(np.ones(seen), size=len(candidates)) if seen > 1 else 1.0
    return Context(
        X=sparse.csr_matrix(X.astype(np.float32)) if as_sparse else X,
        labeled=labeled,
        y=rng.integers(seen, size=n_labeled),
        candidates=candidates,
        pending=pending,
        proba=proba,
        model=object(),
        n_classes=n_classes,
        rng=np.random.default_rng(seed + 1),
    )


def frozen(context: Context) -> list[bytes]:
    X = context.X.toarray() if sparse.issparse(context.X) else context.X
    return [
        np.ascontiguousarray(a).tobytes()
        for a in (X, context.labeled, context.y, context.candidates, context.pending, context.proba)
    ]


contexts = st.fixed_dictionaries(
    {
        "n": st.integers(9, 40),
        "n_labeled": st.integers(0, 6),
        "n_pending": st.integers(0, 2),
        "seen": st.integers(1, 3),
        "as_sparse": st.booleans(),
        "seed": st.integers(0, 1000),
        "duplicates": st.booleans(),
    }
)


@pytest.mark.parametrize("name", ALL)
@given(shape=contexts, batch_size=st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_contract(name, shape, batch_size):
    context = make_context(**shape)
    before = frozen(context)
    selection = engine.select({"name": name}, context, batch_size)

    assert len(selection) == min(batch_size, len(context.candidates))
    assert selection.positions.dtype == np.int64
    assert len(set(selection.positions.tolist())) == len(selection)
    assert np.isin(selection.positions, context.candidates).all()
    assert not selection.is_random.any()
    if selection.scores is not None:
        assert selection.scores.shape == selection.positions.shape
        assert np.all(np.diff(selection.scores) <= 1e-5)
    assert frozen(context) == before
    again = engine.select({"name": name}, make_context(**shape), batch_size)
    assert np.array_equal(selection.positions, again.positions)


@pytest.mark.parametrize("name", ALL)
def test_ties_are_broken_at_random(name):
    context = make_context(duplicates=True)
    context.proba[:] = 1 / 3
    picks = {
        engine.select({"name": name}, Context(**vars(context) | {"rng": np.random.default_rng(seed)}), 1).positions[0]
        for seed in range(30)
    }
    assert len(picks) > 5


@pytest.mark.parametrize("name", ALL)
def test_an_empty_pool_is_said(name):
    context = make_context(n=8)
    assert len(context.candidates) == 0
    with pytest.raises(EmptyPool):
        engine.strategies.get(name)().select(context, 1)
    assert len(engine.select({"name": name}, context, 5)) == 0


@pytest.mark.parametrize("name", ALL)
def test_a_missing_model_is_said_by_those_that_need_one(name):
    context = Context(**vars(make_context()) | {"proba": None, "model": None})
    if engine.strategies.get(name).needs & {"proba", "model"}:
        with pytest.raises(EngineError, match="needs a trained model"):
            engine.select({"name": name}, context, 1)
    else:
        assert len(engine.select({"name": name}, context, 2)) == 2


@pytest.mark.parametrize("name", ALL)
def test_says_what_it_is(name):
    cls = engine.strategies.get(name)
    assert cls.reference and cls.cost and cls.__doc__
    assert cls.needs <= {"proba", "features", "model"} and isinstance(cls.batch_aware, bool)


def test_with_two_classes_uncertainty_strategies_choose_the_same():
    context = make_context(n_classes=2, seen=2)
    picks = [engine.select({"name": name}, context, 5).positions.tolist() for name in ("margin", "least_confidence", "entropy")]
    assert picks[0] == picks[1] == picks[2]


def test_random_draws_carry_their_probability():
    selection = engine.select({"name": "random"}, make_context(n=12), 3)
    assert selection.probability == pytest.approx([1 / 4, 1 / 3, 1 / 2])


def test_a_strategy_of_the_user_takes_part():
    class First:
        label, help, needs = "First", "The first ones.", frozenset()

        def select(self, context, batch_size):
            return engine.Selection(context.candidates[:batch_size])

    with engine.strategies.temporarily("first", First):
        context = make_context()
        assert engine.select({"name": "first"}, context, 3).positions.tolist() == context.candidates[:3].tolist()
