"""From several answers to one label per item: by count, by weight, or by a model of how people err (Dawid & Skene 1979).

One row per answer: items, annotators and values (m,), see `answers`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import xlogy

from learning.engine.crowd.answers import codes, vote_counts
from learning.engine.errors import EngineError

NONE = -1
SMOOTHING = 0.01
_CLOSE = 1e-9
_IMPOSSIBLE = -700.0  # a logarithm whose exponential is still above 0


@dataclass(frozen=True)
class Votes:
    """values (n,): the label of each item, -1 where there is none; tied (n,) bool: several labels are in front;
    share (n,): of the votes that the label in front got, nan without answers; counts (n, C): the votes."""

    values: np.ndarray
    tied: np.ndarray
    share: np.ndarray
    counts: np.ndarray


def majority(items: np.ndarray, values: np.ndarray, *, n_items: int, n_classes: int, weights: np.ndarray | None = None) -> Votes:
    """The label with the most answers per item, or the most weight (weights (m,), from 0 up). A tie has no label."""
    if weights is not None:
        weights = np.asarray(weights, dtype=float)
        if weights.shape != np.shape(items) or not np.isfinite(weights).all() or (weights < 0).any():
            raise EngineError("The weights must be numbers from 0 up, one per answer.")
    counts = vote_counts(items, values, n_items=n_items, n_classes=n_classes, weights=weights)
    total, best = counts.sum(axis=1), counts.max(axis=1)
    # Sums of weights that are equal on paper differ by their last digits.
    tied = ((counts >= best[:, None] * (1 - _CLOSE)).sum(axis=1) > 1) & (best > 0)
    share = np.divide(best, total, out=np.full(n_items, np.nan), where=total > 0)
    return Votes(np.where(tied | (best == 0), NONE, counts.argmax(axis=1)), tied, share, counts)


def weighted_majority(
    items: np.ndarray, annotators: np.ndarray, values: np.ndarray, weights: np.ndarray, *, n_items: int, n_classes: int
) -> Votes:
    """The majority where each person's answers weigh weights[person]; weights (A,) from 0 up."""
    weights = np.asarray(weights, dtype=float)
    annotators = codes("annotators", annotators, len(weights), len(items))
    return majority(items, values, n_items=n_items, n_classes=n_classes, weights=weights[annotators])


def unanimous(items: np.ndarray, values: np.ndarray, *, n_items: int, n_classes: int, least: int = 2) -> Votes:
    """The label that all answers agree on, where there are `least` of them; -1 elsewhere."""
    votes = majority(items, values, n_items=n_items, n_classes=n_classes)
    agreed = (votes.counts.sum(axis=1) >= least) & (votes.share == 1)
    return Votes(np.where(agreed, votes.values, NONE), votes.tied, votes.share, votes.counts)


@dataclass(frozen=True)
class DawidSkene:
    """posteriors (n, C); confusions (A, C, C): [person, truth, answer], rows sum to 1; accuracies (A,): how often each
    person is expected to be right on labels as frequent as `prior` (C,); log_likelihood of the answers; objective: what was
    made as large as possible, the likelihood with the smoothing; answered (n,) bool: the items that have an answer, the
    others' posterior is the prior."""

    posteriors: np.ndarray
    confusions: np.ndarray
    prior: np.ndarray
    log_likelihood: float
    objective: float
    iterations: int
    converged: bool
    answered: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """(n,) the most probable label, the lowest code of equal ones; -1 without answers."""
        return np.where(self.answered, self.posteriors.argmax(axis=1), NONE)

    @property
    def accuracies(self) -> np.ndarray:
        return np.einsum("c,acc->a", self.prior, self.confusions)


