"""A whole learning curve from arrays, with the known labels as oracle: for notebooks, benchmarks and tests."""

import time
from collections.abc import Callable
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


def simulate(
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
    exploration: float = 0.0,
    n_classes: int | None = None,
    warm_up: dict[str, Any] | None = None,
    how_seeded: str = "random",
    on_round: Callable[[dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """The rounds of one trial on X (n, d) with codes y (n,), asking from `pool`, tested on `test` (positions).

    Each round: number, n_labeled, n_pool, metrics, asked (positions, in order), seconds per step. The same `seed` gives every
    strategy the same seed set, drawn as `how_seeded` says (see `draw_seed`). As long as one class alone is labelled there are no
    metrics, and a strategy that needs a model leaves the choice to the `warm_up` (see `strategy_now`), or to chance.
    """
    pool, y = np.asarray(pool, dtype=np.int64), np.asarray(y, dtype=np.int64)
    n_classes = n_classes or int(y.max()) + 1
    derived, cache, state = Derived(X, pool), {}, None
    features = {"X": X, "derived": derived}
    labeled = draw_seed(pool, seed_size, generator(seed, "seed"), how_seeded, codes=y, context=features)
    history: list[dict[str, Any]] = []
    while True:
        number = len(history) + 1
        clock = [time.perf_counter()]
        positions = np.sort(labeled)
        candidates = np.setdiff1d(pool, positions, assume_unique=True)
        model = proba = None
        metrics: dict[str, Any] = {}
        if len(np.unique(y[positions])) >= 2:
            random_state = integer_seed(seed, "learner", number)
            model, state = loop.fit_warm(learner, X, positions, y[positions], n_classes, random_state, state)
            clock.append(time.perf_counter())
            proba = loop.predict(model, X, candidates, n_classes)
            metrics, _ = evaluate(y[test], loop.predict(model, X, test, n_classes), n_classes)
        clock += [time.perf_counter()] * (3 - len(clock))
        size = min(batch_size, max_labels - len(labeled))
        asked = np.empty(0, dtype=np.int64)
        if size > 0:
            context = Context(
                X=X,
                labeled=positions,
                y=y[positions],
                candidates=candidates,
                proba=proba,
                model=model,
                n_classes=n_classes,
                learner=learner,
                derived=derived,
                cache=cache,
                rng=generator(seed, "select", number),
            )
            counts = np.bincount(y[positions], minlength=n_classes)
            settings = strategy_now(strategy, warm_up, counts, model is not None)
            explore = generator(seed, "explore", number)
            asked = loop.select(settings, context, size, exploration=exploration, rng=explore).positions
        clock.append(time.perf_counter())
        history.append(
            {
                "number": number,
                "n_labeled": len(labeled),
                "n_pool": len(candidates),
                "metrics": metrics,
                "asked": asked,
                "seconds": dict(zip(("fit", "predict", "select"), np.diff(clock).tolist(), strict=True)),
            }
        )
        if on_round:
            on_round(history[-1])
        if len(asked) == 0:
            return history
        labeled = np.concatenate([labeled, asked])
