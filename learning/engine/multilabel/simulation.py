"""A learning curve of any number of labels per item from arrays, with the known labels as oracle."""

from typing import Any

import numpy as np

from learning.engine.blocks import Matrix
from learning.engine.derived import Derived
from learning.engine.errors import MissingClass
from learning.engine.multilabel.learners import fit, predict
from learning.engine.multilabel.metrics import evaluate
from learning.engine.multilabel.selecting import select
from learning.engine.randomness import generator, integer_seed
from learning.engine.strategies.base import Context


def simulate(
    X: Matrix,
    Y: np.ndarray,
    pool: np.ndarray,
    test: np.ndarray,
    *,
    learner: dict[str, Any],
    strategy: dict[str, Any],
    batch_size: int,
    seed_size: int,
    max_labels: int,
    seed: int,
    intervals: bool = False,
) -> list[dict[str, Any]]:
    """The rounds of one trial on X (n, d) with Y (n, L) boolean, asking from `pool`, tested on `test` (positions).

    Each: n_labeled, metrics (empty as long as nothing can be learnt), asked (positions). The seed set is random and the same for
    every strategy of a `seed`; a strategy that needs a model leaves the choice to chance until there is one.
    """
    Y, pool = np.asarray(Y, dtype=bool), np.asarray(pool, dtype=np.int64)
    labeled = np.zeros(len(Y), dtype=bool)
    labeled[generator(seed, "seed").choice(pool, size=min(seed_size, len(pool)), replace=False)] = True
    derived, cache, state, rounds = Derived(X, pool), {}, None, []
    while True:
        positions, candidates = np.flatnonzero(labeled), pool[~labeled[pool]]
        number, model, proba, metrics = len(rounds) + 1, None, None, {}
        try:
            model, state = fit(learner, X, positions, Y[positions], integer_seed(seed, "learner", number), state)
        except MissingClass:
            pass
        else:
            proba = predict(model, X, candidates)
            metrics, _ = evaluate(Y[test], predict(model, X, test), intervals=intervals)
        asked = np.empty(0, dtype=np.int64)
        size = min(batch_size, max_labels - len(positions), len(candidates))
        if size > 0:
            context = Context(
                X=X,
                labeled=positions,
                y=Y[positions],
                candidates=candidates,
                proba=proba,
                model=model,
                n_classes=Y.shape[1],
                learner=learner,
                derived=derived,
                cache=cache,
                rng=generator(seed, "select", strategy["name"], number),
            )
            asked = select(strategy, context, size).positions
        rounds.append({"n_labeled": len(positions), "metrics": metrics, "asked": asked})
        if size <= 0:
            return rounds
        labeled[asked] = True
