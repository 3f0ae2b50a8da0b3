"""The report of an analysis: what is paired, what is said, and what is not said."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.engine import Curve, EngineError, curves_from_frame, report
from learning.engine.evaluation import bootstrap, holm

LABELS = np.arange(20.0, 121, 10)


def curve(strategy: str, scores, *, fold=0, repeat=0, batch_size=10, labels=LABELS, metric="accuracy", seconds=0.5, facet=()):
    labels, scores = np.asarray(labels, dtype=float)[: len(scores)], np.asarray(scores, dtype=float)
    timed = {step: np.full(len(scores), seconds) for step in ("training", "predicting", "selecting")}
    return Curve(strategy, batch_size, fold, repeat, labels, {metric: scores}, timed, facet)


def world(speeds: dict[str, float], folds=5, repeats=3, seed=0, *, noise=0.004, top=0.9, **fixed) -> list[Curve]:
    """Curves that rise to `top` at a strategy's speed; a split lifts all of them alike, and all start from the same seed."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(fixed.get("labels", LABELS))
    curves = []
    for repeat in range(repeats):
        for fold in range(folds):
            lift = rng.normal(0, 0.02)
            for strategy, speed in speeds.items():
                rise = top - 0.4 * np.exp(-speed * (labels - labels[0]) / 50)
                dust = np.r_[0, rng.normal(0, noise, len(labels) - 1)] if noise else 0
                curves.append(curve(strategy, rise + lift + dust, fold=fold, repeat=repeat, **fixed))
    return curves


def only(curves, metric="accuracy", **how) -> dict:
    found = report(curves, metric, **how)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["cells"]) == 1
    return found["cells"][0]


def row(cell: dict, name: str) -> dict:
    return next(strategy for strategy in cell["strategies"] if strategy["name"] == name)


TWO = {"random": 1.0, "margin": 2.0}


# --- One cell by hand


def test_a_small_analysis_by_hand():
    labels = [10, 20, 30]
    curves = [
        curve("random", [0.5, 0.6, 0.7], labels=labels),
        curve("random", [0.5, 0.7, 0.8], labels=labels, fold=1),
        curve("margin", [0.5, 0.7, 0.7], labels=labels, seconds=2),
        curve("margin", [0.5, 0.8, 0.9], labels=labels, fold=1),
    ]
    cell = only(curves, target=0.7)
    random, margin = row(cell, "random"), row(cell, "margin")
    assert (
        cell["grid"] == [10, 20, 30] and (cell["n_splits"], cell["n_folds"], cell["n_repeats"]) == (2, 2, 1) and cell["complete"]
    )
    assert margin["curve"]["mean"] == pytest.approx([0.5, 0.75, 0.8])
    assert random["area"]["mean"] == pytest.approx((0.6 + 0.675) / 2)
    assert margin["area"]["sd"] == pytest.approx(abs(0.65 - 0.75) / np.sqrt(2))
    assert margin["aubc"]["mean"] == pytest.approx((0.7 + 0.85) / 2 * 10 / 20)
    assert margin["scores"] == pytest.approx({"start": 0.5, "25": 0.625, "50": 0.75, "100": 0.8})
    assert random["labels_to_target"]["mean"] == 25 and margin["labels_to_target"]["mean"] == pytest.approx((20 + 50 / 3) / 2)
    assert margin["saved"]["share"] == pytest.approx(1 - (20 + 50 / 3) / 50)
    assert margin["utilization"] == pytest.approx(1 - margin["saved"]["share"])
    # No model was trained on all labels, so the end of random stands for it: 0.75.
    assert margin["deficiency"] == pytest.approx((0.25 + 0 - 0.05) / (0.25 + 0.1 + 0)) and random["deficiency"] == 1
    assert margin["difference"]["mean"] == pytest.approx(0.0625) and margin["difference"]["wins"] == 2
    assert margin["seconds"] == {"training": 1.25, "predicting": 1.25, "selecting": 1.25}
    assert random["difference"] is None and random["saved"] is None and random["utilization"] == 1


