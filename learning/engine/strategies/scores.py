"""How uncertain a model is of each item: pure functions from P (m, C), class probabilities, to (m,), higher = ask first."""

import numpy as np


def _two_largest(P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    P = np.asarray(P)
    if P.shape[1] == 1:
        return P[:, 0], np.zeros(len(P), dtype=P.dtype)
    if P.shape[1] == 2:
        return np.maximum(P[:, 0], P[:, 1]), np.minimum(P[:, 0], P[:, 1])  # numpy reduces short rows one by one
    top = np.partition(P, P.shape[1] - 2, axis=1)
    return top[:, -1], top[:, -2]


def least_confidence(P: np.ndarray) -> np.ndarray:
    """One minus the largest probability (Lewis & Gale 1994)."""
    return 1.0 - _two_largest(P)[0] if np.shape(P)[1] == 2 else 1.0 - np.asarray(P).max(axis=1)


def margin(P: np.ndarray) -> np.ndarray:
    """Minus the gap between the two largest (Scheffer, Decomain & Wrobel 2001). Decision values (m, C) may stand for P."""
    first, second = _two_largest(P)
    return second - first


def ratio(P: np.ndarray) -> np.ndarray:
    """The second largest over the largest, in 0..1; 1 where all are zero."""
    first, second = _two_largest(P)
    return np.divide(second, first, out=np.ones(len(first), dtype=np.result_type(first, np.float32)), where=first > 0)


def entropy(P: np.ndarray) -> np.ndarray:
    """Shannon entropy in nats, 0 log 0 = 0 (Shannon 1948; Holub, Perona & Burl 2008)."""
    P = np.asarray(P)
    logarithm = np.log(P, out=np.zeros(P.shape, dtype=np.result_type(P, np.float32)), where=P > 0)
    return -np.einsum("ij,ij->i", P, logarithm)
