"""Linear classifiers: fast, and hard to beat on text."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.utils.validation import check_array, check_X_y, validate_data

from learning.engine.blocks import Matrix
from learning.engine.learners.kernel_space import Columns, LabelledRows, Rows
from learning.engine.learners.newton import Logistic, Softmax, minimise
from learning.engine.learners.registry import CLASS_WEIGHT, Learner, learners
from learning.engine.parameters import Parameter

State = dict[str, np.ndarray]
_STATE_KEYS = ("positions", "classes", "pulls", "intercept")


def _strength(default: float) -> Parameter:
    return Parameter(
        "C",
        "float",
        default,
        minimum=1e-4,
        maximum=1e4,
        label="C",
        help="Larger trusts the labels more, smaller keeps the model simpler (inverse strength of the penalty).",
    )


def _max_iter(default: int) -> Parameter:
    return Parameter(
        "max_iter", "int", default, minimum=10, maximum=100_000, label="Iterations", help="Training ends here at the latest."
    )


@learners.register("logistic_regression")
class LogisticRegression(Learner):
    """Logistic regression with an L2 penalty, multinomial for more than two classes: the optimum of scikit-learn's, found faster.

    By truncated Newton steps (see `newton`) in whichever of two spaces is cheaper (see `kernel_space`), nearer to the optimum
    than scikit-learn's default tolerance leads. What comes out is a plain scikit-learn estimator; its `n_iter_` counts products
    with the features. Deterministic, provided that linear algebra is (see `one_thread`).
    """

    label = "Logistic regression"
    help = "Fast, with probabilities that mean something: the sound first choice."
    parameters = (_strength(10.0), CLASS_WEIGHT, _max_iter(1000))

    def build(self, *, class_counts: np.ndarray, sparse: bool, random_state: int) -> SklearnLogisticRegression:
        s = self.settings
        return SklearnLogisticRegression(
            C=s["C"], class_weight=self.class_weight, max_iter=s["max_iter"], random_state=random_state
        )

    def fit(self, estimator: SklearnLogisticRegression, X: Matrix, y: np.ndarray) -> SklearnLogisticRegression:
        """Train on (l, d) and (l,), from zero."""
        return self.fit_warm(estimator, X, y, np.arange(len(y)), None)[0]

    def fit_warm(
        self, estimator: SklearnLogisticRegression, X: Matrix, y: np.ndarray, positions: np.ndarray, state: State | None
    ) -> tuple[SklearnLogisticRegression, State]:
        """(the estimator, the state for the next round) of rows that are known by their `positions` (l,), each once.

        The state says how much each row pulls on the weights: `positions` (l,), `classes` (C,), `pulls` (l, C), `intercept`
        (C,). Whatever changed since (rows gone, labels, classes, settings, features), it is a start and no more: the problem is
        convex, so the optimum is the same. The result is a function of the arguments alone, bit for bit.
        """
        if not _is_checked(X):
            X, y = validate_data(estimator, X, y, accept_sparse="csr", dtype=np.float64)
        positions = np.asarray(positions)
        classes, codes = np.unique(y, return_inverse=True)
        rows = LabelledRows(X, _n_logits(classes))
        start = None if state is None else _pulls_then(state, positions, classes)
        pulls, intercept = _solve(estimator, rows, rows.space(), classes, codes, np.ones(len(y)), start)
        return estimator, {"positions": positions, "classes": classes, "pulls": pulls, "intercept": intercept}

    def fit_labels(
        self, X: Matrix, Y: np.ndarray, positions: np.ndarray, seed: int, state: State | None
    ) -> tuple[list[SklearnLogisticRegression], State]:
        """One estimator per column of Y (l, L) boolean, each of which must have both values: (the estimators, the next state).

        They share the rows of X and their Gram matrix, where there is one. The state is as of `fit_warm`, a column per label:
        `classes` are their numbers 0 .. L - 1.
        """
        X, Y = check_array(X, accept_sparse="csr", dtype=np.float64), np.asarray(Y, dtype=bool)
        positions, numbers, both = np.asarray(positions), np.arange(Y.shape[1]), np.arange(2)
        rows = LabelledRows(X, 1)
        space, ones = rows.space(), np.ones(len(Y))
        start = None if state is None else _pulls_then(state, positions, numbers)
        pulls, intercept = np.zeros(Y.shape), np.zeros(Y.shape[1])
        estimators = []
        for j in numbers:
            counts = np.bincount(Y[:, j], minlength=2)
            estimator = self.build(class_counts=counts, sparse=issparse(X), random_state=seed)
            before = None
            if start is not None:
                A, b = start[0][:, [j]], start[1][[j]]
                before = np.hstack([-A, A]) / 2, np.append(-b, b) / 2
            A, b = _solve(estimator, rows, space, both, Y[:, j].astype(np.int64), ones, before)
            pulls[:, j], intercept[j] = A[:, 1] - A[:, 0], b[1] - b[0]
            estimators.append(estimator)
        return estimators, {"positions": positions, "classes": numbers, "pulls": pulls, "intercept": intercept}

    def fit_committee(self, X: Matrix, y: np.ndarray, weights: np.ndarray, seed: int) -> list[SklearnLogisticRegression]:
        """K estimators of (l, d) and (l,), the k-th as if row i were there `weights[k, i]` times (K, l); zero leaves it out.

        They share the Gram matrix, where there is one. (From the optimum of all rows they would come no sooner: what it saves is
        what it costs.) A class that a member's rows lack is not among its `classes_`. Raises ValueError where a member has fewer
        than two.
        """
        X, y = check_X_y(X, y, accept_sparse="csr", dtype=np.float64)
        rows = LabelledRows(X, _n_logits(np.unique(y)))
        members = []
        for drawn in np.asarray(weights):
            there = np.flatnonzero(drawn)
            classes, codes, counts = np.unique(y[there], return_inverse=True, return_counts=True)
            member = self.build(class_counts=counts, sparse=issparse(X), random_state=seed)
            _solve(member, rows, rows.space(there), classes, codes, drawn[there].astype(np.float64), None)
            members.append(member)
        return members


def _is_checked(X: Matrix) -> bool:
    """Whether scikit-learn's checks, which take as long as a small fit, would find nothing to say or to change."""
    values = X.data if issparse(X) and X.format == "csr" else X
    return isinstance(values, np.ndarray) and values.dtype == np.float64 and min(X.shape) > 0 and np.isfinite(values.sum())