def test_lower_is_better_turns_everything_round():
    up = world(TWO)
    down = [replace(one, scores={"log_loss": 1 - one.scores["accuracy"]}) for one in up]
    a, b = only(up, target=0.75), only(down, "log_loss", target=0.25)
    for name in TWO:
        x, y = row(a, name), row(b, name)
        assert y["area"]["mean"] == pytest.approx(1 - x["area"]["mean"])
        assert [y["area"]["low"], y["area"]["high"]] == pytest.approx([1 - x["area"]["high"], 1 - x["area"]["low"]])
        assert y["curve"]["low"] == pytest.approx([1 - high for high in x["curve"]["high"]])
        assert y["labels_to_target"] == pytest.approx(x["labels_to_target"])
        assert y["deficiency"] == pytest.approx(x["deficiency"])
    x, y = row(a, "margin")["difference"], row(b, "margin")["difference"]
    assert y["mean"] == pytest.approx(-x["mean"]) and y["bootstrap_low"] == pytest.approx(-x["bootstrap_high"])
    assert x["verdict"] == y["verdict"] == "better" and x["wins"] == y["wins"] and y["p_holm"] == pytest.approx(x["p_holm"])
    assert b["penalty"] == a["penalty"] and b["penalty"]["matrix"][0][1] > 0.5 and b["penalty"]["matrix"][1][0] == 0
    assert report(down, "log_loss")["higher_is_better"] is False


def test_intervals_stay_within_what_the_metric_can_be():
    cell = only(world(TWO, top=0.995, noise=0.02))
    assert max(value for name in TWO for value in row(cell, name)["curve"]["high"]) == 1


def test_the_target_is_95_percent_of_the_full_model_or_of_the_end_of_the_baseline():
    curves = world(TWO, noise=0)
    end = np.mean([one.scores["accuracy"][-1] for one in curves if one.strategy == "random"])
    assert report(curves, "accuracy")["target"] == round(0.95 * end, 3)
    ceilings = {(): {(fold, repeat): {"accuracy": 0.92 + 0.01 * fold} for fold in range(5) for repeat in range(3)}}
    found = report(curves, "accuracy", ceilings=ceilings)
    assert found["target"] == round(0.95 * 0.94, 3)
    ceiling = found["cells"][0]["ceiling"]
    assert ceiling["mean"] == pytest.approx(0.94) and ceiling["low"] < 0.94 < ceiling["high"]
    assert report(curves, "accuracy")["cells"][0]["ceiling"] is None
    assert report(curves, "accuracy", target=0.8, ceilings=ceilings)["target"] == 0.8
    losses = [replace(one, scores={"log_loss": 1 - one.scores["accuracy"]}) for one in curves]
    assert report(losses, "log_loss")["target"] == round(1.05 * (1 - end), 3)


def test_deficiency_is_measured_against_the_model_of_all_labels_on_the_same_splits():
    rises = {"random": [0.5, 0.6, 0.7], "margin": [0.5, 0.7, 0.8]}
    curves = [curve(name, scores, labels=[10, 20, 30], fold=1, repeat=2) for name, scores in rises.items()]
    # Of fold 1 in repeat 2, and of a split that no strategy has done.
    cell = only(curves, ceilings={(): {(1, 2): {"accuracy": 0.8}, (2, 1): {"accuracy": 0.99}}})
    assert row(cell, "margin")["deficiency"] == pytest.approx(0.4 / 0.6)


# --- The target that is not reached


def censored(random: list[float], margin: list[float]) -> dict:
    """Two splits; of each strategy the final scores, after 10 labels at 0.5; 30 labels at most."""
    labels = [10, 20, 30]
    ends = {"random": random, "margin": margin}
    return only(
        [curve(s, [0.5, (0.5 + e) / 2, e], labels=labels, repeat=i) for s, given in ends.items() for i, e in enumerate(given)],
        target=0.7,
    )


def test_splits_that_miss_the_target_count_with_all_their_labels_and_are_told():
    cell = censored([0.7, 0.6], [0.9, 0.9])
    assert row(cell, "random")["labels_to_target"] | {"low": 0, "high": 0} == {
        "mean": 30, "low": 0, "high": 0, "reached": 1, "n": 2, "at_least": True,
    }  # fmt: skip
    saved = row(cell, "margin")["saved"]
    assert saved["share"] == pytest.approx(1 - 20 / 30)
    assert (saved["bound"], saved["missed"], saved["baseline_missed"], saved["n"]) == ("at least", 0, 1, 2)


