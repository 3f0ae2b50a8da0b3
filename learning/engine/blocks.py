"""Rows of a large (maybe memory-mapped) matrix, a piece at a time."""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

Matrix = np.ndarray | sparse.csr_matrix | sparse.csr_array
_BLOCK_BYTES = 1 << 26


def row_blocks(X: Matrix, positions: np.ndarray | None, width: int) -> Iterator[tuple[slice, Matrix]]:
    """Pieces (where they go, X[positions][there]) of about 64 MB, counting `width` result columns of eight bytes per row.

    The size follows from the shapes alone, so the arithmetic is the same on every machine.
    """
    n = X.shape[0] if positions is None else len(positions)
    per_row = 8 * (width + (X.shape[1] if not sparse.issparse(X) else 0))
    step = max(256, min(65_536, _BLOCK_BYTES // max(per_row, 1)))
    for start in range(0, n, step):
        there = slice(start, min(start + step, n))
        yield there, take(X, there if positions is None else positions[there])


def take(X: Matrix, rows: np.ndarray | slice) -> Matrix:
    """X[rows] as an ordinary array (not a memory map), or as CSR."""
    return X[rows] if sparse.issparse(X) else np.asarray(X[rows])


def take_double(X: Matrix, rows: np.ndarray) -> Matrix:
    """The same in double precision. (A sparse matrix's own `astype` sorts every row anew, which takes longer than the copy.)"""
    found = take(X, rows)
    if not sparse.issparse(found):
        return found.astype(np.float64)
    return type(found)((found.data.astype(np.float64), found.indices, found.indptr), shape=found.shape)
