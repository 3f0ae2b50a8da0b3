"""How a learning curve goes on: what more labels will bring, and how many it takes for a better score.

Figueroa, Zeng-Treitler, Kandula & Ngo (2012), Predicting sample size required for classification performance (BMC Medical
Informatics and Decision Making 12:8), fit an inverse power law to the first part of a learning curve, later points counting more.
Here the weights are also those of the points' own intervals, an exponential is fitted beside the power law (which of the two
is right cannot be seen in a short curve), and the interval comes from a moving-block bootstrap of the residuals (Kuensch 1989),
because the points of one curve share their labels and their test set: what one is too high by, its neighbours are too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learning.engine.randomness import generator

LEVEL = 0.8  # of the intervals: four times of five
FEWEST_ROUNDS = 6
DRAWS = 400
SURE = 0.9  # the share of the draws in which a curve must rise before anything is said
FARTHEST = 4.0  # as many times the labels that are there: nothing is said of what lies beyond
_EXPONENTS = np.geomspace(0.05, 3.0, 24)
_DECAYS = np.geomspace(0.25, 12.0, 24)
_BLOCK = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """What can be said of a curve. `problem` is empty, or why nothing can be; then the rest is None or empty.

    `now`: the fitted score at the labels that are there. `ahead`: {"labels", "value", "low", "high"} of scores that a test will
    measure. `more`: labels still needed for `gain`, with `more_low` and `more_high`; None: farther off than FARTHEST times
    the labels that are there, or never.
    """

    problem: str = ""
    now: float | None = None
    gain: float = 0.01
    more: int | None = None
    more_low: int | None = None
    more_high: int | None = None
    level: float = LEVEL
    n_rounds: int = 0
    ahead: tuple[dict[str, float], ...] = ()


def forecast(
    labels: Sequence[float],
    values: Sequence[float],
    halves: Sequence[float | None] | None = None,
    *,
    gain: float = 0.01,
    ahead: Sequence[float] = (),
    upper: float = 1.0,
    seed: int = 0,
) -> Forecast:
    """From scores `values` at `labels` labels, both (m,), higher is better; `halves` (m,): half the width of each 95 % interval.

    `gain`: the improvement asked about; `ahead`: numbers of labels at which a score is wanted; `upper`: the best possible score.
    The same input gives the same answer.
    """
    x, y, errors = _clean(labels, values, halves)
    if len(x) < FEWEST_ROUNDS:
        return Forecast(f"It takes {FEWEST_ROUNDS} measured rounds; there are {len(x)}.", gain=gain, n_rounds=len(x))
    weights = np.arange(1, len(x) + 1) / errors**2
    family = _Family(x, weights / weights.sum(), upper)
    fitted = family.fit(y[None, :])
    best = fitted.at(x)
    # In units of each point's own error: what a bad point is off by must not be thrown at a good one. Three numbers were
    # fitted, so what is left over is smaller than the noise.
    residuals = (y - best[0]) / errors
    residuals = (residuals - residuals.mean()) * np.sqrt(len(x) / max(1, len(x) - 3))
    rng = generator(seed, "forecast", len(x))
    noise = _blocks(residuals, rng, DRAWS) * errors
    drawn = family.fit(best + noise, by=rng)
    here, there = x[-1], np.asarray(ahead, dtype=float)
    now = drawn.at(np.array([here]))[:, 0]
    middle = float(np.median(now))
    # A test of later rounds has noise of its own, on the same test items: that of the residuals.
    scores = np.minimum(drawn.at(there) + rng.choice(residuals, size=(DRAWS, len(there))) * np.median(errors), upper)
    tail = (1 - LEVEL) / 2
    lows, mids, highs = np.quantile(scores, [tail, 0.5, 1 - tail], axis=0) if len(there) else ((), (), ())
    said = tuple(
        {"labels": float(n), "value": float(mid), "low": float(low), "high": float(high)}
        for n, low, mid, high in zip(there, lows, mids, highs, strict=True)
    )
    problem = _problem(x, y, drawn)
    if problem:
        return Forecast(problem, middle, gain, n_rounds=len(x), ahead=said)
    needed = drawn.labels_for(now + gain, here, FARTHEST * here) - here
    low, mid, high = np.quantile(needed, [tail, 0.5, 1 - tail], method="nearest")
    more, more_low, more_high = (int(np.ceil(n)) if np.isfinite(n) else None for n in (mid, low, high))
    if more_low is None:
        problem = f"The curve is flat: {_points(gain)} more is farther off than {FARTHEST:g} times the labels that are there."
    return Forecast(problem, middle, gain, more, more_low, more_high, LEVEL, len(x), said)


def _points(gain: float) -> str:
    return f"{gain * 100:g} point{'' if gain == 0.01 else 's'}"


def _clean(labels, values, halves) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted by labels, one point per number of labels (the last one counts), and a standard error for each."""
    x, y = np.asarray(labels, dtype=float), np.asarray(values, dtype=float)
    half = np.full(len(x), np.nan) if halves is None else np.array([np.nan if h is None else h for h in halves], dtype=float)
    kept = np.isfinite(x) & np.isfinite(y) & (x > 0)
    x, y, half = x[kept], y[kept], half[kept]
    order = np.argsort(x, kind="stable")
    last = np.append(np.diff(x[order]) > 0, True) if len(x) else np.empty(0, dtype=bool)
    x, y, half = x[order][last], y[order][last], half[order][last]
    known = half[np.isfinite(half) & (half > 0)]
    usual = float(np.median(known)) if len(known) else 1.0
    half = np.where(np.isfinite(half) & (half > 0), half, usual)
    # A perfect score has a tiny interval; it must not outweigh all others.
    return x, y, np.maximum(half, usual / 3) / 1.96


