"""Ask again, or ask something new? One scale for both: ActiveLab (Goh & Mueller 2023), on the weights of CROWDLAB (Goh,
Tkachenko & Mueller 2022). One row per answer: items, annotators and values (m,), see `answers`."""

from dataclasses import dataclass

import numpy as np

from learning.engine.crowd.answers import codes, latest, vote_counts
from learning.engine.errors import EngineError

_LEAST = 1e-6  # weights and chances stay above: a person or model no better than the commonest label weighs next to nothing


@dataclass(frozen=True)
class RelabelScores:
    """quality (n,), 0 .. 1, of what is known of each item: the lowest is to be asked next, again or for the first time.

    consensus (n,): the label that model and people together hold most likely, with its confidence (n,) (before an imagined
    further answer); n_answers (n,). model_weight, annotator_weights (A,): trust, on one scale; agreement: how often an
    answer is what most say.
    """

    quality: np.ndarray
    consensus: np.ndarray
    confidence: np.ndarray
    n_answers: np.ndarray
    model_weight: float
    annotator_weights: np.ndarray
    agreement: float

    def order(self) -> np.ndarray:
        """(n,) positions, the ones to ask first in front; equal ones in their order, those with fewer answers first."""
        return np.lexsort((self.n_answers, self.quality))


def relabel_scores(
    items: np.ndarray, annotators: np.ndarray, values: np.ndarray, proba: np.ndarray, *, n_annotators: int
) -> RelabelScores:
    """How well each of n items is known, from a model's probabilities (n, C) and the answers, labelled or not.

    The mean, weighted by trust, of what the model says of the consensus label, of what each answer says of it, and of one
    imagined further answer of a person of mean trust who knows nothing (1 / C). That last one is what makes an item with
    few answers worth asking beside one with many. An answer says `agreement` of its own label and shares the rest among the
    others.

    Trust is how much better somebody is than always giving the commonest label, on the items with two answers or more:
    people by how often they agree with each other answer, the model by how often it agrees with the majority, and the
    model's weight grows with the root of the answers per item. People who share no item with others get the mean. Where no
    item has two answers the published weights are undefined; then model and people weigh 1, and `agreement` is judged by
    how often the two agree.

    proba must be out-of-sample and calibrated (`engine.calibration`): an overconfident model hides what is worth asking
    again. Raises EngineError for answers and probabilities that do not fit.
    """
    proba = np.asarray(proba, dtype=float)
    if proba.ndim != 2 or proba.shape[1] < 2 or not np.isfinite(proba).all():
        raise EngineError(f"The probabilities must be numbers of shape (items, labels), not {proba.shape}.")
    n_items, n_classes = proba.shape
    rows = latest(items, annotators)
    items = codes("items", items, n_items)[rows]
    annotators = codes("annotators", annotators, n_annotators)[rows]
    values = codes("values", values, n_classes)[rows]
    counts = vote_counts(items, values, n_items=n_items, n_classes=n_classes)
    n_answers = counts.sum(axis=1).astype(int)
    # Ties go to the label that the model prefers; no probability outweighs a vote.
    voted = (counts + proba / (proba.max() + 1)).argmax(axis=1)
    model_weight, weights, agreement = _trust(items, annotators, values, proba, counts, voted, n_annotators)
    said = vote_counts(items, values, n_items=n_items, n_classes=n_classes, weights=weights[annotators])
    people = said.sum(axis=1, keepdims=True)
    other = (1 - agreement) / (n_classes - 1)
    belief = (model_weight * proba + agreement * said + other * (people - said)) / (model_weight + people)
    consensus = belief.argmax(axis=1)
    confidence = belief[np.arange(n_items), consensus]
    trust = model_weight + people[:, 0]
    imagined = float(weights.mean())
    quality = (trust * confidence + imagined / n_classes) / (trust + imagined)
    return RelabelScores(quality, consensus, confidence, n_answers, model_weight, weights, agreement)


def _trust(
    items: np.ndarray,
    annotators: np.ndarray,
    values: np.ndarray,
    proba: np.ndarray,
    counts: np.ndarray,
    voted: np.ndarray,
    n_annotators: int,
) -> tuple[float, np.ndarray, float]:
    """(w_M, w (A,), P) of CROWDLAB, section 3."""
    n_answers = counts.sum(axis=1)
    several = n_answers > 1
    predicted = proba.argmax(axis=1)
    if not several.any():
        # Were model and people equally good, each would be right with the root of how often they agree. An untrained model
        # says nothing of people, so these stay at half way from chance to perfect at least.
        alike = float((predicted[items] == values).mean()) if len(items) else 0.0
        return 1.0, np.ones(n_annotators), max(alike**0.5, (1 + 1 / proba.shape[1]) / 2)
    with_majority = counts[several, voted[several]] / n_answers[several]
    agreement = float(with_majority.mean())
    commonest = counts.sum(axis=0).argmax()
    floor = min(float((voted[several] == commonest).mean()), 1 - _LEAST)
    right = float((predicted[several] == voted[several]).mean())
    answers_per_item = float(n_answers[n_answers > 0].mean())
    model_weight = max(1 - (1 - right) / (1 - floor), _LEAST) * np.sqrt(answers_per_item)
    shared = n_answers[items] - 1
    alike = np.bincount(annotators, counts[items, values] - 1, n_annotators)
    met = np.bincount(annotators, shared, n_annotators)
    agrees = np.divide(alike, met, out=np.zeros(n_annotators), where=met > 0)
    if (met > 0).any():
        agrees[met == 0] = agrees[met > 0].mean()
    return float(model_weight), np.maximum(1 - (1 - agrees) / (1 - floor), _LEAST), agreement
