"""The registry of feature sets."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from learning.engine.parameters import Parameter, validate
from learning.engine.registry import Registry

features = Registry("features")


class FeatureSet:
    """Base of the built-in feature sets. A plug-in needs no base class, only these attributes and `build`."""

    label: ClassVar[str]
    help: ClassVar[str]
    modality: ClassVar[str]  # "text", "image" or "table"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    module: ClassVar[str] = ""  # what must lie beside an exported model, see `pipeline.STANDALONE`
    requires: ClassVar[str] = ""  # what must be installed to use an exported model, beside scikit-learn and skops

    @classmethod
    def build(cls, settings: dict[str, Any], random_state: int, items: Any = None) -> BaseEstimator:
        """An unfitted scikit-learn transformer from raw items to a matrix (n, d).

        `items`, the raw items on which it will be fitted, is for sets whose shape follows from the data (tables).
        """
        return cls._build(validate(settings, cls.parameters), random_state, items)

    @classmethod
    def _build(cls, s: dict[str, Any], random_state: int, items: Any) -> BaseEstimator:
        raise NotImplementedError


def count(items: Any) -> int:
    """The number of raw items."""
    return len(items)


def take_items(items: Any, positions: np.ndarray) -> Any:
    """The raw items at the positions: a DataFrame of a DataFrame, else a list."""
    return items.iloc[positions] if hasattr(items, "iloc") else [items[i] for i in positions]