@pytest.mark.parametrize(
    ("random", "margin", "bound"),
    [([0.7, 0.9], [0.7, 0.6], "at most"), ([0.6, 0.9], [0.9, 0.6], "open"), ([0.9, 0.9], [0.9, 0.9], "exact")],
)
def test_what_missing_the_target_makes_of_the_savings(random, margin, bound):
    assert row(censored(random, margin), "margin")["saved"]["bound"] == bound


def test_a_target_that_is_never_reached():
    cell = only(world(TWO), target=0.99)
    for name in TWO:
        assert row(cell, name)["labels_to_target"] == {
            "mean": None, "low": None, "high": None, "reached": 0, "n": 15, "at_least": False,
        }  # fmt: skip
    assert row(cell, "margin")["saved"] is None and row(cell, "margin")["utilization"] is None
    assert row(cell, "margin")["difference"]["verdict"] == "better"
    assert "no strategy reached accuracy 0.99 in any split" in cell["sentence"]


# --- Which splits count


def test_only_splits_that_all_have_finished_are_paired_and_curves_use_all():
    curves = world(TWO)
    short = replace(curves[-1], labels=LABELS[:4], scores={"accuracy": curves[-1].scores["accuracy"][:4]}, seconds={})
    cell = only([*curves[:-1], short])
    assert cell["n_splits"] == 14 and not cell["complete"]
    assert row(cell, "margin")["n"] == 14 and row(cell, "random")["n"] == 15
    assert row(cell, "margin")["curve"]["n"] == [15] * 4 + [14] * 7
    assert any("14 of 15 splits" in note for note in cell["notes"])
    paired = [one for one in curves if (one.repeat, one.fold) != (2, 4)]
    for name in TWO:
        for key in ("area", "saved", "difference", "labels_to_target"):
            assert row(cell, name)[key] == row(only(paired, target=cell["target"]), name)[key]


def test_a_split_that_no_strategy_has_finished_is_not_paired():
    curves = world(TWO)
    for i in (-1, -2):
        curves[i] = replace(curves[i], labels=LABELS[:4], scores={"accuracy": curves[i].scores["accuracy"][:4]})
    cell = only(curves)
    assert cell["n_splits"] == 14 and not cell["complete"] and cell["range"] == [20, 120]


def test_a_strategy_without_a_finished_trial_spoils_nothing():
    curves = [*world(TWO), curve("broken", [0.5, 0.6])]
    cell = only(curves)
    broken = row(cell, "broken")
    assert cell["n_splits"] == 15 and broken["n"] == 0 and broken["area"]["mean"] is None and broken["difference"] is None
    assert broken["curve"]["mean"] == [0.5, 0.6] + [None] * 9
    assert {"broken"} & {name for pair in cell["pairs"] for name in (pair["a"], pair["b"])} == set()
    assert any(note.startswith("broken: no finished trial") for note in cell["notes"])
    assert row(cell, "margin")["difference"] == row(only(world(TWO)), "margin")["difference"]


def test_pools_that_differ_by_an_item_are_all_complete():
    curves = [
        replace(one, labels=np.r_[LABELS[:-1], 119.0 + one.fold % 2]) for one in world(TWO, folds=4, labels=LABELS, repeats=2)
    ]
    cell = only(curves)
    assert cell["complete"] and cell["n_splits"] == 8 and cell["range"] == [20, 119]


def test_rounds_without_a_model_are_left_out_for_all():
    curves = world(TWO)
    first = curves[0]
    curves[0] = replace(first, scores={"accuracy": np.r_[np.nan, np.nan, first.scores["accuracy"][2:]]})
    cell = only(curves)
    assert cell["range"] == [40, 120] and cell["grid"][0] == 20 and cell["n_splits"] == 15
    assert any("from 40 labels on" in note for note in cell["notes"])
    later = [replace(one, labels=LABELS[2:], scores={"accuracy": one.scores["accuracy"][2:]}, seconds={}) for one in world(TWO)]
    assert row(cell, "margin")["area"] == row(only(later), "margin")["area"]


