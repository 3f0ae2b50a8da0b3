"""A project's answers as the numbers of engine/crowd take them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning.engine import crowd

# Answers per window over time, and how many windows there are at most.
WINDOW = 200
MOST_WINDOWS = 30
# Per label; more would be seen nowhere.
MOST_LABELS = 30
DRAWS = 300


@dataclass(frozen=True)
class Answers:
    """In the order in which they came. items, people (m,): codes; keys: the item's id by its code; stored: the values."""

    items: np.ndarray
    people: np.ndarray
    keys: np.ndarray
    stored: list[Any]

    @property
    def several(self) -> np.ndarray:
        """(m,): is the item one with two answers or more? Only these say something of agreement."""
        return np.bincount(self.items)[self.items] > 1

    def only(self, chosen: np.ndarray) -> "Answers":
        """Those of a mask (m,), with codes of their own for the items."""
        kept, items = np.unique(self.items[chosen], return_inverse=True)
        stored = [value for value, keep in zip(self.stored, chosen.tolist(), strict=True) if keep]
        return Answers(items, self.people[chosen], self.keys[kept], stored)


def over_time(items: np.ndarray, alpha: Callable[[np.ndarray], crowd.Estimate]) -> list[dict[str, Any]]:
    """[{end, alpha, low, high, items}] by windows of answers; nothing while there are fewer than two windows have.

    `alpha` gets the mask of a window's answers. An item belongs, with all its answers, to the window of its last one.
    """
    n = len(items)
    width = max(WINDOW, -(-n // MOST_WINDOWS))
    starts = list(range(0, n - width + 1, width))
    if len(starts) < 2:
        return []
    last = np.zeros(int(items.max()) + 1, dtype=np.int64)
    last[items] = np.arange(n)  # the last of several assignments counts
    edges = np.array([*starts, n])
    window = (np.searchsorted(edges, last, side="right") - 1)[items]
    found = [alpha(window == w) for w in range(len(starts))]
    return [
        {"end": int(end), "alpha": row.value, "low": row.low, "high": row.high, "items": row.n_items}
        for end, row in zip(edges[1:], found, strict=True)
    ]


def estimate(found: crowd.Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "items": found.n_items}
