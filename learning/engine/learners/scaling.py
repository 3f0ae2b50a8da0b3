"""Scaled input for learners that go down a gradient, folded into their weights afterwards: a trained model scales nothing."""

import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix


def scaled(X: Matrix) -> tuple[Matrix, np.ndarray, np.ndarray]:
    """((X - mean) / scale, mean (d,), scale (d,)) of X (l, d): columns of mean 0 and variance 1, constant ones of 0.

    Sparse rows stay sparse: they are neither centred nor weighted by column, which would make the rarest words the loudest
    and undo their TF-IDF. One number for all columns makes the mean square of a row 1.
    """
    if sparse.issparse(X):
        size = np.sqrt(np.square(X.data).sum() / max(X.shape[0], 1)) or 1.0
        return X / size, np.zeros(X.shape[1]), np.full(X.shape[1], size)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    # Rounding leaves a trace of variance in a constant column; what is no more than that would be blown up.
    constant = scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scale[constant] = 1.0
    return (X - mean) / scale, mean, scale


def unscaled(weights: np.ndarray, intercept: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (d, h) and intercept (h,) on scaled rows, as (weights, intercept) that give the same on the rows as they are."""
    weights = weights / scale[:, None]
    return weights, intercept - mean @ weights
