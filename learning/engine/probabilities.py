"""From rows to probabilities, without converting the features to another precision where that is most of the work."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from learning.engine.blocks import Matrix


def in_single_precision(model: Any, X: Matrix) -> bool:
    """Can the logits of the rows of X be computed in single precision?"""
    return type(model) is LogisticRegression and not sparse.issparse(X) and X.dtype == np.float32


def probabilities_of(model: Any, X: Matrix) -> Callable[[Matrix], np.ndarray]:
    """The function from rows of X (m, d) to the probabilities (m, C) of the classes that the model knows, in their order."""
    return _single_precision(model) if in_single_precision(model, X) else model.predict_proba


def _single_precision(model: LogisticRegression) -> Callable[[np.ndarray], np.ndarray]:
    """Logits in single, what follows in double precision."""
    weights, intercept = np.ascontiguousarray(model.coef_.T, dtype=np.float32), model.intercept_

    def answer(rows: np.ndarray) -> np.ndarray:
        logits = (rows @ weights).astype(np.float64) + intercept
        if logits.shape[1] == 1:
            return np.hstack([expit(-logits), expit(logits)])
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    return answer
