"""What follows from the features alone: computed once per pool, kept in memory, and on disk beside the features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from learning.engine.blocks import Matrix, row_blocks, take
from learning.engine.threads import one_thread

EMBEDDING_SIZE = 100
_FIT_ROWS = 20_000


class Derived:
    """Embedding, norms and the like of X (n, d), fitted on the rows `pool` only, so that a test row never has a say.

    Every value is a function of (X, pool) without any other seed: lost or shared, in memory or under `directory`, it is the same.
    """

    def __init__(self, X: Matrix, pool: np.ndarray, directory: Path | str | None = None) -> None:
        self.X, self.pool = X, np.asarray(pool, dtype=np.int64)
        self.directory = Path(directory) if directory else None
        self._kept: dict[str, Any] = {}

    def get(self, name: str, build: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of this name; `build()` makes it where neither memory nor disk has it."""
        if name not in self._kept:
            self._kept[name] = self._load(name)
        if self._kept[name] is None:
            with one_thread():
                self._kept[name] = self._save(name, build())
        return self._kept[name]

    @property
    def squared_norms(self) -> np.ndarray:
        """(n,) float64: the squared Euclidean length of each row."""
        return self.get("squared_norms", lambda: squared_norms(self.X))

    @property
    def embedding(self) -> np.ndarray:
        """(n, e) float32 for what needs dense rows (clusters, neighbours): X itself where it is dense and narrow.

        Otherwise the first 100 directions of a truncated SVD (Halko, Martinsson & Tropp 2011), fitted on at most 20,000 rows of
        the pool; rows of sparse matrices, mostly texts, are scaled to length one.
        """
        if not sparse.issparse(self.X) and self.X.shape[1] <= 4 * EMBEDDING_SIZE:
            return self.X
        return self.get("embedding", self._embed)

    def _embed(self) -> np.ndarray:
        X, size = self.X, min(EMBEDDING_SIZE, self.X.shape[1], len(self.pool))
        rows = self.sample(_FIT_ROWS) if len(self.pool) else np.arange(min(1, X.shape[0]))
        sample = take(X, rows)
        is_sparse = sparse.issparse(X)
        mean = None if is_sparse else sample.mean(axis=0)
        _, _, directions = randomized_svd(sample if is_sparse else sample - mean, max(size, 1), n_iter=4, random_state=0)
        directions = directions.T.astype(np.float32)
        embedded = np.empty((X.shape[0], directions.shape[1]), dtype=np.float32)
        for there, block in row_blocks(X, None, directions.shape[1]):
            block = np.asarray((block if is_sparse else block - mean) @ directions)
            if is_sparse:
                lengths = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
                block = np.divide(block, lengths, out=np.zeros_like(block), where=lengths > 0)
            embedded[there] = block
        return embedded

    def sample(self, size: int) -> np.ndarray:
        """At most `size` positions of the pool, ascending: at random, as files may be periodic, and always the same ones."""
        if len(self.pool) <= size:
            return self.pool
        return np.sort(np.random.default_rng(0).choice(self.pool, size=size, replace=False))

    def _path(self, name: str) -> Path | None:
        return self.directory / f"{name}.npy" if self.directory else None

    def _load(self, name: str) -> np.ndarray | None:
        path = self._path(name)
        try:
            return np.load(path, mmap_mode="r") if path else None
        except (OSError, ValueError):  # not there, or cut short by a power loss: it is built again
            return None

    def _save(self, name: str, values: np.ndarray) -> np.ndarray:
        if path := self._path(name):
            from learning.engine.store import write_array

            write_array(path, values)
        return values


def squared_norms(rows: Matrix) -> np.ndarray:
    """(m,) float64."""
    if not sparse.issparse(rows):
        norms = np.empty(rows.shape[0])
        for there, block in row_blocks(rows, None, 1):
            norms[there] = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        return norms
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    # Each row on its own: as differences of one running sum a row of small numbers would vanish behind one of large ones.
    return np.bincount(row, rows.data.astype(np.float64) ** 2, rows.shape[0])