def test_nothing_is_compared_before_a_common_split_is_finished():
    curves = [curve("random", np.linspace(0.5, 0.8, 11)), curve("margin", np.linspace(0.5, 0.8, 11), fold=1)]
    cell = only(curves)
    assert cell["n_splits"] == 0 and row(cell, "margin")["area"]["mean"] is None and cell["pairs"] == []
    assert row(cell, "margin")["curve"]["mean"] == pytest.approx(np.linspace(0.5, 0.8, 11))
    assert cell["sentence"] == "Nothing can be compared yet: no split is finished by every strategy."
    nothing = report([], "accuracy")
    assert nothing["cells"] == nothing["batch_sizes"] == [] and nothing["across"] is None and nothing["target"] is None


def test_while_no_trial_is_over_the_number_of_labels_says_so():
    half = [replace(one, labels=LABELS[:5], scores={"accuracy": one.scores["accuracy"][:5]}, seconds={}) for one in world(TWO)]
    assert only(half)["complete"]  # nothing tells that there is more to come
    cell = only(half, n_labels=120)
    assert not cell["complete"] and cell["n_splits"] == 0 and row(cell, "margin")["n"] == 0
    assert None not in row(cell, "margin")["curve"]["mean"]
    assert only(world(TWO), n_labels=120)["complete"] and only(world(TWO), n_labels=121)["complete"]


def test_folds_whose_pools_differ_by_an_item_are_all_finished_also_at_batch_size_one():
    curves = []
    for fold, most in enumerate((29, 30, 30)):
        labels = np.arange(10.0, most + 1)
        for name, speed in TWO.items():
            curves.append(curve(name, 0.5 + speed * labels / 100, labels=labels, fold=fold, batch_size=1))
    assert only(curves)["n_splits"] == 3


def test_curves_of_one_round_say_nothing():
    cell = only([replace(one, labels=LABELS[:1], scores={"accuracy": np.array([0.5])}, seconds={}) for one in world(TWO)])
    assert row(cell, "margin")["area"]["mean"] is None and row(cell, "margin")["difference"]["verdict"] == "none"
    assert cell["sentence"] == "Nothing can be compared: there is one round only, which all strategies share."


def test_a_metric_that_was_not_measured_says_nothing():
    cell = only(world(TWO), "mcc")
    assert cell["n_splits"] == 0 and row(cell, "margin")["curve"]["mean"] == [None] * 11


def test_two_curves_of_one_trial_are_refused():
    with pytest.raises(EngineError, match="two curves for repeat 0, fold 0"):
        report([*world(TWO), world(TWO)[0]], "accuracy")
    with pytest.raises(EngineError, match="do not ascend"):
        report([curve("random", [0.5, 0.6], labels=[20, 20])], "accuracy")


def test_how_much_splits_overlap_widens_the_intervals():
    curves = world(TWO, folds=5)
    widths = {}
    for sizes in ({}, {"n_test": 20, "n_train": 80}, {"n_test": 50, "n_train": 50}):
        found = only(curves, **sizes)
        widths[tuple(sizes.values())] = row(found, "margin")["area"]["high"] - row(found, "margin")["area"]["low"]
    assert widths[()] == pytest.approx(widths[20, 80]) and widths[50, 50] > 1.5 * widths[()]
    holdout = only(world(TWO, folds=1, repeats=12))
    assert holdout["overlap"] == {"ratio": 0.25, "from": "assumed"} and any("one item in five" in n for n in holdout["notes"])


def test_what_is_resampled_and_ranked_depends_on_the_repeats():
    units = {r: (c["bootstrap_over"], c["wilcoxon_over"]) for r in (5, 6, 10) for c in [only(world(TWO, folds=2, repeats=r))]}
    assert units == {5: ("splits", "splits"), 6: ("splits", "repeats"), 10: ("repeats", "repeats")}
    # All six repeats are won: the least p that six of them can have.
    assert row(only(world(TWO, repeats=6)), "margin")["difference"]["wilcoxon_p"] == pytest.approx(2 / 2**6)
    assert any("Wilcoxon" in note for note in only(world(TWO, repeats=2))["notes"])
    assert not any("Wilcoxon" in note or "bootstrap" in note for note in only(world(TWO, repeats=10))["notes"])


