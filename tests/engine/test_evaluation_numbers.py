"""The numbers under a report, by hand, beside scipy and beside the papers that define them."""

import numpy as np
import pytest
from scipy import stats

from learning.engine import EngineError, normalised_area
from learning.engine.evaluation import (
    alc,
    aubc,
    bootstrap,
    corrected,
    corrected_ratio,
    critical_difference,
    deficiency,
    friedman_nemenyi,
    holm,
    labels_to_target,
    scores_at,
    wilcoxon,
)

# --- Areas


def test_the_two_areas_by_hand():
    labels, scores = np.array([10.0, 20, 40]), np.array([0.5, 0.7, 0.9])
    assert alc(labels, scores) == pytest.approx((10 * 0.6 + 20 * 0.8) / 30) == normalised_area(labels, scores)
    assert aubc(labels, scores) == pytest.approx(20 * 0.8 / 30)


def test_the_area_under_the_budget_curve_is_that_of_lu_et_al():
    """Lu, Li & Lin (2023): trapezoids of the scores after queries 1 to T, over T; here 321 queries of one label as for WDBC."""
    scores = 0.97 - 0.07 * np.exp(-np.arange(322) / 20)
    assert aubc(np.arange(20.0, 342), scores) == pytest.approx(np.trapezoid(scores[1:]) / 321)
    assert alc(np.arange(20.0, 342), scores) - aubc(np.arange(20.0, 342), scores) == pytest.approx(0.97 / 321, rel=0.1)


def test_a_curve_of_one_point_has_no_area():
    assert np.isnan(alc(np.array([10.0]), np.array([[0.5], [0.6]]))).tolist() == [True, True]


