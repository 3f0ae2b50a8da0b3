"""Query strategies: one class per strategy, one module per family. The margin strategy is the default."""

from learning.engine.strategies import (  # noqa: F401 - they register themselves
    badge,
    committee,
    contrastive,
    coverage,
    density,
    discriminative,
    error_reduction,
    gradient,
    k_center,
    quire,
    typiclust,
    uncertainty,
    uniform,
)
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.registry import strategies

DEFAULT = "margin"
strategies.put_first("margin", "least_confidence", "entropy", "ratio")

__all__ = ["DEFAULT", "Context", "Selection", "Strategy", "strategies"]