def areas_of(curves: list[Curve], name: str) -> np.ndarray:
    return np.array([np.trapezoid(c.scores["accuracy"], c.labels) / 100 for c in curves if c.strategy == name])


def test_differences_are_resampled_by_repeat_and_corrected_for_their_number():
    curves = world({"random": 1.0, "a": 1.03, "b": 1.06, "c": 1.0}, folds=2, repeats=10)
    cell = only(curves)
    found = [row(cell, name)["difference"] for name in "abc"]
    differences = np.array([areas_of(curves, name) - areas_of(curves, "random") for name in "abc"]).T
    low, high = bootstrap(differences, np.repeat(np.arange(10), 2), seed=0)
    assert [d["bootstrap_low"] for d in found] == pytest.approx(low) and [d["bootstrap_high"] for d in found] == pytest.approx(
        high
    )
    assert [d["p_holm"] for d in found] == pytest.approx(holm([d["p"] for d in found])) != [d["p"] for d in found]
    assert only(curves, seed=1)["strategies"] != only(curves)["strategies"] == cell["strategies"]


def test_the_penalty_counts_budgets_at_which_the_row_beats_the_column():
    """Ash et al. (2020). Ahead by 0.1 at three of four budgets after the seed, by nothing but noise at the last one."""
    rng, curves = np.random.default_rng(0), []
    for repeat in range(10):
        for name, ahead in (("random", 0), ("margin", 0.1)):
            dust = rng.normal(0, 0.01, 5)
            scores = 0.6 + np.array([0, ahead, ahead, ahead, 0]) + np.r_[0, dust[1:]]
            curves.append(curve(name, scores, labels=[10, 20, 30, 40, 50], repeat=repeat))
    assert only(curves)["penalty"] == {"names": ["margin", "random"], "matrix": [[0, 0.75], [0, 0]]}


# --- Sentences


def test_the_sentence_of_the_winner():
    cell = only(world({"random": 1.0, "margin": 2.0, "entropy": 2.0}), target=0.8)
    saved = row(cell, "margin")["saved"]
    assert 0.2 < saved["low"] < saved["share"] < saved["high"] < 0.5
    share, low, high = (round(100 * saved[key]) for key in ("share", "low", "high"))
    expected = f"margin needed {share} % fewer labels than random for accuracy 0.80 (95 % interval {low} to {high} %)"
    assert expected in cell["sentence"]
    assert cell["sentence"].endswith(
        ("; between margin and entropy no difference was found.", "; between entropy and margin no difference was found.")
    )


def test_the_sentence_without_a_difference():
    cell = only(world({"random": 1.0, "margin": 1.0, "entropy": 1.0}, seed=4))
    assert cell["sentence"].startswith("No difference to random was found for ") and " and " in cell["sentence"]
    assert {pair["verdict"] for pair in cell["pairs"]} == {"none"}


def test_the_sentence_of_a_loser():
    cell = only(world({"random": 2.0, "margin": 1.0}), target=0.8)
    assert row(cell, "margin")["difference"]["verdict"] == "worse"
    assert cell["sentence"].startswith("margin was worse than random (mean accuracy over the labels 0.")
    assert "more labels for accuracy 0.80 (95 % interval" in cell["sentence"]


def test_the_sentence_where_the_baseline_misses_the_target():
    curves = world(TWO)
    for i, one in enumerate(curves):
        if one.strategy == "random" and one.fold == 0:
            curves[i] = replace(one, scores={"accuracy": np.minimum(one.scores["accuracy"], 0.79)})
    sentence = only(curves, target=0.8)["sentence"]
    assert "needed at least" in sentence and "random did not reach it in 3 of 15 splits" in sentence


def test_one_split_and_one_strategy_claim_nothing():
    one = only(world({"random": 1.0, "margin": 3.0}, folds=1, repeats=1))
    assert one["sentence"].startswith("There is one split only, so nothing can be said about chance")
    assert row(one, "margin")["difference"]["verdict"] == "none" and row(one, "margin")["difference"]["p"] is None
    alone = only(world({"margin": 1.0}), target=0.6)
    assert alone["sentence"].startswith("Only margin was tried, so there is nothing to compare; it reached accuracy 0.60 with ")
    assert row(alone, "margin")["difference"] is None and alone["penalty"]["matrix"] == [[0]]