def dawid_skene(
    items: np.ndarray,
    annotators: np.ndarray,
    values: np.ndarray,
    *,
    n_items: int,
    n_annotators: int,
    n_classes: int,
    one_coin: bool = False,
    smoothing: float = SMOOTHING,
    tolerance: float = 1e-7,
    iterations: int = 500,
) -> DawidSkene:
    """Truth and each person's errors together, by expectation maximisation from the shares of votes (Dawid & Skene 1979).

    Each person has a confusion matrix, or with `one_coin` only a chance of being right, all errors being alike: better
    where people have answered little (Zhang, Chen, Zhou & Jordan 2016), and worse than a count of votes where most people
    share a bias. `smoothing` is added to every cell of every confusion matrix (the mode under a Dirichlet prior with 1 +
    smoothing; with `one_coin` to the answers that are right and to each way of being wrong), so that a person never seen to
    err is not beyond all doubt; with 0 it is the maximum likelihood of the paper. Ends when the objective grows by less
    than `tolerance` per answer.

    No random choice is made. An iteration is two products of a sparse matrix (n, A x C) with a table of C columns.
    """
    items = codes("items", items, n_items)
    annotators = codes("annotators", annotators, n_annotators, len(items))
    values = codes("values", values, n_classes, len(items))
    if len(items) == 0 or n_classes < 2:
        raise EngineError("A consensus needs answers and two labels at least.")
    if smoothing < 0 or iterations < 1:
        raise EngineError("The smoothing must be 0 or more, and there must be one iteration at least.")
    given = sparse.csr_array(
        (np.ones(len(items)), (items, annotators * n_classes + values)), shape=(n_items, n_annotators * n_classes)
    )
    by_answer = given.T.tocsr()
    counts = vote_counts(items, values, n_items=n_items, n_classes=n_classes)
    answered = counts.any(axis=1)
    posteriors = np.divide(counts, counts.sum(axis=1, keepdims=True), out=np.zeros_like(counts), where=answered[:, None])
    errors = _one_coin if one_coin else _any_error
    before, converged, done = -np.inf, False, 0
    while not converged and done < iterations:
        prior = posteriors[answered].mean(axis=0)
        seen = (by_answer @ posteriors).reshape(n_annotators, n_classes, n_classes)  # [person, answer, truth]
        by_truth, penalty = errors(seen, smoothing)
        with np.errstate(divide="ignore"):
            table = np.log(by_truth).reshape(n_annotators * n_classes, n_classes)
            log_prior = np.log(prior)
        # A product with -inf would make nan of every class: what cannot be is only very improbable.
        joint = given @ np.maximum(table, _IMPOSSIBLE) + np.maximum(log_prior, _IMPOSSIBLE)
        highest = joint.max(axis=1, keepdims=True)
        posteriors = np.exp(joint - highest)
        total = posteriors.sum(axis=1, keepdims=True)
        posteriors *= answered[:, None] / total
        per_item = (highest + np.log(total))[:, 0]
        log_likelihood = float(per_item[answered].sum())
        objective = log_likelihood + penalty
        converged = objective - before < tolerance * len(items)
        before, done = objective, done + 1
    return DawidSkene(
        posteriors=np.where(answered[:, None], posteriors, prior),
        confusions=by_truth.transpose(0, 2, 1),
        prior=prior,
        log_likelihood=log_likelihood,
        objective=objective,
        iterations=done,
        converged=bool(converged),
        answered=answered,
    )


def _any_error(seen: np.ndarray, smoothing: float) -> tuple[np.ndarray, float]:
    """(A, C answers, C truths) chances of each answer given the truth, and the logarithm of their prior density."""
    smoothed = seen + smoothing
    total = smoothed.sum(axis=1, keepdims=True)
    chances = np.divide(smoothed, total, out=np.full_like(smoothed, 1 / seen.shape[1]), where=total > 0)
    return chances, float(xlogy(smoothing, chances).sum())


def _one_coin(seen: np.ndarray, smoothing: float) -> tuple[np.ndarray, float]:
    """The same where a person is right with one chance, whatever the truth, and all errors are alike."""
    n_classes = seen.shape[1]
    right = np.einsum("acc->a", seen) + smoothing
    total = seen.sum(axis=(1, 2)) + smoothing * n_classes
    chance = np.divide(right, total, out=np.full_like(right, 1 / n_classes), where=total > 0)
    wrong = (1 - chance) / (n_classes - 1)
    chances = np.where(np.eye(n_classes, dtype=bool), chance[:, None, None], wrong[:, None, None])
    return chances, float((xlogy(smoothing, chance) + xlogy(smoothing * (n_classes - 1), wrong)).sum())