def _blocks(residuals: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, m) residuals, in circular blocks of neighbours, each block kept in its order."""
    m = len(residuals)
    size = min(_BLOCK, m)
    starts = rng.integers(0, m, (n, -(-m // size)))
    places = (starts[:, :, None] + np.arange(size)) % m
    return residuals[places.reshape(n, -1)[:, :m]]


def _problem(x: np.ndarray, y: np.ndarray, drawn: "_Fits") -> str:
    rises = drawn.at(x[-1:])[:, 0] - drawn.at(x[:1])[:, 0] > 1e-9
    if rises.mean() < SURE:
        return "The curve does not rise clearly: its noise is larger than its slope."
    return ""


@dataclass(slots=True)
class _Fits:
    """`n` curves a - b * g(x), each of its own shape: exponents (n,), `power` (n,) says which of the two families."""

    a: np.ndarray
    b: np.ndarray
    shape: np.ndarray
    power: np.ndarray
    first: float
    last: float

    def at(self, x: np.ndarray) -> np.ndarray:
        """(n, len(x))"""
        return self.a[:, None] - self.b[:, None] * _falling(np.asarray(x, float), self.shape, self.power, self.first, self.last)

    def labels_for(self, target: np.ndarray, here: float, farthest: float) -> np.ndarray:
        """Labels (n,) at which each curve reaches its target; inf where that is beyond `farthest`, or never."""
        with np.errstate(divide="ignore", invalid="ignore"):
            g = (self.a - target) / self.b
            by_power = self.first * g ** (-1 / self.shape)
            by_decay = self.first - np.log(g) * (self.last - self.first) / self.shape
        found = np.where(self.power, by_power, by_decay)
        return np.where((self.b > 0) & (g > 0) & (found <= farthest), np.maximum(found, here), np.inf)


def _falling(x: np.ndarray, shape: np.ndarray, power: np.ndarray, first: float, last: float) -> np.ndarray:
    """(len(shape), len(x)): 1 at the first point, falling to 0."""
    by_power = (x[None, :] / first) ** -shape[:, None]
    by_decay = np.exp(-shape[:, None] * (x[None, :] - first) / (last - first))
    return np.where(power[:, None], by_power, by_decay)


class _Family:
    """All shapes of both families on one x: for each shape, the best a and b are a weighted linear regression."""

    def __init__(self, x: np.ndarray, weights: np.ndarray, upper: float) -> None:
        self.x, self.w, self.upper = x, weights, upper
        self.shape = np.concatenate([_EXPONENTS, _DECAYS])
        self.power = np.arange(len(self.shape)) < len(_EXPONENTS)
        self.g = _falling(x, self.shape, self.power, x[0], x[-1])  # (s, m)
        self.g_mean = self.g @ weights
        self.informative = len(x) / _BLOCK  # neighbours are no independent witnesses of a shape
        self.g_var = np.maximum(((self.g - self.g_mean[:, None]) ** 2) @ weights, 1e-12)

    def fit(self, Y: np.ndarray, by: np.random.Generator | None = None) -> _Fits:  # noqa: N803 - curves (n, m)
        """The best curve of each row; with `by` each row draws its shape among all, by how well they fit (Akaike weights)."""
        y_mean = Y @ self.w  # (n,)
        covariance = (Y * self.w) @ (self.g - self.g_mean[:, None]).T  # (n, s)
        b = np.maximum(-covariance / self.g_var, 0.0)  # more labels do no harm
        a = y_mean[:, None] + b * self.g_mean
        over = a > self.upper
        if over.any():  # the ceiling holds: b alone is fitted
            g2 = (self.g**2) @ self.w
            room = (self.upper * self.g_mean)[None, :] - (Y * self.w) @ self.g.T
            b = np.where(over, np.maximum(room / g2, 0.0), b)
            a = np.where(over, self.upper, a)
        error = self._error(Y, a, b)
        if by is None:
            best = error.argmin(axis=1)
        else:  # the Gumbel trick draws from a softmax
            evidence = -self.informative / 2 * np.log(error + 1e-12)
            best = (evidence + by.gumbel(size=error.shape)).argmax(axis=1)
        rows = np.arange(len(Y))
        return _Fits(a[rows, best], b[rows, best], self.shape[best], self.power[best], self.x[0], self.x[-1])

    def _error(self, Y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:  # noqa: N803
        """(n, s): weighted mean squares, expanded so that nothing of size (n, s, m) is built."""
        g2 = (self.g**2) @ self.w
        y2, yg, ym = (Y**2) @ self.w, (Y * self.w) @ self.g.T, (Y @ self.w)[:, None]
        return np.maximum(y2[:, None] - 2 * a * ym + 2 * b * yg + a**2 - 2 * a * b * self.g_mean + b**2 * g2, 0.0)