def test_without_the_baseline_the_others_are_compared():
    cell = only(world({"margin": 2.0, "entropy": 1.0}))
    assert cell["sentence"] == "There is no finished random to compare with; margin was better than entropy."


# --- Several cells


def test_batch_sizes_are_measured_at_the_same_labels():
    fine, coarse = np.arange(20.0, 121, 5), np.arange(20.0, 121, 20)
    curves = world({"random": 1.0}, noise=0, labels=fine, batch_size=5) + world(
        {"random": 1.0}, noise=0, labels=coarse, batch_size=20
    )
    found = report(curves, "accuracy")
    points = found["batch_sizes"][0]["points"]
    assert [point["batch_size"] for point in points] == [5, 20] and len(found["cells"]) == 2
    assert points[0]["area"] == pytest.approx(points[1]["area"])  # the same curve, seen at fewer points
    assert found["cells"][0]["strategies"][0]["area"]["mean"] > found["cells"][1]["strategies"][0]["area"]["mean"]
    assert points[0]["seconds"] == pytest.approx(21 * 1.5) and points[1]["seconds"] == pytest.approx(6 * 1.5)


def test_facets_are_apart_and_have_their_own_ceilings():
    facets = [(("learner", name),) for name in ("SVM", "Bayes")]
    curves = [one for facet in facets for one in world(TWO, facet=facet)]
    ceilings = {facets[0]: {(0, 0): {"accuracy": 0.95}}}
    found = report(curves, "accuracy", ceilings=ceilings)
    assert [cell["facet"] for cell in found["cells"]] == [{"learner": "Bayes"}, {"learner": "SVM"}]
    assert found["cells"][0]["ceiling"] is None and found["cells"][1]["ceiling"]["mean"] == 0.95
    assert found["across"] is None and len(found["batch_sizes"]) == 4


def data_sets(n: int, speeds: dict[str, float]) -> list[Curve]:
    tops = 0.6 + 0.05 * np.arange(n)
    return [one for i in range(n) for one in world(speeds, seed=i, top=tops[i], facet=(("data set", f"set {i}"),))]


def test_ranks_over_data_sets():
    found = report(data_sets(6, {"random": 1.0, "margin": 2.0, "entropy": 1.5}), "accuracy")
    across = found["across"]
    assert across["names"] == ["margin", "entropy", "random"] and across["ranks"] == [1, 2, 3]
    assert across["n"] == 6 and not across["few"] and across["friedman_p"] == pytest.approx(np.exp(-6))  # chi2 = 12, 2 df
    assert across["groups"] == [["margin", "entropy"], ["entropy", "random"]]
    assert across["sentence"].startswith("Over 6 data sets the strategies differ (Friedman, p = 0.002)")
    # Every data set has a target of its own.
    assert found["target"] is None and len({cell["target"] for cell in found["cells"]}) == 6


def test_few_data_sets_are_said_to_be_few():
    across = report(data_sets(3, TWO), "accuracy")["across"]
    assert across["few"] and "Only 3 data sets: at least 5 are advised" in across["sentence"]
    assert across["groups"] == [["margin", "random"]] and "no difference between the strategies was found" in across["sentence"]


# --- Properties


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    folds=st.integers(2, 3),
    repeats=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
    lost=st.integers(0, 3),
)
def test_order_and_names_change_nothing_but_names(seed, folds, repeats, order, lost):
    curves = world({"random": 1.0, "a": 1.2, "b": 2.0}, folds, repeats, seed)[lost:]
    shuffled = list(curves)
    order.shuffle(shuffled)
    first = report(curves, "accuracy")
    assert report(shuffled, "accuracy") == first
    names = {"random": "random", "a": "z", "b": "c"}  # another alphabetical order
    renamed = report([replace(one, strategy=names[one.strategy]) for one in shuffled], "accuracy")
    one, other = first["cells"][0], renamed["cells"][0]
    for old, new in names.items():
        assert row(one, old) == row(other, new) | {"name": old}
    by_pair = {frozenset((p["a"], p["b"])): p for p in other["pairs"]}
    for pair in one["pairs"]:
        found = by_pair[frozenset((names[pair["a"]], names[pair["b"]]))]
        assert found["p_holm"] == pair["p_holm"]
        if found["a"] == names[pair["a"]]:
            assert found == pair | {"a": found["a"], "b": found["b"]}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), lift=st.floats(0.001, 0.05))
def test_a_curve_that_is_lifted_everywhere_is_nowhere_worse_off(seed, lift):
    curves = world(TWO, 2, 2, seed, top=0.8)
    lifted = [
        replace(one, scores={"accuracy": one.scores["accuracy"] + lift}) if one.strategy == "margin" else one for one in curves
    ]
    before, after = (row(only(some, target=0.7), "margin") for some in (curves, lifted))
    assert after["area"]["mean"] == pytest.approx(before["area"]["mean"] + lift)
    assert after["difference"]["wins"] >= before["difference"]["wins"]
    assert after["labels_to_target"]["mean"] <= before["labels_to_target"]["mean"]
    assert after["saved"]["share"] >= before["saved"]["share"] and after["deficiency"] < before["deficiency"]


# --- From the rounds of a run


def test_curves_come_from_the_rounds_as_rest_gives_them():
    text = """trial,strategy,batch_size,fold,repeat,round,labels,pool,test,accuracy,accuracy_low,accuracy_high,mcc,mine,seconds_training,learner,created_at
7,margin,10,1,2,1,30,50,20,0.7,0.6,0.8,,2,0.25,SVM,2026-01-01
7,margin,10,1,2,0,20,60,20,,,,,1,0.5,SVM,2026-01-01
8,random,10,1,2,0,20,60,20,0.5,0.4,0.6,0.1,3,1,SVM,2026-01-01
"""  # noqa: E501
    first, second = curves_from_frame(pd.read_csv(io.StringIO(text)))
    assert (first.strategy, first.batch_size, first.fold, first.repeat) == ("margin", 10, 1, 2)
    assert first.labels.tolist() == [20, 30] and first.facet == (("learner", "SVM"),)
    assert set(first.scores) == {"accuracy", "mcc", "mine"}
    assert (
        np.isnan(first.scores["accuracy"][0]) and first.scores["accuracy"][1] == 0.7 and first.scores["mine"].tolist() == [1, 2]
    )
    assert first.seconds["training"].tolist() == [0.5, 0.25] and np.isnan(first.seconds["selecting"]).all()
    assert (second.strategy, second.scores["mcc"].tolist()) == ("random", [0.1])


def test_a_frame_and_its_curves_say_the_same():
    curves = world(TWO, facet=(("data set", "TREC-6"), ("features", "TF-IDF")))
    rows = [
        {
            "trial": i,
            "strategy": c.strategy,
            "batch_size": 10,
            "fold": c.fold,
            "repeat": c.repeat,
            "round": t,
            "labels": c.labels[t],
        }
        | {"accuracy": c.scores["accuracy"][t], "training": 0.5, "predicting": 0.5, "selecting": 0.5}
        | {"dataset": "TREC-6", "features": "TF-IDF"}
        for i, c in enumerate(curves)
        for t in range(len(c.labels))
    ]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=0)
    assert report(curves_from_frame(frame), "accuracy") == report(curves, "accuracy")


def test_of_two_rounds_with_as_many_labels_the_later_one_stands():
    frame = pd.DataFrame({"labels": [20, 30, 30], "round": [0, 1, 2], "accuracy": [0.5, 0.6, 0.7]})
    (only_one,) = curves_from_frame(frame.assign(trial=1, strategy="random", batch_size=10, fold=0, repeat=0))
    assert only_one.labels.tolist() == [20, 30] and only_one.scores["accuracy"].tolist() == [0.5, 0.7]


def test_frames_that_say_too_little():
    assert curves_from_frame(pd.DataFrame(columns=["trial", "strategy", "batch_size", "fold", "repeat", "labels"])) == []
    with pytest.raises(EngineError, match="lack the columns strategy, batch_size"):
        curves_from_frame(pd.DataFrame({"trial": [1], "fold": [0], "repeat": [0], "labels": [3]}))
