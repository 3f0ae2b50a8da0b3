"""Which strategy asks, and what it asks, where an item may have any number of labels."""

from typing import Any

import numpy as np

from learning.engine import loop
from learning.engine.strategies import Context, Selection
from learning.engine.strategies.multilabel import multilabel_strategies
from learning.engine.warm_up import runs_without_model


def select(
    settings: dict[str, Any],
    context: Context,
    batch_size: int,
    *,
    exploration: float = 0.0,
    rng: np.random.Generator | None = None,
    beyond: int = 0,
) -> Selection:
    """As `engine.select`, by one of `multilabel_strategies`. Without a model, one that needs it leaves the choice to chance."""
    if context.model is None and not runs_without_model(settings, multilabel_strategies):
        settings = {"name": "random"}
    return loop.select(
        settings, context, batch_size, exploration=exploration, rng=rng, beyond=beyond, registry=multilabel_strategies
    )
