"""Two ways to write the weights of a linear model: by columns, or as a sum of the labelled rows.

With an L2 penalty the optimal weights are W = X^T A, one row of A per labelled row (the representer theorem; Kimeldorf & Wahba
1971). With fewer labels than columns it is cheaper to look for A (l, k), where all that is needed of the features is the Gram
matrix K = X X^T (l, l): the inner product of two weights is that of the rows of A under K. No factor of K is made, so rows that
occur twice (which make K singular) are no special case.
"""

import numpy as np
from scipy import sparse

from learning.engine.blocks import Matrix

_MAX_GRAM = 4096  # rows: 128 MB


class Columns:
    """Weights (d, k), one row per column of X (l, d)."""

    needs_logits = False

    def __init__(self, X: Matrix) -> None:
        self.X = X
        self.dense = None if sparse.issparse(X) else X
        self.XT = X.T.tocsr() if sparse.issparse(X) else X.T
        # Of a sparse matrix the same places, squared: a product of two would look for them.
        self.squares = _with_data(self.XT, self.XT.data**2) if sparse.issparse(X) else (X * X).T
        self.size = X.shape[1]
        self.row_squares = np.asarray(self.squares.sum(axis=0)).ravel()
        self.intercept_scale = _scale(self.row_squares)

    def logits(self, v: np.ndarray) -> np.ndarray:
        return self.X @ v

    def embed(self, R: np.ndarray) -> np.ndarray:
        return self.XT @ R

    def inner(self, u: np.ndarray, v: np.ndarray, logits_of_v: np.ndarray | None) -> float:
        return float(np.vdot(u, v))

    def inverse_diagonal(self, D: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """What steps are scaled by, (d, k) and for the intercept (k,): the root of 1 / the diagonal of the Hessian.

        The whole of it (Jacobi) is as good on texts, but takes twice the products on images, whose faint columns it blows up;
        without any texts take half as many again (measured, C from 1 to 100).
        """
        scale2 = self.intercept_scale**2
        diagonal_b = D.sum(axis=0) + penalty / scale2
        return 1 / np.sqrt(self.squares @ D + penalty), np.sqrt(scale2 / diagonal_b)

    def from_rows(self, A: np.ndarray) -> np.ndarray:
        """The weights X^T A of A (l, k)."""
        return self.XT @ A

    def weights(self, v: np.ndarray) -> np.ndarray:
        """(d, k) of a variable."""
        return v


class Rows:
    """Weights X^T A, written as A (l, k). `gram` is X X^T in float64."""

    needs_logits = True
    dense = None

    def __init__(self, X: Matrix, gram: np.ndarray) -> None:
        self.X, self.gram = X, gram
        self.size = len(gram)
        self.row_squares = np.diagonal(gram)
        self.intercept_scale = _scale(self.row_squares)

    def logits(self, v: np.ndarray) -> np.ndarray:
        return self.gram @ v

    def embed(self, R: np.ndarray) -> np.ndarray:
        return R.copy()

    def inner(self, u: np.ndarray, v: np.ndarray, logits_of_v: np.ndarray | None) -> float:
        return float(np.vdot(u, logits_of_v))

    def inverse_diagonal(self, D: np.ndarray, penalty: float) -> tuple[float, float]:
        """None is known that would not need a factor; the intercept counts like a column of the rows' usual size."""
        return 1.0, self.intercept_scale**2

    def from_rows(self, A: np.ndarray) -> np.ndarray:
        return A

    def weights(self, v: np.ndarray) -> np.ndarray:
        return np.asarray(self.X.T @ v)


class LabelledRows:
    """The labelled rows X (l, d) in float64, on the columns that any of them uses, and the space that suits their shape."""

    def __init__(self, X: Matrix, n_logits: int) -> None:
        self.n_features = X.shape[1]
        self.used: np.ndarray | slice = slice(None)
        if sparse.issparse(X):
            is_used = np.bincount(X.indices, minlength=X.shape[1]) > 0
            self.used = np.flatnonzero(is_used)
            number = (np.cumsum(is_used) - 1).astype(X.indices.dtype)  # keeps the order, so nothing is to be sorted
            X = sparse.csr_matrix((X.data, number[X.indices], X.indptr), shape=(X.shape[0], len(self.used)))
        self.X = X
        self.gram = gram(X) if _prefers_rows(X, n_logits) else None

    def space(self, rows: np.ndarray | None = None) -> Columns | Rows:
        """Of all rows, or of those at `rows` (m,)."""
        X = self.X if rows is None else self.X[rows]
        if self.gram is None:
            return Columns(X)
        return Rows(X, self.gram if rows is None else self.gram[np.ix_(rows, rows)])

    def coefficients(self, weights: np.ndarray) -> np.ndarray:
        """(k, d) of weights (columns in use, k): with an L2 penalty columns that no row uses get exactly zero."""
        coef = np.zeros((weights.shape[1], self.n_features))
        coef[:, self.used] = weights.T
        return coef


def _with_data(X: sparse.csr_matrix, data: np.ndarray) -> sparse.csr_matrix:
    return sparse.csr_matrix((data, X.indices, X.indptr), shape=X.shape)


def gram(X: Matrix) -> np.ndarray:
    """X X^T (l, l), dense."""
    return (X @ X.T).toarray() if sparse.issparse(X) else X @ X.T


def _prefers_rows(X: Matrix, n_logits: int) -> bool:
    """Whether one product with the Gram matrix is cheaper than two with X (l, d); by the shapes alone.

    Measured on texts of 10 to 300 words and on 64 to 1,024 dense columns: the more logits, the more a dense product gains on a
    sparse one, and the less it matters what the Gram matrix itself costs.
    """
    n, d = X.shape
    if n > _MAX_GRAM:
        return False
    if sparse.issparse(X):
        return n * n <= min(12.0, 2 + n_logits / 2) * X.nnz
    return n * max(1.0, 4 / n_logits) < d


def _scale(row_squares: np.ndarray) -> float:
    return float(np.sqrt(row_squares.mean())) or 1.0
