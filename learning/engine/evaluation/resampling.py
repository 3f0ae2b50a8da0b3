"""What can be said of means over folds and repeats, whose training sets overlap: the splits are not independent."""

from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.special import stdtr, stdtrit

from learning.engine.evaluation.areas import TINY
from learning.engine.randomness import generator

LEVEL = 0.95
ALPHA = 0.05
DRAWS = 2000
# Fewer units than this have too few distinct resamples (bootstrap), or cannot reach 5 % (Wilcoxon: 2 / 2**5 = 6 %).
BOOTSTRAP_REPEATS = 10
WILCOXON_REPEATS = 6
_EXACT = 50


def overlap(n_folds: int, n_test: int | None = None, n_train: int | None = None) -> tuple[float, str]:
    """(n_test / n_train, where it is from: "sizes", "folds" or "assumed").

    k folds test 1 / k of the items, so the ratio is 1 / (k - 1). Hold-outs of unknown size are taken for one fifth: 1 / 4.
    """
    if n_test and n_train:
        return n_test / n_train, "sizes"
    return (1 / (n_folds - 1), "folds") if n_folds > 1 else (0.25, "assumed")


def corrected(values: np.ndarray, ratio: float) -> dict[str, np.ndarray]:
    """mean, sd, low, high and p (...) of values (R, ...): the corrected resampled t test against 0 and its 95 % interval.

    Splits that share training items vary together, which s^2 / R overlooks. Nadeau & Bengio (2003) put the variance of the mean
    at (1 / R + n_test / n_train) s^2; Bouckaert & Frank (2004) show that it also serves repeated k-fold cross-validation:
    t = mean / sqrt((1 / R + ratio) s^2) with R - 1 degrees of freedom. nan where R < 2, but for the mean. Differences that are
    all nothing have p = 1.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    shape = values.shape[1:]
    nothing = np.full(shape, np.nan)
    if n == 0:
        return dict.fromkeys(("mean", "sd", "low", "high", "p"), nothing)
    mean = values.mean(axis=0)
    if n < 2:
        return {"mean": mean} | dict.fromkeys(("sd", "low", "high", "p"), nothing)
    sd = values.std(axis=0, ddof=1)
    error = np.sqrt((1 / n + ratio) * sd**2)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(n - 1, -np.abs(mean / error))
    p = np.where(np.isnan(mean), np.nan, np.where(error > 0, p, np.where(np.abs(mean) < TINY, 1.0, 0.0)))
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "p": p}


def corrected_ratio(a: np.ndarray, b: np.ndarray, ratio: float) -> dict[str, float]:
    """value, low and high of sum(a) / sum(b) of paired positive amounts (R,).

    The interval is that of the logarithm, by the delta method: split i moves it by a_i / mean(a) - b_i / mean(b), and the mean of
    those has the corrected variance of `corrected`. The ratio of sums, not the mean of ratios: small splits do not rule it.
    """
    value = float(np.sum(a) / np.sum(b))
    spread = corrected(a / np.mean(a) - b / np.mean(b), ratio)
    half = float((spread["high"] - spread["low"]) / 2)
    return {"value": value, "low": value * np.exp(-half), "high": value * np.exp(half)}


def bootstrap(values: np.ndarray, units: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (S,): the 95 % percentile interval of the means of values (R, S), resampling whole units.

    It speaks of this data set alone: that another one would have other items is in `corrected`, not here.
    Efron (1979); units (R,) say which rows are drawn together, since the folds of one repeat share all their items
    (cluster bootstrap: Davison & Hinkley 1997, section 3.8). 2,000 draws, the same ones for every column.
    """
    _, unit = np.unique(units, return_inverse=True)
    n_units = int(unit.max()) + 1
    if n_units < 2:
        return (np.full(values.shape[1], np.nan),) * 2
    counts = np.bincount(unit, minlength=n_units)
    sums = np.zeros((n_units, values.shape[1]))
    np.add.at(sums, unit, values)
    drawn = generator(seed, "bootstrap", n_units).integers(n_units, size=(DRAWS, n_units))
    sizes = counts[drawn].sum(axis=1)
    means = np.stack([column[drawn].sum(axis=1) / sizes for column in sums.T], axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def wilcoxon(differences: np.ndarray) -> float:
    """The two-sided p of the signed-rank test (Wilcoxon 1945) of paired differences (n,); nan below two of them.

    Zeros count half to each side, as Demsar (2006) asks; exact up to 50 differences without ties or zeros, otherwise normal.
    Over the repeats of one data set it speaks of that data set alone: its p says nothing of other items of the same kind.
    """
    differences = np.where(np.abs(differences) < TINY, 0, differences)
    if len(differences) < 2 or np.isnan(differences).any():
        return np.nan
    if not differences.any():
        return 1.0
    sizes = np.abs(differences)
    distinct = len(np.unique(sizes)) == len(sizes) and sizes.all()
    method = "exact" if distinct and len(sizes) <= _EXACT else "asymptotic"
    return float(stats.wilcoxon(differences, zero_method="zsplit", method=method).pvalue)


def repeat_means(values: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    """(U, ...) the mean of values (R, ...) within each repeat, in the order of the repeats."""
    _, unit, counts = np.unique(repeats, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(sums, unit, values)
    return sums / counts.reshape(-1, *(1,) * (values.ndim - 1))


def holm(p: Sequence[float]) -> np.ndarray:
    """(m,) p values adjusted for looking at m of them (Holm 1979): the i-th smallest times m - i + 1, never below a smaller one.

    nan stays nan and does not count: what was not tested is not one of the looks.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p, kind="stable") if not np.isnan(p[i])]
    if order:
        steps = p[order] * np.arange(len(order), 0, -1)
        adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted
