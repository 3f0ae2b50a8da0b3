"""Several models that learnt from the same labels: where they disagree, a label teaches most."""

from collections.abc import Callable
from typing import Any

import numpy as np

from learning.engine.blocks import Matrix, row_blocks, take_double
from learning.engine.errors import EngineError
from learning.engine.learners import learners
from learning.engine.probabilities import probabilities_of
from learning.engine.strategies.base import Context
from learning.engine.threads import one_thread

Members = Callable[[Matrix], np.ndarray]
_ATTEMPTS = 20


def committee(context: Context, size: int) -> tuple[Members, int]:
    """(a function from rows (k, d) to the members' probabilities (K, k, C), K).

    An ensemble's own members where the learner is one (K is theirs); else `size` models of the same learner, each trained on a
    bootstrap sample of the labels (Breiman 1996; Abe & Mamitsuka 1998). Made once per selection. Raises EngineError without the
    learner's settings.
    """
    key = f"committee of {size}"
    if key not in context.memo:
        context.memo[key] = _make(context, size)
    return context.memo[key]


def score_by_committee(context: Context, size: int, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`score` of the members' probabilities (K, k, C) of each candidate: (m,). Block by block, so never K x m x C at once."""
    members, count = committee(context, size)
    values = np.empty(len(context.candidates))
    with one_thread():
        for there, rows in row_blocks(context.X, context.candidates, 2 * count * max(context.n_classes, 1)):
            values[there] = score(members(rows))
    return values


def _make(context: Context, size: int) -> tuple[Members, int]:
    if context.learner is None:
        raise EngineError("A committee needs the settings of the learner, from which its members are trained.")
    own = {name: value for name, value in context.learner.items() if name != "name"}
    learner = learners.get(context.learner["name"])(**own)
    if getattr(learner, "free_committee", False):
        return lambda rows: learner.members(context.model, rows, context.n_classes), learner.n_members(context.model)
    models = _bootstrap(learner, context, size)
    answers = [(probabilities_of(model, context.X), np.asarray(model.classes_, dtype=np.int64)) for model in models]

    def members(rows: Matrix) -> np.ndarray:
        proba = np.zeros((size, rows.shape[0], context.n_classes))
        for k, (answer, classes) in enumerate(answers):
            proba[k][:, classes] = answer(rows)
        return proba

    return members, size


def _bootstrap(learner: Any, context: Context, size: int) -> list[Any]:
    from learning.engine import loop  # it imports the strategies, which import this module

    order = np.argsort(context.labeled, kind="stable")
    positions, y = context.labeled[order], context.y[order]
    weights = np.stack([_bootstrap_weights(y, context.rng) for _ in range(size)])
    seeds = context.rng.integers(2**31, size=size).tolist()
    if hasattr(learner, "fit_committee"):
        with one_thread():
            return learner.fit_committee(take_double(context.X, positions), y, weights, seeds[0])
    return [
        loop.fit(context.learner, context.X, np.repeat(positions, w), np.repeat(y, w), context.n_classes, seed)
        for w, seed in zip(weights, seeds, strict=True)
    ]


def _bootstrap_weights(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(l,) how often each label was drawn; with at least two classes among the drawn, without which nothing can be trained."""
    for _ in range(_ATTEMPTS):
        weights = np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y))
        if len(np.unique(y[weights > 0])) >= 2:
            return weights
    return np.ones(len(y), dtype=np.int64)
