"""Contexts for the tests of strategies."""

import numpy as np
from scipy import sparse

from learning import engine
from learning.engine import Context

LEARNER = {"name": "logistic_regression"}


def make_context(
    *, n=30, n_labeled=6, n_pending=2, n_classes=3, seen=3, as_sparse=False, seed=0, duplicates=False, d=4
) -> Context:
    """A small pool with random probabilities; with two classes or more labelled, a real model of it too."""
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) * (rng.random((n, d)) < 0.7)).astype(np.float32)
    if duplicates:
        X[:] = X[0]
    order = rng.permutation(n)
    labeled, pending = np.sort(order[:n_labeled]), order[n_labeled : n_labeled + n_pending]
    candidates = np.sort(order[n_labeled + n_pending :])
    y = np.arange(n_labeled) % seen
    X = sparse.csr_matrix(X) if as_sparse else X
    proba = np.zeros((len(candidates), n_classes))
    proba[:, :seen] = rng.dirichlet(np.ones(seen), size=len(candidates)) if seen > 1 else 1.0
    model = engine.fit(LEARNER, X, labeled, y, n_classes, 0) if len(np.unique(y)) >= 2 else None
    return Context(
        X=X,
        labeled=labeled,
        y=y,
        candidates=candidates,
        pending=pending,
        proba=proba if model is not None else None,
        model=model,
        learner=LEARNER,
        n_classes=n_classes,
        rng=np.random.default_rng(seed + 1),
    )


def frozen(context: Context) -> list[bytes]:
    """All that a strategy could have written to."""
    X = context.X.toarray() if sparse.issparse(context.X) else context.X
    given = (X, context.labeled, context.y, context.candidates, context.pending, context.proba)
    return [np.ascontiguousarray(a).tobytes() for a in given if a is not None]