def test_scores_between_rounds_are_linear_and_nothing_is_said_outside():
    found = scores_at(np.array([10.0, 20, 40]), np.array([0.5, 0.7, 0.9]), np.array([5, 10, 15, 30, 40, 41]))
    assert found == pytest.approx([np.nan, 0.5, 0.6, 0.8, 0.9, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("target", "expected"),
    [(0.4, 10), (0.5, 10), (0.6, 15), (0.7, 20), (0.75, 35), (0.81, np.nan)],
)
def test_labels_to_a_target(target, expected):
    labels, scores = np.array([10.0, 20, 30, 40]), np.array([0.5, 0.7, 0.7, 0.8])
    assert labels_to_target(labels, scores, target) == pytest.approx(expected, nan_ok=True)


def test_the_first_time_counts():
    assert labels_to_target(np.array([10.0, 20, 30, 40]), np.array([0.5, 0.7, 0.4, 0.8]), 0.7) == 20


def test_deficiency_by_hand():
    """Baram, El-Yaniv & Luz (2004): what is lost to the full model, over what random loses."""
    random, better = np.array([0.5, 0.7, 0.9]), np.array([0.5, 0.8, 0.9])
    assert deficiency(np.array([random, better]), random, 1.0) == pytest.approx([1, 0.8 / 0.9])
    assert np.isnan(deficiency(better, random, 0.7))


# --- Chance


def test_the_corrected_test_by_hand():
    """Bouckaert & Frank (2004): t = mean / sqrt((1 / (k r) + n_test / n_train) s^2), k r - 1 degrees of freedom."""
    found = corrected(np.array([1.0, 2, 3, 4]), 0.25)
    t = 2.5 / np.sqrt((1 / 4 + 1 / 4) * 5 / 3)
    assert found["p"] == pytest.approx(2 * stats.t.sf(t, 3)) == pytest.approx(0.0714, abs=1e-4)
    assert [found["low"], found["high"]] == pytest.approx([2.5 - 3.182446 * 2.5 / t, 2.5 + 3.182446 * 2.5 / t], abs=1e-5)


def test_without_overlap_it_is_the_paired_t_test():
    values = np.random.default_rng(0).normal(0.3, 1, size=(30, 4))
    reference = stats.ttest_1samp(values, 0)
    found = corrected(values, 0)
    interval = reference.confidence_interval()
    assert found["p"] == pytest.approx(reference.pvalue)
    assert found["low"] == pytest.approx(interval.low) and found["high"] == pytest.approx(interval.high)
    assert (corrected(values, 0.25)["p"] > found["p"]).all()


def test_what_one_split_or_no_difference_says():
    one = corrected(np.array([0.3]), 0.25)
    assert one["mean"] == 0.3 and np.isnan([one["sd"], one["low"], one["p"]]).all()
    assert corrected(np.zeros(5), 0.25)["p"] == 1 and corrected(np.ones(5), 0.25)["p"] == 0


def test_holm_by_hand():
    """Holm (1979): 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 may not fall below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.04, np.nan, 0.03]) == pytest.approx([0.06, np.nan, 0.06], nan_ok=True)
    assert holm([0.7, 0.8]) == pytest.approx([1, 1]) and len(holm([])) == 0


def test_signed_ranks():
    assert wilcoxon(np.array([1, 2, 3, 4, 5, 6.0])) == pytest.approx(2 / 2**6)
    assert wilcoxon(np.zeros(6)) == 1 and np.isnan(wilcoxon(np.array([0.1])))
    with_zeros = np.array([0, 0, 0.5, 1, 1, -2, 3, 4])
    assert wilcoxon(with_zeros) == pytest.approx(stats.wilcoxon(with_zeros, zero_method="zsplit", method="asymptotic").pvalue)


def test_the_bootstrap_draws_whole_repeats():
    rng = np.random.default_rng(3)
    repeats = np.repeat(np.arange(20), 5)
    shared = rng.normal(size=20)[repeats]  # what a repeat's folds have in common
    values = np.c_[shared + rng.normal(0, 0.1, 100), rng.normal(size=100)]
    low, high = bootstrap(values, repeats, seed=0)
    alone_low, alone_high = bootstrap(values, np.arange(100), seed=0)
    assert (high - low)[0] > 1.8 * (alone_high - alone_low)[0]  # about sqrt(5) times
    assert (high - low)[1] == pytest.approx((alone_high - alone_low)[1], rel=0.35)
    assert alone_high[1] - alone_low[1] == pytest.approx(2 * 1.96 * values[:, 1].std() / 10, rel=0.1)
    assert bootstrap(values, repeats, seed=0)[0].tolist() == low.tolist() != bootstrap(values, repeats, seed=1)[0].tolist()
    assert np.isnan(bootstrap(values, np.zeros(100), seed=0)[0]).all()


def test_the_interval_of_a_ratio_holds_the_truth_about_as_often_as_it_says():
    rng, held = np.random.default_rng(5), 0
    for _ in range(1000):
        shared = rng.gamma(20, 1, size=30)
        found = corrected_ratio(60 * shared + rng.gamma(9, 20, 30), 100 * shared + rng.gamma(9, 30, 30), 0)
        held += found["low"] <= (60 * 20 + 180) / (100 * 20 + 270) <= found["high"]
    assert 0.93 <= held / 1000 <= 0.97


def test_a_ratio_is_that_of_the_sums():
    found = corrected_ratio(np.array([10.0, 100]), np.array([20.0, 100]), 0.25)
    assert found["value"] == pytest.approx(110 / 120)
    assert found["low"] < found["value"] < found["high"]
    # The interval is symmetric for the logarithm: half as much and twice as much are equally far.
    assert found["low"] * found["high"] == pytest.approx(found["value"] ** 2)
    assert corrected_ratio(np.array([5.0]), np.array([10.0]), 0.25) == pytest.approx(
        {"value": 0.5, "low": np.nan, "high": np.nan}, nan_ok=True
    )


# --- Ranks

# AUC of C4.5 without and with -m, -cf, both, on 14 data sets: Demsar (2006), table 6. The two 0.975 of "voting" are ranked 2
# and 3 there, before rounding; the third has 0.9751 here to say so.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_the_worked_example_of_demsar():
    found = friedman_nemenyi(["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"], DEMSAR)
    ranks = dict(zip(found["names"], found["ranks"], strict=True))
    assert found["names"] == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert [round(ranks[name], 3) for name in ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")] == [3.143, 2.000, 2.893, 1.964]
    chi2 = 12 * 14 / (4 * 5) * (sum(rank**2 for rank in found["ranks"]) - 4 * 5**2 / 4)
    assert chi2 == pytest.approx(9.28, abs=0.005)
    # Friedman's correction for the ties of four rows (three pairs, one of all four), which the paper leaves out.
    assert found["friedman_p"] == pytest.approx(stats.chi2.sf(chi2 / (1 - (3 * 6 + 60) / (14 * 4 * 15)), 3))
    assert found["critical_difference"] == pytest.approx(1.25, abs=0.005)
    assert found["groups"] == [found["names"]]  # "not powerful enough to detect any significant differences"


def test_critical_differences_of_the_table():
    """q of Demsar (2006), table 5a: 1.960 for 2, 2.343 for 3, 2.728 for 5, 3.164 for 10."""
    for k, q in ((2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)):
        assert critical_difference(k, 30) == pytest.approx(q * np.sqrt(k * (k + 1) / 180), rel=5e-4)


def test_groups_are_the_largest_that_are_not_told_apart():
    rng = np.random.default_rng(2)
    scores = np.array([0.9, 0.895, 0.8, 0.7]) + rng.normal(0, 0.02, size=(40, 4))
    found = friedman_nemenyi(["a", "b", "c", "d"], scores)
    assert found["found"] and found["friedman_p"] < 1e-6
    assert found["groups"] == [["a", "b"]] or found["groups"] == [["b", "a"]]
    assert found["critical_difference"] < found["ranks"][2] - found["ranks"][1]


def test_where_nothing_is_found_no_pair_is_told_apart():
    scores = np.random.default_rng(11).normal(size=(6, 3))
    found = friedman_nemenyi(["a", "b", "c"], scores)
    assert not found["found"] and found["groups"] == [found["names"]]
    # Not even where the best and the worst are further apart than the critical difference.
    extremes = np.random.default_rng(7).normal(size=(10, 8)) + np.array([1, 0, 0, 0, 0, 0, 0, -1])
    found = friedman_nemenyi(list("abcdefgh"), extremes)
    assert found["friedman_p"] > 0.05 and np.ptp(found["ranks"]) > found["critical_difference"]
    assert found["groups"] == [found["names"]]
    tied = friedman_nemenyi(["a", "b", "c"], np.ones((6, 3)))
    assert tied["friedman_p"] == 1 and tied["ranks"].tolist() == [2, 2, 2]


def test_two_strategies_are_compared_by_signed_ranks():
    scores = np.c_[np.arange(8.0), np.arange(8.0) + np.linspace(0.1, 0.2, 8)]
    found = friedman_nemenyi(["a", "b"], scores)
    assert found["names"] == ["b", "a"] and found["wilcoxon_p"] == pytest.approx(2 / 2**8) and np.isnan(found["friedman_p"])
    assert found["groups"] == []


def test_one_data_set_has_no_ranks():
    with pytest.raises(EngineError, match="two of them"):
        friedman_nemenyi(["a", "b"], np.ones((1, 2)))
