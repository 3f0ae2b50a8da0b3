"""Uncertainty sampling: ask what the current model is least sure of."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from learning.engine.strategies import scores
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy


class Uncertainty(ScoredStrategy):
    """A score that is a function of the class probabilities alone."""

    score_function: ClassVar[Callable[[np.ndarray], np.ndarray]]
    family = "Uncertainty: ask what the model is unsure of"
    needs = frozenset({"proba"})
    cost = "one prediction of the pool + O(mC)"

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        return type(self).score_function(context.proba)


@strategies.register("margin")
class Margin(Uncertainty):
    """Smallest gap between the two most probable classes (breaking ties). Needs proba; one prediction of the pool + O(mC)."""

    label = "Margin"
    help = "Asks where the two most probable classes are closest: a good choice for most tasks, also with many classes."
    reference = "Scheffer, Decomain & Wrobel (2001), Active hidden Markov models for information extraction."
    lowest = -1.0
    score_function = staticmethod(scores.margin)


@strategies.register("least_confidence")
class LeastConfidence(Uncertainty):
    """Least probable best class. Needs proba; one prediction of the pool + O(mC)."""

    label = "Least confidence"
    help = "Asks where the most probable class is least probable."
    reference = "Lewis & Gale (1994), A sequential algorithm for training text classifiers."
    lowest = 0.0
    score_function = staticmethod(scores.least_confidence)


@strategies.register("entropy")
class Entropy(Uncertainty):
    """Largest entropy of the class probabilities. Needs proba; one prediction of the pool + O(mC)."""

    label = "Entropy"
    help = "Asks where the probabilities are most spread over the classes; with many classes margin is usually better."
    reference = "Holub, Perona & Burl (2008), Entropy-based active learning for object recognition; Shannon (1948)."
    lowest = 0.0
    score_function = staticmethod(scores.entropy)


@strategies.register("ratio")
class Ratio(Uncertainty):
    """Second largest probability over the largest. Needs proba; one prediction of the pool + O(mC)."""

    label = "Ratio"
    help = "Asks where the second most probable class is nearly as probable as the first; close to margin."
    reference = "The ratio form of the margin: Scheffer, Decomain & Wrobel (2001)."
    lowest = 0.0
    score_function = staticmethod(scores.ratio)
