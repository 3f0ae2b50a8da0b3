"""What a batch looked like: which classes the learner expected in it, and which ones people gave. Nothing here decides."""

import numpy as np


def entropy(counts: np.ndarray) -> float | None:
    """In nats, of a class histogram (C,): log C of all classes alike, 0 of a single class; None of nothing."""
    counts = np.asarray(counts, dtype=float)
    total = counts.sum()
    if total <= 0:
        return None
    shares = counts[counts > 0] / total
    return float(-(shares * np.log(shares)).sum()) + 0.0


def arrived(labeled: np.ndarray, before: list[int] | None) -> dict:
    """The class histogram of all labels (C,), and of those that are new since the last round, with its entropy."""
    counts = np.asarray(labeled, dtype=np.int64)
    said = {"labeled": counts.tolist()}
    if before is not None:
        earlier = np.zeros(len(counts), dtype=np.int64)
        earlier[: len(before)] = before
        new = np.maximum(counts - earlier, 0)  # a label that was taken back is no arrival
        said |= {"arrived": new.tolist(), "arrived_entropy": entropy(new)}
    return said


def asked(strategy: str, expected: np.ndarray | None, size: int) -> dict:
    """The batch that goes out: its strategy and size, and how often the learner expects each class in it (C,)."""
    said = {"strategy": strategy, "size": size}
    if expected is not None:
        said |= {"predicted": expected.tolist(), "predicted_entropy": entropy(expected)}
    return said
