"""The exploration arm: a share of every batch is drawn at random, and so marked."""

import numpy as np

from learning.engine.errors import EngineError
from learning.engine.strategies.base import Selection
from learning.engine.strategies.batch_modes import sequential_probability
from learning.engine.strategies.uniform import draw_uniformly


def mix(
    selection: Selection, candidates: np.ndarray, share: float, rng: np.random.Generator, batch_size: int | None = None
) -> Selection:
    """Replace a share of the selection by uniform draws from all candidates, at random ranks; the length stays.

    The draws do not look at the selection, so the marked items are a simple random sample of the candidates. One that the
    strategy had chosen too is asked once, as random; the strategy's next choice moves up. Of a batch of b, floor(share * b + u)
    are random, u uniform in [0, 1): share * b on average, never off by more than one. What lies beyond `batch_size` (the
    ranking that people go on with) is treated likewise, as a part of its own.
    """
    if not 0 <= share <= 1:
        raise EngineError(f"The exploration share must be from 0 to 1; got {share}.")
    n = len(selection)
    is_random = np.zeros(n, dtype=bool)
    cut = n if batch_size is None else min(batch_size, n)
    for start, stop in ((0, cut), (cut, n)):
        size = min(int(share * (stop - start) + rng.random()), stop - start)
        is_random[start + rng.choice(stop - start, size=size, replace=False)] = True
    drawn, drawn_probability = draw_uniformly(candidates, int(is_random.sum()), rng)
    kept = np.flatnonzero(~np.isin(selection.positions, drawn))[: n - len(drawn)]

    positions = np.empty(n, dtype=np.int64)
    positions[is_random], positions[~is_random] = drawn, selection.positions[kept]
    probability = np.full(n, np.nan)
    probability[is_random] = drawn_probability
    if selection.weights is not None:
        # What was drawn at random had left before the strategy's first pick, so its weight is not among those that were left.
        order = np.argsort(candidates, kind="stable")
        place = order[np.searchsorted(candidates, positions, sorter=order)]
        probability[~is_random] = sequential_probability(selection.weights, place[~is_random], gone=place[is_random])
    scores = None
    if selection.scores is not None:
        scores = np.full(n, np.nan)
        scores[~is_random] = selection.scores[kept]
    return Selection(positions, scores, is_random, None if np.isnan(probability).all() else probability)
