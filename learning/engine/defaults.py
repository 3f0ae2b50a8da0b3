"""The settings that a newcomer starts with."""

from typing import Any

from learning.engine.features import default_for, features
from learning.engine.learners import DEFAULT as LEARNER
from learning.engine.learners import learners
from learning.engine.parameters import validate
from learning.engine.strategies import DEFAULT as STRATEGY
from learning.engine.strategies import strategies


def default_settings(modality: str) -> dict[str, dict[str, Any]]:
    """Complete settings of "features", "learner" and "strategy" for "text", "image" or "table" items. Raises UnknownName."""
    names = {
        "features": (features, default_for(modality)),
        "learner": (learners, LEARNER),
        "strategy": (strategies, STRATEGY),
    }
    return {part: validate({"name": name}, registry.get(name).parameters) for part, (registry, name) in names.items()}
