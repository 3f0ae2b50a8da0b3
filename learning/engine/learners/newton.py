"""Logistic regression with an L2 penalty by truncated Newton steps, wherever its weights live.

Minimises sum_i w_i loss(y_i, z_i) + |W|^2 / (2 C), z = XW + b, the intercept b without a penalty: what scikit-learn's
LogisticRegression minimises. Conjugate gradients find each Newton step as exactly as it deserves (Dembo & Steihaug 1983; for
logistic regression Lin, Weng & Keerthi 2008). Only products with X are needed, no Hessian; and as the logits are known along a
step, trying its length costs no product at all. Where there are few weights, as in tables, the Hessian is small and made.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from scipy import linalg
from scipy.special import expit

_ABSOLUTE, _RELATIVE = 3e-5, 1e-6  # how far the weights may be from the optimum: in themselves, and of their norm
_FORCING = 0.25  # how exact the first steps are: finer costs products, coarser costs steps (both measured)
_SHORTEST, _TOO_SHORT = 2.0**-30, 2.0**-10
_HALVINGS = 20
_FEW = 64  # weights whose Hessian is made: then it costs no more than the conjugate gradients
_NOISE = 1e-13  # a sum of losses is known no better than this, relatively


class Space(Protocol):
    """Where the weights live: a variable is (size, k), its logits are (l, k). `inner` is the inner product of weights."""

    size: int
    intercept_scale: float  # the norm of a typical row, so that the intercept is a column like others
    row_squares: np.ndarray  # (l,) squared norms of the rows
    needs_logits: bool  # whether `inner` looks at its last argument; if so nothing is known of the diagonal
    dense: np.ndarray | None  # (l, size) the columns of the variable, where they are weights of dense features

    def logits(self, v: np.ndarray) -> np.ndarray: ...

    def embed(self, R: np.ndarray) -> np.ndarray: ...

    def from_rows(self, A: np.ndarray) -> np.ndarray: ...

    def inner(self, u: np.ndarray, v: np.ndarray, logits_of_v: np.ndarray | None) -> float: ...

    def inverse_diagonal(self, D: np.ndarray, penalty: float) -> tuple[np.ndarray | float, np.ndarray | float]: ...


class Softmax:
    """Cross-entropy of k > 2 classes for codes (l,) with weights (l,)."""

    def __init__(self, codes: np.ndarray, weights: np.ndarray, k: int) -> None:
        self.own, self.w, self.k = (np.arange(len(codes)), codes), weights[:, None], k

    def among(self, rows: np.ndarray) -> "Softmax":
        return Softmax(self.own[1][rows], self.w[rows, 0], self.k)

    def toward_labels(self, A: np.ndarray) -> np.ndarray:
        """(l,) how much A (l, k) is in favour of the labels."""
        return A[self.own]

    def value(self, Z: np.ndarray) -> float:
        # Of the other classes against the own one: near an optimum that is sure of all labels, a difference would be rounding.
        top = Z.max(axis=1)
        others = np.exp(Z - top[:, None])
        others[self.own] = 0
        with np.errstate(divide="ignore"):
            return float(self.w[:, 0] @ np.logaddexp(0, np.log(others.sum(axis=1)) + top - Z[self.own]))

    def probabilities(self, Z: np.ndarray) -> np.ndarray:
        """(l, k), as of all classes."""
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        return P

    def residuals(self, P: np.ndarray) -> np.ndarray:
        """(l, k) the gradient with respect to the logits."""
        R = P.copy()
        R[self.own] -= 1
        R *= self.w
        return R

    def curvature(self, P: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
        """(what the second derivative makes of a change of the logits (l, k), its diagonal (l, k))."""
        weighted = self.w * P

        def apply(V: np.ndarray) -> np.ndarray:
            changed = weighted * V
            changed -= P * changed.sum(axis=1, keepdims=True)
            return changed

        return apply, weighted * (1 - P)

    def curvatures(self, P: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        """(a, b <= a, (l,) the second derivative with respect to the logits a and b) for all pairs."""
        weighted = self.w * P
        for a in range(self.k):
            for b in range(a):
                yield a, b, -weighted[:, a] * P[:, b]
            yield a, a, weighted[:, a] * (1 - P[:, a])


class Logistic:
    """Cross-entropy of two classes: one logit, that of code 1. Methods and shapes as of `Softmax` with k = 1."""

    k = 1

    def __init__(self, codes: np.ndarray, weights: np.ndarray) -> None:
        self.y, self.w = codes[:, None].astype(np.float64), weights[:, None]

    def among(self, rows: np.ndarray) -> "Logistic":
        return Logistic(self.y[rows, 0], self.w[rows, 0])

    def toward_labels(self, A: np.ndarray) -> np.ndarray:
        return ((2 * self.y - 1) * A)[:, 0]

    def value(self, Z: np.ndarray) -> float:
        return float((self.w * np.logaddexp(0, (1 - 2 * self.y) * Z)).sum())

    def probabilities(self, Z: np.ndarray) -> np.ndarray:
        """(l, 1), of code 1."""
        return expit(Z)

    def residuals(self, P: np.ndarray) -> np.ndarray:
        return self.w * (P - self.y)

    def curvature(self, P: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
        diagonal = self.w * P * (1 - P)
        return (lambda V: diagonal * V), diagonal

    def curvatures(self, P: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
        yield 0, 0, self.curvature(P)[1][:, 0]


class Solution(NamedTuple):
    """Weights of a space (size, k), intercept (k,), probabilities (l, k), products with X that it took, whether it is done."""

    v: np.ndarray
    b: np.ndarray
    P: np.ndarray
    n_products: int
    converged: bool


class _Point(NamedTuple):
    """Weights and intercept with their logits (without the intercept; None where nobody asks), or a direction of such."""

    v: np.ndarray
    b: np.ndarray
    Z: np.ndarray | None


def minimise(
    space: Space, loss: Softmax | Logistic, C: float, max_products: int, start: tuple[np.ndarray, np.ndarray] | None = None
) -> Solution:
    """The optimum, from zero or from `start` (pulls of the rows (l, k), intercept (k,)) where that is better.

    The penalty bounds the distance to the optimum by C |gradient|: this ends where |W - optimum| <= max(3e-5, 1e-6 |W|), or where
    floating-point numbers are too coarse to improve anything. Deterministic.
    """
    penalty, scale = 1 / C, space.intercept_scale
    point, n_products = _begin(space, loss, penalty, start)
    first, stalled, converged = 0.0, 0, False
    while True:
        Z = point.Z + point.b
        P = loss.probabilities(Z)
        R = loss.residuals(P)
        gradient = space.embed(R)
        gradient += penalty * point.v
        slopes = R.sum(axis=0)
        logits = space.logits(gradient) if space.needs_logits else None
        n_products += 1
        size2 = max(space.inner(point.v, point.v, point.Z), 0.0)
        norm = np.sqrt(max(space.inner(gradient, gradient, logits), 0.0) + scale**2 * slopes @ slopes)
        curvature = loss.curvature(P)
        goal = penalty * max(_ABSOLUTE, _RELATIVE * np.sqrt(size2))
        # Nothing but the losses holds the intercept, which is less than the penalty where that is strong.
        held = max(curvature[1].sum(axis=0).min(), 1e-8 * loss.w.sum())
        goal = min(goal, _ABSOLUTE * scale * held)
        converged = bool(norm <= goal)
        if converged or n_products >= max_products or stalled >= 3 or not np.isfinite(norm):
            return Solution(point.v, point.b, P, n_products, converged or stalled >= 3)
        first = first or norm
        residual = max(norm * min(_FORCING, np.sqrt(norm / first)), goal / 2)
        toward = _Point(gradient, slopes, logits)
        step, used = _solved(space, loss, P, penalty, toward), 1
        if step is None:
            step, used = _newton_step(space, curvature, penalty, toward, residual, max_products - n_products)
        value = loss.value(Z) + penalty / 2 * size2
        descent = space.inner(step.v, gradient, logits) + step.b @ slopes
        t = _search(space, loss, penalty, point, step, value, descent)
        stalled = stalled + 1 if t < _TOO_SHORT or -descent <= _NOISE * abs(value) else 0
        v, b = point.v + t * step.v, point.b + t * step.b
        b -= b.mean() if loss.k > 1 else 0.0  # a constant added to all classes changes nothing
        point = _Point(v, b, space.logits(v))  # anew: sums of steps would gather rounding
        n_products += used + 1


def _begin(
    space: Space, loss: Softmax | Logistic, penalty: float, start: tuple[np.ndarray, np.ndarray] | None
) -> tuple[_Point, int]:
    zero = np.zeros((space.size, loss.k))
    logits = np.zeros((len(loss.w), loss.k))
    nothing = _Point(zero, np.zeros(loss.k), logits)
    if start is None:
        return nothing, 0
    A, b = start
    with np.errstate(over="ignore", invalid="ignore"):  # of other features than it was made for, it may be any number
        v = space.from_rows(A)
        point = _Point(v, b, space.logits(v))
        size2 = space.inner(v, v, point.Z)
        value = loss.value(point.Z + b) + penalty / 2 * size2
    if not value < loss.value(logits):
        return nothing, 1
    # Rows that are new, or have another label, do not pull toward it yet.
    new = np.flatnonzero(~(loss.toward_labels(A) > 0))
    if len(new) == 0 or _has_few_weights(space, loss):
        return point, 1
    pulls = np.zeros_like(A)
    pulls[new] = _lone_pulls(loss.among(new), point.Z[new] + b, space.row_squares[new], penalty)
    v = space.from_rows(pulls)
    step = _Point(v, np.zeros_like(b), space.logits(v))
    residuals = loss.residuals(loss.probabilities(point.Z + b))
    descent = float(np.vdot(residuals, step.Z)) + penalty * space.inner(point.v, step.v, step.Z)
    t = _search(space, loss, penalty, point, step, value, descent) if descent < 0 else 0.0
    return _Point(point.v + t * step.v, b, point.Z + t * step.Z), 2


def _lone_pulls(loss: Softmax | Logistic, Z: np.ndarray, squares: np.ndarray, penalty: float) -> np.ndarray:
    """(m, k) what each row would pull, in the direction of its error, if it were the only one to change the logits Z (m, k).

    The dual of one row at a time (Yu, Huang & Lin 2011), for all at once; by halving intervals.
    """
    U = -loss.residuals(loss.probabilities(Z)) / loss.w
    low, high = np.zeros((len(Z), 1)), loss.w / penalty
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        residuals = loss.residuals(loss.probabilities(Z + squares[:, None] * middle * U))
        uphill = ((residuals + penalty * middle * U) * U).sum(axis=1, keepdims=True) > 0
        low, high = np.where(uphill, low, middle), np.where(uphill, middle, high)
    return low * U


def _has_few_weights(space: Space, loss: Softmax | Logistic) -> bool:
    return space.dense is not None and (space.size + 1) * loss.k <= _FEW


def _solved(space: Space, loss: Softmax | Logistic, P: np.ndarray, penalty: float, gradient: _Point) -> _Point | None:
    """The step itself, where there are few weights; None where there are many, or rounding leaves no curvature to divide by."""
    if not _has_few_weights(space, loss):
        return None
    d, k = space.size, loss.k
    X = np.hstack([space.dense, np.ones((len(loss.w), 1))])
    hessian = np.zeros((k, d + 1, k, d + 1))
    for a, b, second in loss.curvatures(P):
        hessian[a, :, b, :] = (X * second[:, None]).T @ X
        hessian[b, :, a, :] = hessian[a, :, b, :]
    classes, weights = np.arange(k), np.arange(d)
    hessian[classes[:, None], weights, classes[:, None], weights] += penalty
    if k > 1:  # a constant added to all classes changes nothing: hold it
        hessian[:, d, :, d] += loss.w.sum() / k**2
    down = -np.vstack([gradient.v, gradient.b]).T.ravel()
    try:
        factor = linalg.cho_factor(hessian.reshape(len(down), -1), check_finite=False)
        step = linalg.cho_solve(factor, down, check_finite=False).reshape(k, d + 1).T
    except linalg.LinAlgError:
        return None
    if not np.vdot(step[:d], gradient.v) + step[d] @ gradient.b < 0:
        return None
    return _Point(step[:d], step[d], space.logits(step[:d]))


def _newton_step(
    space: Space,
    curvature: tuple[Callable[[np.ndarray], np.ndarray], np.ndarray],
    penalty: float,
    gradient: _Point,
    residual: float,
    max_products: int,
) -> tuple[_Point, int]:
    """(the step, products): conjugate gradients, until what is left of the gradient is at most `residual`."""
    apply, diagonal = curvature
    inverse, inverse_b = space.inverse_diagonal(diagonal, penalty)
    scale2 = space.intercept_scale**2
    r, rb = -gradient.v, -gradient.b
    q, qb = inverse * r, inverse_b * rb
    Zq = -gradient.Z if space.needs_logits else space.logits(q)
    p, pb, Zp = q.copy(), qb.copy(), Zq.copy()
    d, db, Zd = np.zeros_like(p), np.zeros_like(pb), np.zeros_like(Zp)
    rq = space.inner(r, q, Zq) + rb @ qb
    n_products = 0
    while n_products < max_products:
        change = Zp + pb
        bent = apply(change)
        product = space.embed(bent)
        product += penalty * p
        product_b = bent.sum(axis=0)
        n_products += 1
        along = np.vdot(change, bent) + penalty * space.inner(p, p, Zp)
        if not along > 0 or not rq > 0:
            break
        length = rq / along
        d += length * p
        db += length * pb
        Zd += length * Zp
        product *= length
        r -= product
        rb -= length * product_b
        Zq = space.logits(r) if space.needs_logits else None
        if space.inner(r, r, Zq) + scale2 * rb @ rb <= residual**2:
            break
        q, qb = inverse * r, inverse_b * rb
        Zq = Zq if space.needs_logits else space.logits(q)
        rq, before = space.inner(r, q, Zq) + rb @ qb, rq
        p *= rq / before
        p += q
        pb = qb + rq / before * pb
        Zp *= rq / before
        Zp += Zq
    return _Point(d, db, Zd), n_products


def _search(
    space: Space, loss: Softmax | Logistic, penalty: float, point: _Point, step: _Point, value: float, descent: float
) -> float:
    """How much of the step to go: 1, 1/2, 1/4 ... by the rule of Armijo (1966); 0 where nothing of it helps."""
    across, length2 = space.inner(point.v, step.v, step.Z), space.inner(step.v, step.v, step.Z)
    start, direction = point.Z + point.b, step.Z + step.b
    size2 = space.inner(point.v, point.v, point.Z)
    t = 1.0
    while t > _SHORTEST:
        there = loss.value(start + t * direction) + penalty / 2 * (size2 + 2 * t * across + t * t * length2)
        if there <= value + 1e-4 * t * descent + _NOISE * abs(value):
            return t
        t /= 2
    return 0.0
