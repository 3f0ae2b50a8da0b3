"""A whole learning curve from arrays, with the known labels as oracle: for analyses, notebooks, benchmarks and tests."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from learning.engine import loop
from learning.engine.blocks import Matrix
from learning.engine.derived import Derived
from learning.engine.metrics import evaluate
from learning.engine.randomness import generator, integer_seed
from learning.engine.splits import draw_seed
from learning.engine.strategies import Context
from learning.engine.warm_up import strategy_now

OnPhase = Callable[[str], None]


class Simulation:
    """One trial on X (n, d) with codes y (n,), asking from `pool`, tested on `test` (positions); a round per `step`.

    What is random comes from `seed` and `split` (any path of numbers and names) alone, so that in one split every strategy has
    the same seed set, drawn as `how_seeded` says (see `draw_seed`), and the same learner; only the choices of a strategy come
    from `who`, too, so that two random ones differ. As long as one class alone is labelled, what is measured is to say that class
    of everything, so that a curve always begins at the seed, and a strategy that needs a model leaves the choice to the `warm_up`
    (see `strategy_now`), or to chance. `intervals` and `metrics`: see `evaluate`.
    """

    def __init__(
        self,
        X: Matrix,
        y: np.ndarray,
        pool: np.ndarray,
        test: np.ndarray,
        *,
        learner: dict[str, Any],
        strategy: dict[str, Any],
        batch_size: int,
        seed_size: int,
        max_labels: int,
        seed: int,
        split: Sequence[int | str] = (),
        who: Sequence[int | str] = (),
        exploration: float = 0.0,
        n_classes: int | None = None,
        warm_up: dict[str, Any] | None = None,
        how_seeded: str = "random",
        intervals: bool = True,
        metrics: Collection[str] | None = None,
        derived: Derived | None = None,
    ) -> None:
        self.X, self.y = X, np.asarray(y, dtype=np.int64)
        self.pool, self.test = np.asarray(pool, dtype=np.int64), np.asarray(test, dtype=np.int64)
        self.learner, self.strategy, self.warm_up = learner, strategy, warm_up
        self.batch_size, self.max_labels, self.exploration = batch_size, max_labels, exploration
        self.seed, self.split, self.who = seed, tuple(split), tuple(who)
        self.intervals, self.metrics = intervals, metrics
        self.n_classes = n_classes or int(self.y.max()) + 1
        self.derived = derived or Derived(X, self.pool)
        self.number, self.state, self._cache = 0, None, {}
        rng = generator(seed, "seed", *self.split)
        features = {"X": X, "derived": self.derived}
        self.labeled = draw_seed(self.pool, seed_size, rng, how_seeded, codes=self.y, context=features)
        self._labeled = np.zeros(len(self.y), dtype=bool)
        self._labeled[self.labeled] = True
        self._in_pool = np.zeros(len(self.y), dtype=bool)
        self._in_pool[self.pool] = True
        self._there = np.bincount(self.y[self.pool], minlength=self.n_classes)

    def resume(self, asked: Sequence[Sequence[int]], state: dict[str, np.ndarray] | None) -> None:
        """Go on after the rounds that asked these positions, from the learner's `state` after the last of them.

        What follows is the same, bit for bit, as without the interruption.
        """
        for positions in asked:
            self._ask(np.asarray(positions, dtype=np.int64))
        self.number, self.state = len(asked), state

    @property
    def is_over(self) -> bool:
        """Nothing will be asked: the pool is empty, or the labels are spent. One `step` still measures the last labels."""
        return len(self.labeled) >= min(self.max_labels, len(self.pool))

    def step(self, on_phase: OnPhase | None = None) -> dict[str, Any]:
        """One round: train, predict, evaluate, select. The pool is predicted where the strategy looks at it.

        Returns number, n_labeled, n_pool, metrics, asked (positions, in order; empty in the last round), the classes' counts
        among the labels (C,), seconds per step.
        """
        say = on_phase or _nothing
        self.number += 1
        begun = time.perf_counter()
        positions = np.flatnonzero(self._labeled)
        candidates = np.flatnonzero(self._in_pool & ~self._labeled)
        counts = np.bincount(self.y[positions], minlength=self.n_classes)
        clock = {"fit": 0.0, "predict": 0.0, "select": 0.0}
        model = proba = None
        has_model = np.count_nonzero(counts) >= 2
        size = min(self.batch_size, self.max_labels - len(self.labeled), len(candidates))
        settings = strategy_now(self.strategy, self.warm_up, counts, has_model, there=self._there)
        if has_model:
            say("training")
            random_state = integer_seed(self.seed, "learner", *self.split, self.number)
            model, self.state = loop.fit_warm(
                self.learner, self.X, positions, self.y[positions], self.n_classes, random_state, self.state
            )
            clock["fit"] = time.perf_counter() - begun
            say("predicting")
            if size > 0 and loop.looks_at_predictions(settings):
                proba = loop.predict(model, self.X, candidates, self.n_classes)
            tested = loop.predict(model, self.X, self.test, self.n_classes)
        else:
            tested = _by_frequency(counts, len(self.test))
        metrics, _ = evaluate(self.y[self.test], tested, self.n_classes, intervals=self.intervals, only=self.metrics)
        clock["predict"] = time.perf_counter() - begun - clock["fit"]
        asked = np.empty(0, dtype=np.int64)
        if size > 0:
            say("selecting")
            chosen = time.perf_counter()
            context = Context(
                X=self.X,
                labeled=positions,
                y=self.y[positions],
                candidates=candidates,
                proba=proba,
                model=model,
                n_classes=self.n_classes,
                learner=self.learner,
                derived=self.derived,
                cache=self._cache,
                rng=generator(self.seed, "select", *self.who, *self.split, self.number),
            )
            explore = generator(self.seed, "explore", *self.who, *self.split, self.number)
            asked = loop.select(settings, context, size, exploration=self.exploration, rng=explore).positions
            clock["select"] = time.perf_counter() - chosen
        done = {
            "number": self.number,
            "n_labeled": len(positions),
            "n_pool": len(candidates),
            "metrics": metrics,
            "asked": asked,
            "counts": counts,
            "seconds": clock,
        }
        self._ask(asked)
        return done

    def _ask(self, positions: np.ndarray) -> None:
        self.labeled = np.concatenate([self.labeled, positions])
        self._labeled[positions] = True


def _by_frequency(counts: np.ndarray, n: int) -> np.ndarray:
    """(n, C) what one knows without a model: how often each class (C,) was seen, one more each (Laplace's rule of succession)."""
    return np.tile((counts + 1) / (counts.sum() + len(counts)), (n, 1))


def _nothing(phase: str) -> None:
    pass


def simulate(
    X: Matrix,
    y: np.ndarray,
    pool: np.ndarray,
    test: np.ndarray,
    *,
    on_round: Callable[[dict[str, Any]], None] | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """All rounds of a `Simulation`, whose settings these are, until the labels are spent or the pool is empty."""
    simulation = Simulation(X, y, pool, test, **settings)
    history: list[dict[str, Any]] = []
    while True:
        history.append(simulation.step())
        if on_round:
            on_round(history[-1])
        if len(history[-1]["asked"]) == 0:
            return history
