"""What is set aside, and what the first model learns from."""

from typing import Any

import numpy as np

from learning.engine.errors import EngineError

SEEDS = {
    "random": "Drawn at random: the labels stay representative.",
    "stratified": "Drawn at random, each class in proportion and at least once; needs labels that are known.",
    "typiclust": "Typical items of different clusters, before any label is known.",
    "k_center": "Items as different from each other as possible, before any label is known.",
}


def draw_test(n_items: int, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """A uniform random sample of round(ratio * n_items) positions, ascending int64."""
    size = min(n_items, round(ratio * n_items))
    return np.sort(rng.choice(n_items, size=size, replace=False)).astype(np.int64)


def draw_folds(y: np.ndarray, n_folds: int, random_state: int) -> np.ndarray:
    """(n,) int64: the fold 0 .. n_folds - 1 in which each of the items with class codes y (n,) is tested.

    Stratified (Kohavi 1995): each class is spread evenly. Raises EngineError where a class has fewer items than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    y = np.asarray(y, dtype=np.int64)
    counts = np.bincount(y)
    if (rare := np.flatnonzero((counts > 0) & (counts < n_folds))).size:
        raise EngineError(
            f"{len(rare)} classes have fewer items than the {n_folds} folds: class {rare[0]} has {counts[rare[0]]}."
        )
    fold = np.empty(len(y), dtype=np.int64)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    for number, (_, tested) in enumerate(splitter.split(np.zeros(len(y)), y)):
        fold[tested] = number
    return fold


def draw_seed(
    candidates: np.ndarray,
    size: int,
    rng: np.random.Generator,
    how: str = "random",
    *,
    codes: np.ndarray | None = None,
    context: dict[str, Any] | None = None,
) -> np.ndarray:
    """At most `size` of the candidates in the order in which they are asked, by one of SEEDS.

    codes: (n,) class codes of all items, -1 where unknown, for "stratified". context: X and, if there, derived and labeled, for
    the two that look at the features. Raises EngineError where what it needs is missing.
    """
    candidates = np.asarray(candidates, dtype=np.int64)
    size = min(size, len(candidates))
    if how == "random" or size == 0:
        return rng.choice(candidates, size=size, replace=False)
    if how == "stratified":
        if codes is None or (codes[candidates] < 0).any():
            raise EngineError("A stratified seed needs the label of every item that it may draw.")
        return _stratified(candidates, codes[candidates], size, rng)
    if how not in SEEDS or not context:
        raise EngineError(f"Cannot draw a seed by {how!r}; known are {', '.join(SEEDS)}, and the last two need features.")
    from learning.engine.strategies import Context, strategies

    nothing = np.empty(0, dtype=np.int64)
    given = {"labeled": nothing, "y": nothing} | context
    return strategies.get(how)().select(Context(candidates=candidates, rng=rng, **given), size).positions


def _stratified(candidates: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Each class once, as far as the size goes, then in proportion by largest remainders."""
    classes, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    quotas = np.zeros(len(classes), dtype=np.int64)
    quotas[rng.permutation(len(classes))[:size]] = 1
    wanted = counts / counts.sum() * size
    while (left := size - int(quotas.sum())) > 0:
        short = np.where(quotas < counts, wanted - quotas, -np.inf)
        # One each to the classes that are shortest of their share; ties at random.
        order = np.lexsort((rng.random(len(classes)), -short))
        grow = order[np.isfinite(short[order])][: max(1, min(left, int((short > 0).sum())))]
        quotas[grow] += 1
    shuffled = rng.permutation(len(candidates))
    place = np.empty(len(candidates), dtype=np.int64)
    by_class = shuffled[np.argsort(inverse[shuffled], kind="stable")]
    place[by_class] = np.arange(len(candidates)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rng.permutation(candidates[place < quotas[inverse]])
