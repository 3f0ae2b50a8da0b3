"""A whole learning curve from arrays, with the known labels as oracle: for notebooks, benchmarks and tests."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from learning.engine import loop
from learning.engine.blocks import Matrix
from learning.engine.metrics import evaluate
from learning.engine.randomness import generator, integer_seed
from learning.engine.splits import draw_seed
from learning.engine.strategies import Context, strategies


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
    on_round: Callable[[dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """The rounds of one trial on X (n, d) with codes y (n,), asking from `pool`, tested on `test` (positions).

    Each round: number, n_labeled, n_pool, metrics, asked (positions, in order), seconds per step. The same `seed` gives every
    strategy the same seed set. As long as one class alone is labelled there are no metrics,
    and a strategy that needs a model draws at random.
    """
    pool, y = np.asarray(pool, dtype=np.int64), np.asarray(y, dtype=np.int64)
    n_classes = n_classes or int(y.max()) + 1
    labeled = draw_seed(pool, seed_size, generator(seed, "seed"))
    history: list[dict[str, Any]] = []
    while True:
        number = len(history) + 1
        clock = [time.perf_counter()]
        positions = np.sort(labeled)
        candidates = np.setdiff1d(pool, positions, assume_unique=True)
        model = proba = None
        metrics: dict[str, Any] = {}
        if len(np.unique(y[positions])) >= 2:
            model = loop.fit(learner, X, positions, y[positions], n_classes, integer_seed(seed, "learner", number))
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
                rng=generator(seed, "select", number),
            )
            can_run = model is not None or not strategies.get(strategy["name"]).needs & {"proba", "model"}
            settings = strategy if can_run else {"name": "random"}
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
