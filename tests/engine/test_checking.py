"""The contract of strategies, held against classes that break it, one rule each."""

import time

import numpy as np
import pytest

from learning import engine
from learning.engine import EngineError, Parameter, Selection
from learning.engine.strategies import Strategy
from learning.engine.strategies.checking import (
    FAILED,
    NOTE,
    OK,
    SKIPPED,
    Timing,
    duration,
    examine,
    growth,
    small_context,
    time_at,
)
from learning.engine.strategies.contract import StrategyFault
from learning.engine.strategies.scored import ScoredStrategy


class Good:
    """Breaks no rule; the others change one thing of it."""

    label, help, needs = "Good", "Draws at random.", frozenset()

    def select(self, context, batch_size):
        size = min(batch_size, len(context.candidates))
        return context.rng.choice(context.candidates, size=size, replace=False)


class Raises(Good):
    def select(self, context, batch_size):
        return context.candidates[:batch_size] + context.nothing


class NeedsModelSecretly(Good):
    def select(self, context, batch_size):
        return context.candidates[np.argsort(context.proba.max(axis=1))[:batch_size]]


class DenseOnly(Good):
    def select(self, context, batch_size):
        lengths = np.linalg.norm(context.X[context.candidates], axis=1)
        return context.candidates[np.argsort(lengths)[:batch_size]]


class Twice(Good):
    def select(self, context, batch_size):
        return np.repeat(context.candidates[:1], min(batch_size, len(context.candidates)))


class Indices(Good):
    def select(self, context, batch_size):
        return np.arange(min(batch_size, len(context.candidates)))


class AsksLabeled(Good):
    def select(self, context, batch_size):
        return np.concatenate([context.labeled, context.candidates])[: min(batch_size, len(context.candidates))]


class TooFew(Good):
    def select(self, context, batch_size):
        return super().select(context, batch_size)[:2]


class Always5(Good):
    def select(self, context, batch_size):
        return context.rng.choice(context.candidates, size=batch_size, replace=False)


class Floats(Good):
    def select(self, context, batch_size):
        return super().select(context, batch_size) + 0.5


class Mask(Good):
    def select(self, context, batch_size):
        return np.arange(len(context.candidates)) < batch_size


class Nothing(Good):
    def select(self, context, batch_size):
        super().select(context, batch_size)


class WritesFeatures(Good):
    def select(self, context, batch_size):
        context.X *= 2
        return super().select(context, batch_size)


class WritesCandidates(Good):
    def select(self, context, batch_size):
        context.rng.shuffle(context.candidates)
        return context.candidates[:batch_size]


class WritesEmbedding(Good):
    def select(self, context, batch_size):
        context.derived.embedding[0] = 0
        return super().select(context, batch_size)


class TrainsTheModel(Good):
    needs = frozenset({"model"})

    def select(self, context, batch_size):
        context.model.fit(context.X[context.candidates], np.arange(len(context.candidates)) % 2)
        return super().select(context, batch_size)


class GlobalChance(Good):
    def select(self, context, batch_size):
        return np.random.permutation(context.candidates)[:batch_size]


class Remembers(Good):
    calls = 0

    def select(self, context, batch_size):
        type(self).calls += 1
        return np.roll(context.candidates, type(self).calls)[:batch_size]


class LeansOnTheCache(Good):
    def select(self, context, batch_size):
        seen = context.cache.setdefault("seen", len(context.labeled))
        return np.roll(context.candidates, seen)[:batch_size]


class NaNScores(ScoredStrategy):
    label, help, needs = "NaN", "Divides by zero.", frozenset({"proba"})

    def scores(self, context):
        return np.full(len(context.candidates), np.nan)


class ScoresOfAll(Good):
    def select(self, context, batch_size):
        return Selection(context.candidates[:batch_size], scores=np.ones(context.X.shape[0]))


class FirstOnes(Good):
    def select(self, context, batch_size):
        return context.candidates[:batch_size]


