"""Labels chosen by a strategy beside labels drawn at random, in one run: two learners of as many labels, the same test items."""

from collections.abc import Callable

import numpy as np

from learning.engine.randomness import generator

FEWEST_RANDOM = 10
_SIZES = 8
DRAWS = 1000

Hits = Callable[[np.ndarray], np.ndarray]


def sizes_for(n_random: int, n_asked: int, n: int = _SIZES) -> list[int]:
    """How many of the asked labels are tried: from none to all that matter, n_random itself among them, closest around it."""
    last = min(n_asked, 3 * n_random)
    return sorted({0, min(n_random, n_asked), last, *np.linspace(0, last, n).round().astype(int).tolist()})


def compare_arms(hits: Hits, base: np.ndarray, drawn: np.ndarray, asked: np.ndarray, *, seed: int = 0) -> dict | None:
    """What the strategy brought beyond chance, from labels that are there; None with fewer than FEWEST_RANDOM drawn ones.

    `base` (positions): what both begin with; `drawn`: labelled because chance drew them; `asked`: all labels in the order in
    which they came, the drawn ones among them. `hits(positions)` trains on them and says which test items are then right
    (t,), bool. Answers plain data: "labels" (the drawn ones), "base", "random" and "active" (accuracy at as many labels),
    "difference" and "saved" (labels that the strategy needs fewer for random's score), each {"value", "low", "high"} with 95 %
    intervals of a bootstrap over the test items, which both learners share. "saved" is None where no size that was tried
    reaches the score; its low end is None where that is so in more than one resample of forty.

    The intervals are those of the test set alone: another draw of the random labels would give another learner.
    """
    n_random = len(drawn)
    if n_random < FEWEST_RANDOM or len(asked) < n_random:
        return None
    sizes = sizes_for(n_random, len(asked))
    at_random = np.asarray(hits(np.concatenate([base, drawn])), dtype=float)
    active = np.stack([np.asarray(hits(np.concatenate([base, asked[:size]])), dtype=float) for size in sizes])  # (s, t)
    n_test = len(at_random)
    if n_test == 0:
        return None
    # Test items on which all learners were right and wrong alike are interchangeable: few patterns, however many items.
    patterns, counts = np.unique(np.vstack([at_random, active]).T, axis=0, return_counts=True)
    times = generator(seed, "arms", n_random).multinomial(n_test, counts / n_test, size=DRAWS)
    scores = np.vstack([counts, times]) / n_test @ patterns  # the first row is the sample itself
    random_scores, active_scores = scores[:, 0], scores[:, 1:]  # (1 + draws,), (1 + draws, s)
    same = active_scores[:, sizes.index(n_random)]
    saved = n_random - _first_reaching(np.array(sizes, dtype=float), active_scores, random_scores)
    return {
        "labels": n_random,
        "base": len(base),
        "n_test": n_test,
        "random": _interval(random_scores),
        "active": _interval(same),
        "difference": _interval(same - random_scores),
        "saved": _interval(saved) if np.isfinite(saved[0]) else None,
    }


def _first_reaching(sizes: np.ndarray, scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(n,): where each row of scores (n, s) first reaches its target, on the line between two sizes; inf: nowhere."""
    reached = scores >= targets[:, None] - 1e-12
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), -1)
    rows = np.arange(len(scores))
    before = np.maximum(first - 1, 0)
    rise = scores[rows, first] - scores[rows, before]
    share = np.where(rise > 0, (targets - scores[rows, before]) / np.where(rise > 0, rise, 1), 1.0)
    found = sizes[before] + np.clip(share, 0, 1) * (sizes[first] - sizes[before])
    return np.where(first < 0, np.inf, np.where(first == 0, sizes[0], found))


def _interval(values: np.ndarray) -> dict[str, float | None]:
    """Of the sample (values[0]) and its resamples; an end that is not finite is None."""
    low, high = np.quantile(values[1:], [0.025, 0.975], method="nearest")
    return {name: float(v) if np.isfinite(v) else None for name, v in (("value", values[0]), ("low", low), ("high", high))}
