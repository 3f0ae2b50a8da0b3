"""Strategies for items with any number of labels: `proba` (m, L) and `y` (l, L) of the context speak of each label by itself.

A registry of its own: what a strategy for one label per item would read from a row, a most probable class, is not there.
"""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from learning.engine.parameters import Parameter
from learning.engine.registry import Registry
from learning.engine.strategies.base import BALANCE, Context
from learning.engine.strategies.k_center import KCenter
from learning.engine.strategies.scored import ScoredStrategy
from learning.engine.strategies.typiclust import TypiClust
from learning.engine.strategies.uniform import RandomSampling
from learning.engine.threads import one_thread

multilabel_strategies = Registry("multilabel_strategies")
_THRESHOLD = 0.5
_SMALLEST_MARGIN = 1e-3
_BLOCK = 4_000_000


class MultiLabelStrategy(ScoredStrategy):
    """A subclass implements `scores(context)`. Predicted classes, which "balance" counts, are not what this is about."""

    family = "Uncertainty: ask what the model is unsure of"
    needs = frozenset({"proba"})
    cost = "one prediction of the pool + O(mL)"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.parameters = tuple(parameter for parameter in cls.parameters if parameter is not BALANCE)


@multilabel_strategies.register("bin_min")
class BinaryMinimum(MultiLabelStrategy):
    """The label that is closest to one half decides: minus |2 p - 1| of that label. Needs proba; O(mL)."""

    label = "Least sure label"
    help = "Asks where the model is least sure of one of the labels, whatever it thinks of the others."
    reference = "Brinker (2006), On active learning in multi-label classification (BinMin)."
    lowest = -1.0

    def scores(self, context: Context) -> np.ndarray:
        return -np.abs(2 * context.proba - 1).min(axis=1)


@multilabel_strategies.register("mean_entropy")
class MeanEntropy(MultiLabelStrategy):
    """The mean over the labels of the binary entropy, in nats. Needs proba; O(mL)."""

    label = "Mean entropy"
    help = "Asks where the model is least sure over all labels together: a good choice to begin with."
    reference = "Reyes, Morell & Ventura (2018); entropy: Shannon (1948)."
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        return binary_entropy(context.proba).mean(axis=1)


@multilabel_strategies.register("mmc")
class MaximumLossReduction(MultiLabelStrategy):
    """Maximum loss reduction with maximal confidence: the sum over the labels of (1 - y f) / 2, f = 2 p - 1.

    y is +1 for as many of the most probable labels as the item is expected to have, else -1. How many those are, a logistic
    regression says, trained on the labelled items' sorted and normalised probabilities. Needs proba and the model; O(mL log L).
    """

    label = "Expected loss reduction (MMC)"
    help = "Guesses how many labels an item has; asks where the probabilities fit worst to so many labels."
    needs = frozenset({"proba", "model"})
    reference = "Yang, Sun, Wang & Chen (2009), Effective multi-label active learning for text classification."
    cost = "two predictions + O(mL log L)"
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        from learning.engine.multilabel.learners import predict  # it imports the strategies

        counts = context.y.sum(axis=1)
        expected = np.full(len(context.candidates), counts[0])
        if len(np.unique(counts)) > 1:
            with one_thread():
                shape = _profile(predict(context.model, context.X, context.labeled))
                counting = LogisticRegression(C=10.0, max_iter=200).fit(shape, counts)
                expected = counting.predict(_profile(context.proba))
        # Sorted, the first `expected` of a row are the ones that it is expected to have.
        f = 2 * -np.sort(-context.proba, axis=1) - 1
        has = np.arange(f.shape[1]) < expected[:, None]
        return np.where(has, 1 - f, 1 + f).sum(axis=1) / 2