class BreaksAtZero(Good):
    parameters = (Parameter("width", "int", 3, minimum=0, maximum=5, label="Width", help="Of something."),)

    def __init__(self, width=3):
        self.width = width

    def select(self, context, batch_size):
        return context.rng.permutation(context.candidates)[: batch_size * (6 // self.width) // (6 // self.width)]


class NoSelect:
    label, help = "None", "Has no method."


class BadNeeds(Good):
    needs = {"probabilities"}


def found(cls) -> dict[str, tuple[str, str]]:
    return {finding.name: (finding.state, finding.text) for finding in examine(cls)}


@pytest.mark.parametrize("name", engine.strategies.names())
def test_every_built_in_strategy_passes(name):
    wrong = [finding for finding in examine(engine.strategies.get(name)) if finding.state != OK]
    assert not wrong


def test_a_class_of_the_engine_is_held_to_the_rules_like_any_other():
    cls = type("Twice", (Twice,), {"__module__": "learning.engine.strategies.uniform"})
    assert found(cls)["Returns every position once"][0] == FAILED


def test_what_breaks_no_rule_passes():
    assert {state for state, _ in found(Good).values()} == {OK}


@pytest.mark.parametrize(
    ("cls", "name", "words"),
    [
        (Raises, "Dense features", r"failed at test_checking.py, line \d+, in select: .*nothing.*AttributeError"),
        (NeedsModelSecretly, "Labels of one class only: no model", r"needs = frozenset"),
        (DenseOnly, "Sparse features", r"test_checking.py, line \d+, in select: lengths = "),
        (Twice, "Returns every position once", r"5 times"),
        (Indices, "Returns candidates only", r"context\.candidates\[i\]"),
        (AsksLabeled, "Returns candidates only", r"labelled already"),
        (TooFew, "Returns as many positions as asked", r"returned 2 positions where 5 had to come"),
        (Always5, "A batch larger than the pool: everything, once", r"larger sample than population"),
        (Floats, "Returns whole numbers", r"\.5.* whole numbers"),
        (Mask, "Returns whole numbers", r"True and False"),
        (Nothing, "Returns whole numbers", r"does `select` end with `return`"),
        (WritesFeatures, "Leaves its inputs unchanged", r"test_checking.py, line \d+, in select: context\.X \*= 2"),
        (WritesCandidates, "Leaves its inputs unchanged", r"take a copy first"),
        (WritesEmbedding, "Leaves its inputs unchanged", r"embedding\[0\] = 0"),
        (TrainsTheModel, "Leaves its inputs unchanged", r"changed the trained model"),
        (GlobalChance, "Same seed, same batch", r"context\.rng"),
        (Remembers, "Same seed, same batch", r"and then"),
        (LeansOnTheCache, "The same without its cache", r"A restart loses the cache"),
        (NaNScores, "Scores and probabilities fit the positions", r"NaN"),
        (ScoresOfAll, "Scores and probabilities fit the positions", r"scores of shape \(20,\) where \(5,\) fits"),
        (BreaksAtZero, "The ends and choices of its settings", r"width = 0 it failed at test_checking.py, .*ZeroDivisionError"),
        (NoSelect, "Can stand in the form", r"no method `select`"),
        (BadNeeds, "Can stand in the form", r"`needs` must be a frozenset of 'features', 'learner', 'model', 'proba'"),
    ],
)
def test_a_broken_rule_is_named_with_the_reason(cls, name, words):
    import re

    state, text = found(cls)[name]
    assert state == FAILED and re.search(words, text), text


def test_one_mistake_does_not_fail_the_other_rules():
    states = found(DenseOnly)
    assert [name for name, (state, _) in states.items() if state == FAILED] == ["Sparse features"]
    states = found(Indices)
    assert states["Returns candidates only"][0] == FAILED
    assert states["Returns every position once"] == states["Returns as many positions as asked"] == (OK, "")


def test_what_never_answers_is_not_called_right():
    states = found(Raises)
    assert states["Returns candidates only"][0] == SKIPPED
    assert states["Same seed, same batch"][0] == SKIPPED


def test_the_order_of_the_file_deciding_is_a_note_and_no_failure():
    states = found(FirstOnes)
    assert states["Ties are broken at random"][0] == NOTE
    assert FAILED not in {state for state, _ in states.values()}


def test_the_global_generators_are_left_as_they_were():
    np.random.seed(7)
    expected = np.random.RandomState(7).random(3)
    found(GlobalChance)
    np.random.seed(7)
    list(examine(Good))
    assert np.random.random(3).tolist() == expected.tolist()


# --- In a run


def select(cls, context=None, size=5, beyond=0, **settings):
    with engine.strategies.temporarily("mine", cls):
        return engine.select({"name": "mine", **settings}, context or small_context(), size, beyond=beyond)


@pytest.mark.parametrize(
    "cls", [Raises, Twice, Indices, AsksLabeled, TooFew, Floats, Mask, Nothing, WritesFeatures, WritesCandidates, TrainsTheModel]
)
def test_a_run_with_a_broken_strategy_ends_in_a_sentence_that_names_it(cls):
    with pytest.raises(EngineError, match=r"^The strategy .* \(mine\) \w+"):
        select(cls)


def test_the_error_of_the_plug_in_is_kept_with_its_traceback():
    with pytest.raises(StrategyFault) as caught:
        select(Raises)
    assert isinstance(caught.value.__cause__, AttributeError)
    assert str(caught.value).endswith("AttributeError: 'Context' object has no attribute 'nothing'.")


def test_nothing_that_a_broken_strategy_wrote_to_has_changed():
    context = small_context()
    before = [context.X.copy(), context.candidates.copy(), context.derived.embedding.copy()]
    for cls in (WritesFeatures, WritesCandidates, WritesEmbedding):
        with pytest.raises(StrategyFault, match="writes to what it was given"):
            select(cls, context)
    for now, then in zip([context.X, context.candidates, context.derived.embedding], before, strict=True):
        assert np.array_equal(now, then) and now.flags.writeable


def test_what_is_derived_from_sparse_features_cannot_be_written_to_either():
    context = small_context(as_sparse=True)
    before = context.derived.embedding.copy()
    with pytest.raises(StrategyFault, match="writes to what it was given"):
        select(WritesEmbedding, context)
    assert np.array_equal(context.derived.embedding, before)


def test_at_the_end_of_the_pool_a_run_asks_for_no_more_than_there_is():
    assert len(select(Always5, small_context(n=11), size=5)) == 3


def test_a_batch_of_a_plug_in_does_not_hang_on_what_follows_it():
    """People who go on while the learner trains must not change what an analysis of the same strategy would have asked."""

    class Spread(Good):
        def select(self, context, batch_size):
            return context.candidates[np.linspace(0, len(context.candidates) - 1, batch_size).astype(int)]

    alone, longer = select(Spread, size=4), select(Spread, size=4, beyond=5)
    assert longer.positions[:4].tolist() == alone.positions.tolist()
    assert len(set(longer.positions.tolist())) == 9
    assert len(select(Spread, size=10, beyond=50)) == 12  # all there are


def test_a_plug_in_with_the_base_class_is_held_to_the_contract_too():
    class Short(Strategy):
        label, help = "Short", "Gives one item."

        def _select(self, context, size):
            return Selection(context.candidates[:1])

    with pytest.raises(StrategyFault, match=r"returned 1 position where 7 had to come"):
        select(Short, size=5, beyond=2)


# --- How its time grows


def timings(*seconds):
    return [Timing(size, s, s) for size, s in zip((1_000, 10_000, 100_000), seconds, strict=False)]


def test_growth_is_told_in_words_with_what_a_large_pool_would_cost():
    p, words = growth(timings(0.01, 0.1, 1.0))
    assert p == pytest.approx(1)
    assert words == "Linear (candidates to the power of 1.0): a pool of 1,000,000 would take about 10 s per round."
    p, words = growth(timings(0.01, 1.08, 108.0))
    assert p == pytest.approx(2)
    assert words == "Quadratic (candidates to the power of 2.0): a pool of 1,000,000 would take about 3 hours per round."
    assert growth(timings(0.01, 1.0, 1.01))[1].startswith("Hardly grows")  # it looks at a part of the pool
    assert growth(timings(0.001, 1.0))[1].startswith("Worse than quadratic")
    assert "about 2.5 s" in growth(timings(0.01, 0.08, 0.25))[1]  # power 0.5 of costs that do not grow: counted as linear


def test_a_size_that_was_stopped_counts_as_a_lower_bound():
    stopped = Timing(10_000, 30.0, problem="more than 30 s: stopped", over_limit=True)
    p, words = growth([*timings(0.3), stopped])
    assert p == pytest.approx(2) and words.endswith("or worse: a pool of 1,000,000 would take more than 3 days per round.")
    assert growth([stopped])[0] is None
    late = Timing(100_000, 30.0, problem="more than 30 s: stopped", over_limit=True)
    assert growth([*timings(0.1, 10.0), late])[1].startswith(
        "Quadratic (candidates to the power of 2.0) or worse"
    )  # as the sizes before it say


def test_durations_are_short():
    assert [duration(s) for s in (0.0123, 3.21, 59, 101, 240, 10_800, 1e6)] == [
        "0.012 s", "3.2 s", "59 s", "101 s", "4 minutes", "3 hours", "12 days"
    ]  # fmt: skip


def test_a_strategy_that_takes_too_long_or_breaks_is_stopped_and_said():
    class Sleeps(Good):
        def select(self, context, batch_size):
            time.sleep(60)

    class Huge(Good):
        def select(self, context, batch_size):
            np.zeros((1 << 20, 1 << 20), dtype=np.int8)[:] = 1

    slow = time_at(Sleeps, 300, limit=0.2)
    assert slow.over_limit and slow.problem == "more than 0.2 s: stopped"
    huge, raising = time_at(Huge, 300, limit=20), time_at(Raises, 300, limit=20)
    assert "memory" in huge.problem and not huge.is_fault and not huge.over_limit
    assert "test_checking.py, line" in raising.problem and raising.is_fault
    fine = time_at(Good, 300, limit=20)
    assert not fine.problem and fine.first > 0 and fine.later > 0
