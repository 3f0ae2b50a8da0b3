"""What the parts of a report share: signs, dust, and plain data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from learning.engine.evaluation.areas import TINY
from learning.engine.evaluation.resampling import ALPHA


def turned(stats: dict[str, np.ndarray], sign: int) -> dict[str, np.ndarray]:
    """Statistics of -x from those of x."""
    if sign > 0:
        return dict(stats)
    turned = {key: -value if key == "mean" else value for key, value in stats.items()}
    for low, high in (("low", "high"), ("bootstrap_low", "bootstrap_high")):
        if low in stats:
            turned[low], turned[high] = -stats[high], -stats[low]
    return turned


def cleaned(differences: np.ndarray) -> np.ndarray:
    """Without the dust of rounding, so that equal curves differ by nothing."""
    return np.where(np.abs(differences) < TINY, 0.0, differences)


def verdict(mean: float, p: float) -> str:
    """better or worse where the difference is real at 5 %, none otherwise."""
    if not p < ALPHA:
        return "none"
    return "better" if mean > 0 else "worse"


def plain(value: Any) -> Any:
    """JSON's own types: None for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        return value
    return value
