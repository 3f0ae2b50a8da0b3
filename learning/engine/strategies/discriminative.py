"""Discriminative active learning: ask what a classifier can tell from the labelled items most surely."""

import numpy as np
from scipy.special import expit

from learning.engine.blocks import row_blocks
from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.batch_modes import top
from learning.engine.strategies.registry import strategies
from learning.engine.threads import one_thread

_AT_LEAST, _TIMES = 1000, 10  # unlabelled rows to train on: ten times the labelled ones, as in the paper, and never too few
# Products with the features per training, at most. As in the paper it ends early: on TREC-6, banking77, MNIST and mammography the
# areas of the learning curves are those of 40 (which picks as the optimum does) within their errors, at half the time.
_PRODUCTS = 10
_WEAKEST, _STRONGEST = 1e-4, 1e4  # what the learner takes as C


@strategies.register("discriminative")
class Discriminative(Strategy):
    """Most probably "unlabelled", says a classifier of labelled against unlabelled (Gissin & Shalev-Shwartz 2019).

    Logistic regression with both sides of equal weight: what is labelled, pending or picked, and a random part of the
    candidates (ten times as many, at least 1,000). The batch is taken in sub-batches, after each of which the classifier is
    trained anew, from where it was. The paper stops the training of a network at 98 % accuracy, lest it know the labelled items
    by heart; here the penalty on the weights takes care of that, and training ends after 10 products with the features. Needs
    features; neither model nor answers, so it works before there are labels: then the first sub-batch is random. The score is
    the probability of "unlabelled" when the item was picked. Costs per sub-batch a fit of 11 l rows and O(nnz).
    """

    label = "Discriminative (DAL)"
    help = "Asks what is least like anything labelled, as a classifier sees it that learns to tell the two apart; needs no model."
    family = "Variety: ask what differs from all that is labelled"
    parameters = (
        Parameter(
            "sub_batches",
            "int",
            10,
            minimum=1,
            maximum=100,
            label="Sub-batches",
            help="A batch is taken in this many steps, each of which knows the picks before it. More is slower and more varied.",
        ),
        Parameter(
            "strength",
            "float",
            10.0,
            minimum=1e-4,
            maximum=1e4,
            label="Strength",
            help="How hard the classifier tries to tell labelled from unlabelled items; for features of any size.",
        ),
    )
    needs = frozenset({"features"})
    batch_aware = True
    sequential = False
    reference = "Gissin & Shalev-Shwartz (2019), Discriminative active learning."
    cost = "per sub-batch a fit of 11 l rows + one product with the pool; no model"

    def _select(self, context: Context, size: int) -> Selection:
        rng, n = context.rng, len(context.candidates)
        sample = np.sort(rng.choice(n, size=min(n, max(_AT_LEAST, _TIMES * len(context.asked))), replace=False))
        is_left = np.ones(n, dtype=bool)
        picks, probability, state = np.empty(0, dtype=np.int64), np.empty(0), None
        for part in np.array_split(np.arange(size), min(size, self.settings["sub_batches"])):
            labeled = np.concatenate([context.asked, context.candidates[picks]])
            others = sample[is_left[sample]]
            unlabeled = context.candidates[others if len(others) else np.flatnonzero(is_left)]
            logits, state = self._unlabeled(context, labeled, unlabeled, state)
            logits[picks] = -np.inf
            best = top(logits, len(part), rng)
            is_left[best] = False
            picks, probability = np.concatenate([picks, best]), np.concatenate([probability, expit(logits[best])])
        return Selection(context.candidates[picks], scores=probability)

    def _unlabeled(
        self, context: Context, labeled: np.ndarray, unlabeled: np.ndarray, state: dict | None
    ) -> tuple[np.ndarray, dict | None]:
        """((m,) logit of being unlabelled of each candidate, the state for the next training)."""
        from learning.engine.loop import fit_warm  # it imports the strategies

        if len(labeled) == 0:
            return np.zeros(len(context.candidates)), None
        positions = np.concatenate([labeled, unlabeled])
        codes = np.repeat([0, 1], [len(labeled), len(unlabeled)])
        mean_square = context.derived.squared_norms[positions].mean() or 1.0
        strength = float(np.clip(self.settings["strength"] / mean_square, _WEAKEST, _STRONGEST))
        settings = {"name": "logistic_regression", "C": strength, "class_weight": "balanced", "max_iter": _PRODUCTS}
        model, state = fit_warm(settings, context.X, positions, codes, 2, 0, state)
        return _logits(context, model.coef_[0], model.intercept_[0]), state


def _logits(context: Context, weights: np.ndarray, intercept: float) -> np.ndarray:
    X, candidates = context.X, context.candidates
    # Reading all rows in order is cheaper than gathering most of them.
    everything = 4 * len(candidates) > X.shape[0]
    weights = weights.astype(X.dtype)
    logits = np.empty(X.shape[0] if everything else len(candidates))
    with one_thread():
        for there, rows in row_blocks(X, None if everything else candidates, 1):
            logits[there] = rows @ weights
    return (logits[candidates] if everything else logits) + intercept
