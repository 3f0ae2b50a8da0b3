"""Uncertainty sampling: ask what the current model is least sure of."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from learning.engine.strategies import scores
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.batch_modes import top
from learning.engine.strategies.registry import strategies


class ScoredStrategy(Strategy):
    """A score per candidate, and a batch mode that turns scores into a batch."""

    score_function: ClassVar[Callable[[np.ndarray], np.ndarray]]
    needs = frozenset({"proba"})
    cost = "one prediction of the pool + O(mC)"

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        return type(self).score_function(context.proba)

    def _select(self, context: Context, batch_size: int) -> Selection:
        values = self.scores(context)
        best = top(values, batch_size, context.rng)
        return Selection(context.candidates[best], scores=values[best])


@strategies.register("margin")
class Margin(ScoredStrategy):
    """Smallest gap between the two most probable classes (breaking ties). Needs proba; one prediction of the pool + O(mC)."""

    label = "Margin"
    help = "Asks where the two most probable classes are closest: a good choice for most tasks, also with many classes."
    reference = "Scheffer, Decomain & Wrobel (2001), Active hidden Markov models for information extraction."
    score_function = staticmethod(scores.margin)


@strategies.register("least_confidence")
class LeastConfidence(ScoredStrategy):
    """Least probable best class. Needs proba; one prediction of the pool + O(mC)."""

    label = "Least confidence"
    help = "Asks where the most probable class is least probable."
    reference = "Lewis & Gale (1994), A sequential algorithm for training text classifiers."
    score_function = staticmethod(scores.least_confidence)


@strategies.register("entropy")
class Entropy(ScoredStrategy):
    """Largest entropy of the class probabilities. Needs proba; one prediction of the pool + O(mC)."""

    label = "Entropy"
    help = "Asks where the probabilities are most spread over the classes; with many classes margin is usually better."
    reference = "Holub, Perona & Burl (2008), Entropy-based active learning for object recognition; Shannon (1948)."
    score_function = staticmethod(scores.entropy)