@multilabel_strategies.register("adaptive")
class MarginAndCardinality(MultiLabelStrategy):
    """How little the sure labels stand apart from the others, and how far their number is from the usual: u1^beta u2^(1 - beta).

    u1 is one over the gap between the least probable of the predicted labels and the most probable of the others (one half
    stands for a side that is empty), u2 the difference between the number of predicted labels and the mean of the labelled items.
    Li and Guo choose beta by training with each of several for every query; here it is a setting. Needs proba; O(mL).
    """

    label = "Gap and number of labels"
    help = "Asks where predicted labels hardly stand apart from the others, or where there are strangely few or many of them."
    reference = "Li & Guo (2013), Active learning with multi-label SVM classification."
    lowest = 0.0
    parameters = (
        Parameter(
            "weight",
            "float",
            0.5,
            minimum=0,
            maximum=1,
            label="Weight of the gap",
            help="1 looks at the gap alone, 0 at the number of labels alone.",
        ),
    )

    def scores(self, context: Context) -> np.ndarray:
        P, beta = context.proba, self.settings["weight"]
        predicted = P >= _THRESHOLD
        least = np.where(predicted, P, np.inf).min(axis=1)
        most = np.where(predicted, -np.inf, P).max(axis=1)
        gap = np.where(np.isfinite(least), least, _THRESHOLD) - np.where(np.isfinite(most), most, _THRESHOLD)
        strange = np.abs(predicted.sum(axis=1) - context.y.sum(axis=1).mean())
        return (1 / np.maximum(gap, _SMALLEST_MARGIN)) ** beta * strange ** (1 - beta)


@multilabel_strategies.register("cvirs")
class CategoryVectors(MultiLabelStrategy):
    """Sure of few labels (ranks of the margins, added over the labels by Borda's rule), and unlike the labelled items' labels.

    The second factor is the mean over the labelled items of the normalised Hamming distance of the predicted labels to theirs,
    or 1 where knowing the one says nothing about the other (the entropy distance is 1). Needs proba; O(mL log m + m l L), and
    looks at 20,000 random items of a larger pool.
    """

    label = "Ranks and unusual labels (CVIRS)"
    help = "Asks where many labels are less sure than elsewhere, and the predicted ones are unlike those of labelled items."
    reference = "Reyes, Morell & Ventura (2018), Effective active learning strategy for multi-label learning."
    cost = "one prediction of the pool + O(mL log m + m l L)"
    lowest = 0.0
    max_pool = 20_000

    def scores(self, context: Context) -> np.ndarray:
        P = context.proba
        m, n_labels = P.shape
        # The mean rank of ties: constant labels then say nothing about who comes first.
        from scipy.stats import rankdata

        ranks = rankdata(np.abs(2 * P - 1), axis=0)
        borda = (m - ranks).sum(axis=1) / (n_labels * max(m - 1, 1))
        return borda * _inconsistency(P >= _THRESHOLD, np.asarray(context.y, dtype=bool))


multilabel_strategies.register("random")(RandomSampling)
multilabel_strategies.register("k_center")(KCenter)
multilabel_strategies.register("typiclust")(TypiClust)
DEFAULT_MULTILABEL = "mean_entropy"
multilabel_strategies.put_first(DEFAULT_MULTILABEL, "bin_min")


def binary_entropy(P: np.ndarray) -> np.ndarray:
    """Entropy in nats of yes or no with probability P, of any shape; 0 log 0 = 0."""
    P = np.asarray(P, dtype=np.float64)
    return -(_xlogx(P) + _xlogx(1 - P))


def _xlogx(x: np.ndarray) -> np.ndarray:
    return x * np.log(x, out=np.zeros(x.shape), where=x > 0)


def _profile(P: np.ndarray) -> np.ndarray:
    """(k, L) the probabilities of each row sorted, largest first, as shares of their sum."""
    ordered = -np.sort(-P, axis=1)
    return ordered / np.maximum(ordered.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def _inconsistency(predicted: np.ndarray, labeled: np.ndarray) -> np.ndarray:
    """(m,) the mean distance of rows (m, L) to rows (l, L), both boolean; from the four counts of each pair's labels."""
    n_labels = labeled.shape[1]
    truth = labeled.astype(np.float64).T
    found = np.empty(len(predicted))
    step = max(1, _BLOCK // max(len(labeled), 1))
    given = binary_entropy(labeled.mean(axis=1))
    for start in range(0, len(predicted), step):
        there = slice(start, start + step)
        rows = predicted[there].astype(np.float64)
        both = rows @ truth
        only_one, only_other = rows.sum(axis=1)[:, None] - both, truth.sum(axis=0) - both
        cells = np.stack([both, only_one, only_other, n_labels - both - only_one - only_other]) / n_labels
        joint = -_xlogx(cells).sum(axis=0)
        shared = binary_entropy(rows.mean(axis=1))[:, None] + given - joint
        unlike = np.divide(shared, joint, out=np.ones(joint.shape), where=joint > 0) <= 1e-12  # alike where nothing varies
        found[there] = np.where(unlike, 1.0, (only_one + only_other) / n_labels).mean(axis=1)
    return found
