"""What is set aside, and what the first model learns from."""

import numpy as np


def draw_test(n_items: int, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """A uniform random sample of round(ratio * n_items) positions, ascending int64."""
    size = min(n_items, round(ratio * n_items))
    return np.sort(rng.choice(n_items, size=size, replace=False)).astype(np.int64)


def draw_seed(candidates: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """At most `size` of the candidates, uniformly, in random order (the order in which they are asked)."""
    candidates = np.asarray(candidates, dtype=np.int64)
    return rng.choice(candidates, size=min(size, len(candidates)), replace=False)
