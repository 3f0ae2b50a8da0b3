"""How good predictions of any number of labels per item are, each metric with its 95 % interval."""

from typing import Any

import numpy as np
from scipy import sparse

from learning.engine.errors import EngineError
from learning.engine.metrics import wilson_interval
from learning.engine.multilabel.learners import THRESHOLD

_DRAWS = 200
_BOOTSTRAP_SEED = 20_230_601
_AT_ONCE = 4_000_000

METRICS: dict[str, dict[str, Any]] = {
    name: {"label": label, "help": text, "higher_is_better": higher, "minimum": 0, "maximum": 1}
    for name, label, text, higher in (
        ("f1_micro", "F1 (micro)", "Precision and recall balanced, over all labels of all items together.", True),
        ("f1_macro", "F1 (macro)", "The mean over the labels of F1: rare labels count alike.", True),
        ("subset_accuracy", "All labels right", "The share of items of which every label is right, none missing.", True),
        ("hamming_loss", "Hamming loss", "The share of wrong answers, of one yes or no per item and label.", False),
        (
            "label_ranking_average_precision",
            "Ranking precision",
            "How high the right labels of an item stand among all, sorted by probability; 1 is first.",
            True,
        ),
    )
}


def evaluate(
    Y: np.ndarray, proba: np.ndarray, *, intervals: bool = True
) -> tuple[dict[str, dict[str, float | None]], np.ndarray]:
    """(metric -> {"value", "low", "high"}, counts (L, 4) int64: true positives, false ones, missed ones, true negatives).

    Y (n, L) boolean, proba (n, L); a label is predicted from 0.5 on. The values are those of scikit-learn (F1 of a label that is
    neither there nor predicted is 0). Intervals: Wilson's for the share of items that are all right, else percentiles of 200
    bootstrap draws of the items (Efron 1979) with a fixed seed, whose worse end is that with one item more that misses a label,
    widened to hold the value; None without `intervals`. Raises
    EngineError without items.
    """
    Y, proba = np.asarray(Y, dtype=bool), np.asarray(proba, dtype=np.float64)
    if len(Y) == 0 or proba.shape != Y.shape:
        raise EngineError(f"Cannot evaluate {len(Y)} items with probabilities of shape {proba.shape}.")
    n, n_labels = Y.shape
    predicted = proba >= THRESHOLD
    hits, wrong = Y & predicted, Y ^ predicted
    by_item = np.column_stack([wrong.any(axis=1), wrong.mean(axis=1), ranking_precision(Y, proba)])
    # Sparse: of many labels an item has few.
    per_item = sparse.hstack([*(sparse.csr_matrix(flags, dtype=np.float64) for flags in (hits, Y, predicted)), by_item], "csr")
    sums = np.asarray(per_item.sum(axis=0)).reshape(1, -1)
    values = _scores(sums, n, n_labels)
    metrics: dict[str, dict[str, float | None]] = {
        name: {"value": float(values[name][0]), "low": None, "high": None} for name in METRICS
    }
    if intervals:
        drawn = _resampled(per_item)
        fair, worse = _scores(drawn, n, n_labels), _scores(*_with_one_item_more(drawn, n, n_labels, Y.sum(axis=0)), n_labels)
        for name, found in metrics.items():
            low, high = np.quantile([fair[name], worse[name]], [0.025, 0.975], axis=1)
            low, high = (low[1], max(high)) if METRICS[name]["higher_is_better"] else (min(low), high[1])
            found |= {"low": min(float(low), found["value"]), "high": max(float(high), found["value"])}
        low, high = wilson_interval(int(n - wrong.any(axis=1).sum()), n)
        metrics["subset_accuracy"] |= {"low": low, "high": high}
    tp, fp, fn = hits.sum(axis=0), (predicted & ~Y).sum(axis=0), (Y & ~predicted).sum(axis=0)
    return metrics, np.column_stack([tp, fp, fn, n - tp - fp - fn]).astype(np.int64)


def ranking_precision(Y: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """(n,) label ranking average precision of each item (Schapire & Singer 2000); 1 where all labels or none are right.

    Of each right label: the share of right ones among those at least as probable; the mean of that.
    """
    Y = np.asarray(Y, dtype=bool)
    total = Y.sum(axis=1)
    items, labels = np.nonzero(Y)
    precision = np.empty(len(items))
    step = max(1, _AT_ONCE // Y.shape[1])
    for start in range(0, len(items), step):
        mine = items[start : start + step]
        above = proba[mine] >= proba[mine, labels[start : start + step]][:, None]
        precision[start : start + step] = (above & Y[mine]).sum(axis=1) / above.sum(axis=1)
    mean = np.bincount(items, precision, minlength=len(Y)) / np.maximum(total, 1)
    return np.where((total == 0) | (total == Y.shape[1]), 1.0, mean)


def per_label(counts: np.ndarray) -> list[dict[str, float | int | None]]:
    """precision, recall, f1 (None where undefined), support and predicted of each row of counts (L, 4) as of `evaluate`."""
    tp, fp, fn, _ = np.asarray(counts, dtype=np.int64).reshape(-1, 4).T
    return [
        {
            "precision": _ratio(t, t + p),
            "recall": _ratio(t, t + m),
            "f1": _ratio(2 * t, 2 * t + p + m),
            "support": int(t + m),
            "predicted": int(t + p),
        }
        for t, p, m in zip(tp, fp, fn, strict=True)
    ]


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _resampled(per_item: sparse.csr_matrix) -> np.ndarray:
    """(draws, k) the sums of the columns (n, k) over n items drawn with replacement, for each draw."""
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    n = per_item.shape[0]
    step = max(1, _AT_ONCE // n)
    columns, parts = per_item.T.tocsr(), []
    for start in range(0, _DRAWS, step):
        size = min(step, _DRAWS - start)
        times = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(size)], axis=1)
        parts.append((columns @ times.astype(np.float64)).T)
    return np.vstack(parts)


def _with_one_item_more(drawn: np.ndarray, n: int, n_labels: int, support: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(draws, k) sums and (draws,) items as if one of n + 1 items had missed one of the labels with support (L,), by chance.

    From items without a mistake a bootstrap draws none, and would be sure of a perfect score.
    """
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    more = rng.binomial(n + 1, 1 / (n + 1), size=_DRAWS)
    labels = rng.choice(np.flatnonzero(support) if support.any() else n_labels, size=more.sum())
    sums, draw = drawn.copy(), np.repeat(np.arange(_DRAWS), more)
    np.add.at(sums, (draw, n_labels + labels), 1)  # it has the label, which was not predicted
    sums[:, 3 * n_labels :] += more[:, None] * [1, 1 / n_labels, 0.5]
    return sums, n + more


def _scores(sums: np.ndarray, n: int | np.ndarray, n_labels: int) -> dict[str, np.ndarray]:
    hits, truth, predicted = (sums[:, i * n_labels : (i + 1) * n_labels] for i in range(3))
    wrong, hamming, ranking = sums[:, 3 * n_labels :].T
    return {
        "f1_micro": _f1(hits.sum(axis=1), (truth + predicted).sum(axis=1)),
        "f1_macro": _f1(hits, truth + predicted).mean(axis=1),
        "subset_accuracy": 1 - wrong / n,
        "hamming_loss": hamming / n,
        "label_ranking_average_precision": ranking / n,
    }


def _f1(hits: np.ndarray, involved: np.ndarray) -> np.ndarray:
    return np.divide(2 * hits, involved, out=np.zeros(np.shape(hits)), where=np.asarray(involved) > 0)
