"""Numbers of learning curves: areas, scores at a budget, the labels that a target takes, deficiency."""

import numpy as np

# Scores are shares of counts; what differs by less is the same number computed in another way.
TINY = 1e-12


def alc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(...) the normalised area under curves, scores (..., T) at labels (T,): nan where they have no width.

    ALC = sum_t (l_t - l_(t-1)) (s_t + s_(t-1)) / 2 / (l_T - l_0): the trapezoids, divided by the width; the mean score over the
    labels spent (Guyon, Cawley, Dror & Lemaire 2011, without their division by a perfect curve).
    """
    width = labels[-1] - labels[0] if len(labels) > 1 else 0
    return np.trapezoid(scores, labels, axis=-1) / width if width > 0 else np.full(scores.shape[:-1], np.nan)


def aubc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(...) the area under the budget curve as Lu, Li & Lin (2023) compute it; scores (..., T + 1) at labels (T + 1,).

    AUBC = sum_(t >= 2) (l_t - l_(t-1)) (s_t + s_(t-1)) / 2 / (l_T - l_0): the first point, on the seed, is dropped, but the
    divisor stays; with one label per query that is the trapezoids of T scores divided by T. About 1/T lower than the ALC.
    """
    width = labels[-1] - labels[0] if len(labels) > 2 else 0
    return np.trapezoid(scores[..., 1:], labels[1:], axis=-1) / width if width > 0 else np.full(scores.shape[:-1], np.nan)


def scores_at(labels: np.ndarray, scores: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(..., A) scores of curves (..., T) at the label counts `at` (A,), linear between rounds and nan outside the curves."""
    at = np.asarray(at, dtype=float)
    right = np.clip(np.searchsorted(labels, at), 1, max(1, len(labels) - 1))
    if len(labels) == 1:
        return np.where(at == labels[0], scores, np.nan)
    left = right - 1
    share = (at - labels[left]) / (labels[right] - labels[left])
    inside = (at >= labels[0]) & (at <= labels[-1])
    low, high = scores[..., left], scores[..., right]
    # Exact at the rounds themselves, so that equal scores stay equal.
    values = np.where(share == 0, low, np.where(share == 1, high, low + share * (high - low)))
    return np.where(inside, values, np.nan)


def labels_to_target(labels: np.ndarray, scores: np.ndarray, target: float) -> float:
    """The number of labels at which the curve (T,) first reaches the target, linear between rounds; nan where it never does.

    A curve that is there from the start took its first number of labels: fewer were not tried.
    """
    reached = np.flatnonzero(scores >= target - TINY)
    if len(reached) == 0:
        return np.nan
    t = int(reached[0])
    if t == 0:
        return float(labels[0])
    before, after = scores[t - 1], scores[t]
    share = min(1.0, (target - before) / (after - before))
    return float(labels[t - 1] + share * (labels[t] - labels[t - 1]))


def deficiency(scores: np.ndarray, baseline: np.ndarray, full: float) -> np.ndarray:
    """(...) sum_t (full - s_t) / sum_t (full - baseline_t) of mean curves (..., T): below 1 is better than the baseline.

    Baram, El-Yaniv & Luz (2004), with `full` the model trained on all labels as Zhu, Wang & Hovy (2008) take it. nan where the
    baseline has nothing to lose, i.e. is not below `full` on average.
    """
    lost = float(np.sum(full - baseline))
    return np.sum(full - scores, axis=-1) / lost if lost > TINY else np.full(scores.shape[:-1], np.nan)