def _n_logits(classes: np.ndarray) -> int:
    return 1 if len(classes) == 2 else len(classes)


def _solve(
    estimator: SklearnLogisticRegression,
    rows: LabelledRows,
    space: Columns | Rows,
    classes: np.ndarray,
    codes: np.ndarray,
    counts: np.ndarray,
    start: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the estimator to the l rows of `space`, each there `counts` times (l,): (pulls (l, C), intercept (C,)), as is `start`.

    Two classes share one logit; their pulls and intercepts are half of it, with opposite signs.
    """
    n_classes = len(classes)
    if n_classes < 2:
        raise ValueError(f"Labels of at least two classes are needed; there is {n_classes}.")
    weights = counts
    if estimator.class_weight == "balanced":
        totals = np.bincount(codes, counts)
        weights = counts * (counts.sum() / (n_classes * totals))[codes]
    two = n_classes == 2
    loss = Logistic(codes, weights) if two else Softmax(codes, weights, n_classes)
    if two and start is not None:
        start = start[0][:, 1:] - start[0][:, :1], start[1][1:] - start[1][:1]
    found = minimise(space, loss, estimator.C, estimator.max_iter, start)
    if not found.converged:
        warnings.warn("Training ended at the largest number of iterations.", ConvergenceWarning, stacklevel=3)
    estimator.classes_, estimator.n_features_in_ = classes, rows.n_features
    estimator.coef_, estimator.intercept_ = rows.coefficients(space.weights(found.v)), found.b
    estimator.n_iter_ = np.array([found.n_products], dtype=np.int32)
    # Where the weights are a variable of columns: at the optimum they are the sum of what the rows' errors pull.
    A = found.v if isinstance(space, Rows) else -estimator.C * loss.residuals(found.P)
    return (np.hstack([-A, A]) / 2, np.append(-found.b, found.b) / 2) if two else (A, found.b)


def _pulls_then(state: State, positions: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(pulls (l, C), intercept (C,)) of what there was already, zero for the rest; None of a state that is none."""
    if any(key not in state for key in _STATE_KEYS):
        return None
    then, before, pulls, intercept = (np.asarray(state[key]) for key in _STATE_KEYS)
    if pulls.shape != (len(then), len(before)) or intercept.shape != (len(before),):
        return None
    if not (np.isfinite(pulls).all() and np.isfinite(intercept).all()):
        return None
    _, now, old = np.intersect1d(positions, then, return_indices=True)
    _, here, there = np.intersect1d(classes, before, return_indices=True)
    A, b = np.zeros((len(positions), len(classes))), np.zeros(len(classes))
    A[np.ix_(now, here)] = pulls[np.ix_(old, there)]
    b[here] = intercept[there]
    return A, b
