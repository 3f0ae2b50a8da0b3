"""Feature sets: raw items to a matrix, one or more per modality."""

from learning.engine.errors import UnknownName
from learning.engine.features import image_sets, tables, text  # noqa: F401 - they register themselves
from learning.engine.features.registry import FeatureSet, features

_DEFAULTS = {"text": "tfidf", "image": "hog", "table": "columns"}


def default_for(modality: str) -> str:
    """The name of the feature set that a newcomer should start with."""
    if modality not in _DEFAULTS:
        raise UnknownName("modalities", modality, _DEFAULTS)
    return _DEFAULTS[modality]


__all__ = ["FeatureSet", "default_for", "features"]
