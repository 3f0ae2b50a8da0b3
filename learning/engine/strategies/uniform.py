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
    batch_aware = True
    reference = "Baseline: simple random sampling without replacement."
    cost = "O(m)"

    def _select(self, context: Context, batch_size: int) -> Selection:
        picked, probability = draw_uniformly(context.candidates, batch_size, context.rng)
        return Selection(picked, probability=probability)
