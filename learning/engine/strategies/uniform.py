"""Random sampling: the baseline that every strategy must beat."""

import numpy as np

from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies


def draw_uniformly(candidates: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`size` different candidates in random order, and each pick's probability given the picks before: 1/m, 1/(m-1), ..."""
    picked = rng.choice(candidates, size=size, replace=False)
    return picked, 1.0 / (len(candidates) - np.arange(size))


@strategies.register("random")
class RandomSampling(Strategy):
    """Every candidate is equally likely. Needs nothing, costs O(m)."""

    label = "Random"
    help = "Draws items uniformly: the baseline, and the only choice that keeps the labelled part representative."
    family = "Chance"
    batch_aware = True
    wrappers = False
    reference = "Baseline: simple random sampling without replacement."
    cost = "O(m)"

    def _select_from(self, context: Context, batch_size: int, beyond: int) -> Selection:
        batch, _ = draw_uniformly(context.candidates, batch_size, context.rng)
        if beyond:  # drawn apart, because a longer draw does not begin with the shorter one
            rest = np.setdiff1d(context.candidates, batch, assume_unique=True)
            batch = np.concatenate([batch, draw_uniformly(rest, beyond, context.rng)[0]])
        m = len(context.candidates)
        return Selection(batch, probability=1.0 / (m - np.arange(len(batch))), weights=np.ones(m))
