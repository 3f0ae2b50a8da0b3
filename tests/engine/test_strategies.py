"""The contract that every registered strategy keeps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import engine
from learning.engine import Context, EmptyPool, EngineError
from learning.engine.strategies.batch_modes import MODES
from learning.engine.strategies.scored import ScoredStrategy
from tests.engine.contexts import frozen, make_context

ALL = engine.strategies.names()
SCORED = [cls.name for cls in engine.strategies if issubclass(cls, ScoredStrategy)]
MODEL_FREE = [cls.name for cls in engine.strategies if not cls.needs & {"proba", "model", "learner"}]

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


def usable(name: str, context: Context) -> bool:
    """A strategy that needs a model has none before two classes are labelled; then the loop takes another one."""
    return context.model is not None or name in MODEL_FREE


def check(selection: engine.Selection, context: Context, wanted: int) -> None:
    assert len(selection) == min(wanted, len(context.candidates))
    assert selection.positions.dtype == np.int64
    assert len(set(selection.positions.tolist())) == len(selection)
    assert np.isin(selection.positions, context.candidates).all()
    assert not selection.is_random.any()
    if selection.scores is not None:
        assert selection.scores.shape == selection.positions.shape
    if selection.probability is not None:
        known = selection.probability[~np.isnan(selection.probability)]
        assert np.all((known > 0) & (known <= 1))


@pytest.mark.parametrize("name", ALL)
@given(shape=contexts, batch_size=st.integers(1, 50), beyond=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_contract(name, shape, batch_size, beyond):
    context = make_context(**shape)
    if not usable(name, context):
        return
    before = frozen(context)
    selection = engine.select({"name": name}, context, batch_size, beyond=beyond)
    check(selection, context, batch_size + beyond)
    assert frozen(context) == before
    again = engine.select({"name": name}, make_context(**shape), batch_size, beyond=beyond)
    assert np.array_equal(selection.positions, again.positions)


@pytest.mark.parametrize("mode", MODES)
@given(
    shape=contexts, batch_size=st.integers(1, 50), beyond=st.integers(0, 5), balance=st.booleans(), subsample=st.integers(0, 9)
)
@settings(max_examples=15, deadline=None)
def test_contract_of_the_batch_modes(mode, shape, batch_size, beyond, balance, subsample):
    context = make_context(**shape)
    if context.model is None:
        return
    given_settings = {"name": "margin", "batch_mode": mode, "balance": balance, "subsample": subsample}
    selection = engine.select(given_settings, context, batch_size, beyond=beyond)
    check(selection, context, batch_size + beyond)
    again = engine.select(given_settings, make_context(**shape), batch_size, beyond=beyond)
    assert np.array_equal(selection.positions, again.positions)


@pytest.mark.parametrize("name", ALL)
def test_a_longer_ranking_begins_with_the_batch(name):
    """What people go on with while the learner trains must not change what the learner asks."""
    short = engine.select({"name": name}, make_context(n=40), 6)
    long = engine.select({"name": name}, make_context(n=40), 6, beyond=7)
    assert len(long) == 13 and long.positions[:6].tolist() == short.positions.tolist()


@pytest.mark.parametrize("name", ALL)
def test_ties_are_broken_at_random(name):
    context = make_context(duplicates=True)
    context.proba[:] = 1 / 3
    picks = {
        engine.select({"name": name}, replace(context, rng=np.random.default_rng(seed), memo={}), 1).positions[0]
        for seed in range(30)
    }
    assert len(picks) > 5


@pytest.mark.parametrize("name", ALL)
def test_pools_of_one(name):
    context = make_context(n=9)
    assert len(context.candidates) == 1
    assert engine.select({"name": name}, context, 5, beyond=3).positions.tolist() == context.candidates.tolist()


@pytest.mark.parametrize("name", ALL)
def test_an_empty_pool_is_said(name):
    context = make_context(n=8)
    assert len(context.candidates) == 0
    with pytest.raises(EmptyPool):
        engine.strategies.get(name)().select(context, 1)
    assert len(engine.select({"name": name}, context, 5)) == 0


@pytest.mark.parametrize("name", ALL)
def test_a_missing_model_is_said_by_those_that_need_one(name):
    context = replace(make_context(), proba=None, model=None)
    if name in MODEL_FREE:
        assert len(engine.select({"name": name}, context, 2)) == 2
    else:
        with pytest.raises(EngineError, match="needs a trained model"):
            engine.select({"name": name}, context, 1)


@pytest.mark.parametrize("name", ALL)
def test_a_class_that_nobody_labeled_changes_nothing(name):
    """Unseen classes have probability zero: they are there, and no strategy stumbles over them."""
    context = make_context(n_classes=7, seen=2)
    check(engine.select({"name": name}, context, 6), context, 6)


@pytest.mark.parametrize("name", ALL)
def test_works_on_a_memory_map_that_must_not_be_written(name):
    context = make_context()
    context.X.flags.writeable = False
    check(engine.select({"name": name}, context, 4), context, 4)


@pytest.mark.parametrize("name", ALL)
def test_says_what_it_is(name):
    cls = engine.strategies.get(name)
    assert cls.reference and cls.cost and cls.help and cls.__doc__
    assert cls.needs <= {"proba", "features", "model", "learner"} and isinstance(cls.batch_aware, bool)


@pytest.mark.parametrize("name", [name for name in ALL if name != "random"])
def test_a_subsample_is_all_that_a_strategy_looks_at(name):
    context = make_context(n=40)
    seen = {
        position
        for seed in range(5)
        for position in engine.select(
            {"name": name, "subsample": 3}, replace(context, rng=np.random.default_rng(seed), memo={}), 3
        ).positions.tolist()
    }
    assert len(seen) > 3  # three random ones are looked at, and all three are taken: another three each time


def test_with_two_classes_uncertainty_strategies_choose_the_same():
    for mode in ("top", "rank", "ranked", "diverse"):
        picks = [
            engine.select({"name": name, "batch_mode": mode}, make_context(n_classes=2, seen=2), 5).positions.tolist()
            for name in ("margin", "least_confidence", "entropy", "ratio")
        ]
        assert picks[0] == picks[1] or mode == "ranked"  # ranked adds the score itself, which differs
        if mode in ("top", "rank"):
            assert picks[0] == picks[1] == picks[2] == picks[3]


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
        assert engine.select({"name": "first"}, context, 3, beyond=2).positions.tolist() == context.candidates[:5].tolist()


def test_balance_asks_more_of_what_is_predicted_to_be_rare():
    context = make_context(n=40, n_labeled=20)
    labeled_as_first = replace(context, y=np.zeros(20, dtype=np.int64))
    batch = engine.select({"name": "margin", "balance": True}, labeled_as_first, 6)
    predicted = context.proba.argmax(axis=1)[np.searchsorted(context.candidates, batch.positions)]
    assert 0 not in predicted
