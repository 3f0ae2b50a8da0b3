"""Two strategies that are equally good must be called different in about one analysis of twenty, and not more often.

Each analysis here has a data set of its own, which its folds and repeats share: what makes a plain t test over splits believe far
too much (Dietterich 1998; Nadeau & Bengio 2003).
"""

import numpy as np
import pytest
from scipy import stats

from learning.engine import Curve, report
from learning.engine.evaluation import corrected

RUNS, FOLDS, REPEATS = 200, 5, 6
LABELS = np.array([10.0, 20, 40, 80])
# More false alarms than this come once in a thousand times, if they come at 5 %.
MOST = int(stats.binom.ppf(0.999, RUNS, 0.05))


def scores_of(x: np.ndarray, y: np.ndarray, pools: np.ndarray, tests: np.ndarray) -> np.ndarray:
    """(R, T) test accuracies of the threshold between two class means, trained on the first labels of each pool.

    x, y (n,): one feature and the classes -1 and 1. pools (R, n - m), tests (R, m): positions.
    """
    scores = []
    for n_labels in LABELS.astype(int):
        seen_x, seen_y = x[pools[:, :n_labels]], y[pools[:, :n_labels]]
        up, down = (np.where(seen_y == c, seen_x, 0).sum(1) / np.maximum(1, (seen_y == c).sum(1)) for c in (1, -1))
        said = np.sign(x[tests] - ((up + down) / 2)[:, None]) * np.sign(up - down)[:, None]
        scores.append((said == y[tests]).mean(axis=1))
    return np.array(scores).T


def analysis(seed: int, edge: float = 0.0) -> list[Curve]:
    """Repeated 5-fold cross-validation on a fresh data set of 200 items. "random" sees one feature of it, "other" another that
    says as much about the class (and more, by `edge`): over all data sets they are equally good, on one of them all folds agree
    on the luckier one. Every split has its own order of labelling, which both strategies share.
    """
    rng = np.random.default_rng(seed)
    y = np.repeat([-1.0, 1.0], 100)
    features = {"random": 0.5 * y + rng.normal(size=200), "other": (0.5 + edge) * y + rng.normal(size=200)}
    orders = rng.permuted(np.tile(np.arange(200), (REPEATS, 1)), axis=1)
    splits = [(repeat, fold) for repeat in range(REPEATS) for fold in range(FOLDS)]
    tests = np.array([orders[repeat, 40 * fold : 40 * fold + 40] for repeat, fold in splits])
    pools = np.array([rng.permutation(np.setdiff1d(orders[0], test)) for test in tests])
    return [
        Curve(name, 20, fold, repeat, LABELS, {"accuracy": row}, {})
        for name, x in features.items()
        for (repeat, fold), row in zip(splits, scores_of(x, y, pools, tests), strict=True)
    ]


def paired_areas(curves: list[Curve]) -> np.ndarray:
    areas = {name: [] for name in ("random", "other")}
    for one in curves:
        areas[one.strategy].append(np.trapezoid(one.scores["accuracy"], one.labels) / 70)
    return np.array(areas["other"]) - np.array(areas["random"])


@pytest.fixture(scope="module")
def equals() -> list[list[Curve]]:
    return [analysis(seed) for seed in range(RUNS)]


def test_equals_are_called_different_once_in_twenty_analyses(equals):
    verdicts = [report(curves, "accuracy")["cells"][0] for curves in equals]
    called = sum(cell["strategies"][0]["difference"]["verdict"] != "none" for cell in verdicts)
    assert called <= MOST
    assert sum("No difference to random was found" in cell["sentence"] for cell in verdicts) == RUNS - called


def test_a_plain_t_test_over_the_splits_would_find_what_is_not_there(equals):
    called = sum(stats.ttest_1samp(paired_areas(curves), 0).pvalue < 0.05 for curves in equals)
    assert called > 3 * MOST


def test_what_is_better_is_found():
    found = [report(analysis(seed, edge=0.5), "accuracy")["cells"][0]["strategies"][0] for seed in range(40)]
    assert found[0]["name"] == "other"
    assert sum(strategy["difference"]["verdict"] == "better" for strategy in found) >= 36


def test_the_rate_is_five_percent_where_splits_vary_as_nadeau_and_bengio_assume():
    """Any two splits correlate by n_test / (n_test + n_train) = 1 / 5: then the test is exact for many splits. What the folds of
    a repeat share beyond that, a tenth of their variance here, does not take it far above.
    """
    rng, runs = np.random.default_rng(17), 4000
    share = 1 / FOLDS
    splits = FOLDS * 10
    by_data_set = np.sqrt(share) * rng.normal(size=(1, runs))
    alone = np.sqrt(1 - share) * rng.normal(size=(splits, runs))
    p = corrected(by_data_set + alone, 1 / (FOLDS - 1))["p"]
    assert 0.04 <= np.mean(p < 0.05) <= 0.06
    by_repeat = np.repeat(rng.normal(size=(10, runs)), FOLDS, axis=0)
    p = corrected(by_data_set + np.sqrt(0.9) * alone + np.sqrt(0.1 * (1 - share)) * by_repeat, 1 / (FOLDS - 1))["p"]
    assert np.mean(p < 0.05) <= 0.07
    assert np.mean(stats.ttest_1samp(by_data_set + alone, 0).pvalue < 0.05) > 0.4
