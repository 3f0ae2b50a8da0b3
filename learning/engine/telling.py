"""The words that tell a linear learner of texts most, to be marked where people read."""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

_MOST = 2000


def telling_words(transformer: Any, model: Any, per_class: int = 30) -> list[str]:
    """The words of the largest weight for each class, ascending; at most 2,000 in all, each once.

    Of features whose columns are words (TF-IDF or counts, alone or beside characters) and a learner with a weight per column and
    class (logistic regression, linear SVM, SGD), also of several labels per item. Of all others none: what a word weighs there
    cannot be read off. A word with more than one weight for a class (a calibrated model has one per fold) counts by their mean.
    """
    words, weights = _words(transformer), _weights(model)
    if words is None or weights is None or weights.shape[1] <= max(words.values(), default=-1):
        return []
    names = np.array(sorted(word for word in words if " " not in word))
    columns = np.array([words[name] for name in names], dtype=np.int64)
    if len(weights) == 1:
        weights = np.vstack([-weights, weights])
    most = max(1, min(per_class, _MOST // len(weights), len(names)))
    found: set[str] = set()
    for own in weights[:, columns] if len(names) else ():
        best = np.argsort(-own, kind="stable")[:most]
        found.update(names[best[own[best] > 0]].tolist())
    return sorted(found)


def _words(transformer: Any) -> dict[str, int] | None:
    """Each word's column; None where columns are no words."""
    if isinstance(transformer, Pipeline) and isinstance(transformer.steps[0][1], FeatureUnion) and len(transformer.steps) == 2:
        transformer = dict(transformer.steps[0][1].transformer_list).get("words")  # words come first, then characters
    if isinstance(transformer, CountVectorizer) and transformer.analyzer == "word":
        return transformer.vocabulary_
    return None


def _weights(model: Any) -> np.ndarray | None:
    """(classes or 1, columns)"""
    if isinstance(model, Pipeline):
        return None  # scaled columns: their weights are not those of the words
    several = getattr(model, "estimators", None)
    if isinstance(several, tuple):  # one per label
        own = [_weights(estimator) for estimator in several if estimator is not None]
        return np.vstack(own) if own and all(w is not None and len(w) == 1 for w in own) else None
    if hasattr(model, "calibrated_classifiers_"):
        parts = [_weights(part.estimator) for part in model.calibrated_classifiers_]
        return np.mean(parts, axis=0) if all(part is not None and part.shape == parts[0].shape for part in parts) else None
    return np.asarray(model.coef_) if hasattr(model, "coef_") and np.ndim(model.coef_) == 2 else None
