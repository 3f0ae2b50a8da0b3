"""Query by committee: ask what several models, trained on the same labels, disagree about."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context
from learning.engine.strategies.registry import strategies
from learning.engine.strategies.scored import ScoredStrategy
from learning.engine.strategies.scores import entropy

_MEMBERS = Parameter(
    "members",
    "int",
    5,
    minimum=2,
    maximum=100,
    label="Members",
    help="Models, each trained on labels drawn anew with repeats. A forest or an ensemble brings its own members instead.",
)


def vote_entropy(P: np.ndarray) -> np.ndarray:
    """(m,) entropy, in nats, of the shares of the votes of members' probabilities P (K, m, C) (Dagan & Engelson 1995)."""
    votes = P.argmax(axis=2)
    m, n_classes = P.shape[1:]
    cells = votes + np.arange(m) * n_classes
    return entropy(np.bincount(cells.ravel(), minlength=m * n_classes).reshape(m, n_classes) / len(P))


def consensus_entropy(P: np.ndarray) -> np.ndarray:
    """(m,) entropy of the mean probabilities of P (K, m, C): the soft vote."""
    return entropy(P.mean(axis=0))


def mean_kl(P: np.ndarray) -> np.ndarray:
    """(m,) mean Kullback-Leibler divergence of the members P (K, m, C) from their mean (McCallum & Nigam 1998)."""
    mean = P.mean(axis=0)
    log_ratio = np.log(np.divide(P, mean, out=np.ones_like(P), where=(P > 0) & (mean > 0)))
    return np.einsum("kmc,kmc->m", P, log_ratio) / len(P)


def bald(P: np.ndarray) -> np.ndarray:
    """(m,) mutual information of label and model: entropy of the mean less mean of the entropies (Houlsby et al. 2011)."""
    of_members = entropy(P.reshape(-1, P.shape[2])).reshape(P.shape[:2])
    return np.maximum(consensus_entropy(P) - of_members.mean(axis=0), 0.0)


class QueryByCommittee(ScoredStrategy):
    """A score of the probabilities of a committee's members (Seung, Opper & Sompolinsky 1992)."""

    disagreement: ClassVar[Callable[[np.ndarray], np.ndarray]]
    family = "Committees: ask what several models disagree about"
    parameters = (_MEMBERS,)
    needs = frozenset({"proba", "model", "learner"})
    cost = "K fits + K predictions of the pool; none of the fits with a forest or an ensemble"
    lowest = 0.0

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        from learning.engine.committees import score_by_committee  # the learners import much; strategies do not need them

        return score_by_committee(context, self.settings["members"], type(self).disagreement)


@strategies.register("vote_entropy")
class VoteEntropy(QueryByCommittee):
    """How evenly the members' votes are spread. Needs a committee; K fits and K predictions of the pool."""

    label = "Committee: votes"
    help = "Trains several models on resampled labels and asks where their votes differ."
    reference = "Dagan & Engelson (1995), Committee-based sampling; Seung, Opper & Sompolinsky (1992)."
    disagreement = staticmethod(vote_entropy)


@strategies.register("consensus_entropy")
class ConsensusEntropy(QueryByCommittee):
    """How unsure the members are together. Needs a committee; K fits and K predictions of the pool."""

    label = "Committee: consensus"
    help = "Asks where several models, taken together, are unsure: disagreement and doubt alike."
    reference = "Soft-vote entropy, as in Settles (2009), Active learning literature survey, section 3.2."
    disagreement = staticmethod(consensus_entropy)


@strategies.register("mean_kl")
class MeanKL(QueryByCommittee):
    """How far the members are from their mean. Needs a committee; K fits and K predictions of the pool."""

    label = "Committee: divergence"
    help = "Asks where several models are each sure, but not of the same."
    reference = "McCallum & Nigam (1998), Employing EM and pool-based active learning for text classification."
    disagreement = staticmethod(mean_kl)


@strategies.register("bald")
class Bald(QueryByCommittee):
    """What a label would tell about the model. With a committee as posterior it equals the mean divergence, to rounding."""

    label = "BALD"
    help = "Asks where a label tells most about which of several models is right; the same as the divergence of a committee."
    reference = "Houlsby, Huszar, Ghahramani & Lengyel (2011); Gal, Islam & Ghahramani (2017)."
    disagreement = staticmethod(bald)
