"""Labels at a specified accuracy: the arithmetic, the guarantee by simulation, and MAPIE as an oracle."""

import json
import warnings
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from learning import engine
from learning.engine import AuditPlan, EngineError, checks_for_power, checks_needed, decide, plan_audit
from learning.engine.autolabel import _p_value, upper_bound

# One-sided Clopper-Pearson bounds at 95 % certainty in per cent, for 0, 1, 2, 5 and 10 errors in so many checks.
TABLE = {
    30: "9.5 14.9 19.5 31.9 49.9",
    50: "5.8 9.1 12.1 19.9 31.6",
    59: "4.95 7.8 10.3 17.0 27.1",
    100: "3.0 4.7 6.2 10.2 16.4",
    149: "1.99 3.1 4.2 6.9 11.1",
    200: "1.5 2.3 3.1 5.2 8.3",
    299: "1.00 1.6 2.1 3.5 5.6",
    500: "0.60 0.95 1.3 2.1 3.4",
    1000: "0.30 0.47 0.63 1.05 1.7",
    2000: "0.15 0.24 0.31 0.52 0.85",
    2995: "0.10 0.16 0.21 0.35 0.57",
}


@pytest.mark.parametrize("n", TABLE)
def test_the_bounds_of_clopper_and_pearson(n):
    printed = TABLE[n].split()
    bounds = [100 * upper_bound(errors, n, 0.05) for errors in (0, 1, 2, 5, 10)]
    assert [f"{bound:.{len(text.partition('.')[2])}f}" for bound, text in zip(bounds, printed, strict=True)] == printed


def test_how_many_flawless_checks_a_promise_needs():
    errors = (0.10, 0.05, 0.03, 0.02, 0.01, 0.005, 0.001)
    assert [checks_needed(1 - e, 0.95) for e in errors] == [29, 59, 99, 149, 299, 598, 2995]
    assert [checks_needed(1 - e, 0.99) for e in errors] == [44, 90, 152, 228, 459, 919, 4603]
    with pytest.raises(EngineError):
        checks_needed(1.0, 0.95)


def test_how_many_checks_succeed_four_times_in_five():
    """The page's 180, 386, 979, 1970 come from a coarser search; these are the first that reach the power."""
    assert [checks_for_power(1 - e, 0.95) for e in (0.10, 0.05, 0.02, 0.01)] == [179, 361, 969, 1941]
    n = checks_for_power(0.95, 0.95)
    most = max(k for k in range(n) if binom.cdf(k, n, 0.05) <= 0.05)
    assert binom.cdf(most, n, 0.025) >= 0.8


def a_plan(n: int, size: int, accuracy: float, delta: float, version: str, sample: tuple) -> AuditPlan:
    return AuditPlan(accuracy, delta, "uniform", version, n, (0.0,), (size,), (0.01,), 0, 0, sample)


@given(st.integers(2, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_the_p_value_of_a_pool_is_exact(size, data):
    """Against all samples of all pools: the chance to see that few errors where the promise would just be broken."""
    n = data.draw(st.integers(1, size))
    errors = data.draw(st.integers(0, n))
    accuracy = data.draw(st.sampled_from([0.5, 0.7, 0.8, 0.9]))
    worst = Fraction(0)
    for wrong in range(size + 1):
        samples = list(combinations(range(size), n))
        # Broken: of what is not checked, more than the allowed share is wrong (for the samples with as few errors as seen).
        hits = 0
        for sample in samples:
            found = sum(item < wrong for item in sample)
            broken = (wrong - errors) > Fraction(str(round(1 - accuracy, 12))) * (size - n)
            hits += found <= errors and broken
        worst = max(worst, Fraction(hits, len(samples)))
    given = _p_value(a_plan(size, size, accuracy, 0.05, "pool", ()), size, n, errors)
    assert given == pytest.approx(float(worst), abs=1e-9)


def test_the_population_version_is_the_binomial_one():
    plan = a_plan(1000, 1000, 0.95, 0.05, "population", ())
    assert _p_value(plan, 1000, 59, 0) == pytest.approx(0.95**59) and 0.95**59 <= 0.05 < 0.95**58
    assert _p_value(plan, 1000, 93, 1) == pytest.approx(binom.cdf(1, 93, 0.05))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.integers(1, 80),
    st.sampled_from(["uniform", "targeted"]),
    st.sampled_from(["population", "pool"]),
    st.integers(0, 100),
    st.sampled_from([0.6, 0.9, 0.99]),
)
@settings(max_examples=150, deadline=None)
def test_what_a_plan_and_its_decision_keep(scores, audit_size, mode, version, seed, accuracy):
    scores = np.array(scores)
    rng = np.random.default_rng(seed)
    plan = plan_audit(scores, accuracy, 0.9, audit_size=audit_size, mode=mode, version=version, rng=rng)
    assert len(set(plan.sample)) == len(plan.sample) <= audit_size
    assert (np.diff(plan.thresholds) < 0).all() and plan.sizes[-1] == len(scores)
    assert plan.sizes == tuple(int((scores >= t).sum()) for t in plan.thresholds)
    assert all(scores[i] >= plan.thresholds[plan.region] for i in plan.sample)
    assert AuditPlan.from_json(plan.to_json()) == plan
    correct = rng.random(len(plan.sample)) < 0.95
    decision = decide(plan, scores, correct)
    assert not set(decision.positions.tolist()) & set(plan.sample)
    assert [step.accepted for step in decision.steps[:-1]] == [True] * (len(decision.steps) - 1)
    if decision.accepted:
        assert (scores[decision.positions] >= decision.threshold).all()
        assert decision.bound <= round(1 - accuracy, 12) + 1e-9
    else:
        assert len(decision.positions) == 0 and decision.best_accuracy < accuracy + 1e-9
    flawless = decide(plan, scores, np.ones(len(plan.sample), dtype=bool))
    assert flawless.accepted >= decision.accepted and flawless.coverage >= decision.coverage


def test_impossible_promises_and_wrong_answers_are_refused_with_words():
    scores, rng = np.linspace(0, 1, 10), np.random.default_rng(0)
    with pytest.raises(EngineError, match="no item"):
        plan_audit(np.empty(0), 0.9, audit_size=5, rng=rng)
    with pytest.raises(EngineError, match="perfection"):
        plan_audit(scores, 1.0, audit_size=5, rng=rng)
    with pytest.raises(EngineError, match="mode 'some'"):
        plan_audit(scores, 0.9, audit_size=5, mode="some", rng=rng)
    plan = plan_audit(scores, 0.9, audit_size=5, rng=rng)
    with pytest.raises(EngineError, match="10 items and 5 checks"):
        decide(plan, scores, np.ones(4, dtype=bool))


def test_everything_checked_needs_no_certainty():
    scores = np.linspace(0.5, 1, 40)
    plan = plan_audit(scores, 0.9, audit_size=40, rng=np.random.default_rng(0))
    decision = decide(plan, scores, np.ones(40, dtype=bool))
    assert decision.accepted and decision.coverage == 1 and len(decision.positions) == 0 and decision.bound == 0


def test_a_refusal_says_what_would_have_been_enough():
    scores = np.full(5000, 0.99)
    plan = plan_audit(scores, 0.95, audit_size=100, version="population", rng=np.random.default_rng(0))
    wrong = np.arange(100) >= 4
    decision = decide(plan, scores, wrong)
    assert not decision.accepted
    assert decision.best_accuracy == pytest.approx(1 - upper_bound(4, 100, 0.05))
    n = 100 + decision.more_flawless
    assert binom.cdf(4, n, 0.05) <= 0.05 < binom.cdf(4, n - 1, 0.05)
    for errors in (2, 3, 4):  # 3: of three checks more than the fewest the bisection of a saw once said
        found = decide(plan, scores, np.arange(100) >= errors).more_at_observed
        n = np.arange(100, 101 + found)
        enough = binom.cdf(np.ceil(errors * n / 100 - 1e-9), n, 0.05) <= 0.05
        assert enough[-1] and not enough[:-1].any()
    hopeless = decide(plan, scores, np.arange(100) >= 9)
    assert hopeless.more_at_observed is None and hopeless.more_flawless > 0


def test_a_refusal_in_a_small_pool_never_asks_for_more_checks_than_there_are_items():
    scores = np.full(120, 0.9)
    plan = plan_audit(scores, 0.95, audit_size=40, rng=np.random.default_rng(0))
    decision = decide(plan, scores, np.arange(40) >= 1)
    assert not decision.accepted and 0 < decision.more_flawless <= 80
    # With so many checks, and no further error, it would have been proven.
    n = 40 + decision.more_flawless
    again = a_plan(120, 120, 0.95, plan.delta, "pool", tuple(range(n)))
    enough = decide(again, scores, np.arange(n) >= 1)
    less = decide(a_plan(120, 120, 0.95, plan.delta, "pool", tuple(range(n - 1))), scores, np.arange(n - 1) >= 1)
    assert enough.accepted and not less.accepted


def test_more_checks_of_everything_are_counted_where_only_some_of_them_help():
    """Half of the checks fall among the half that the model is sure of, so it takes twice as many."""
    scores = np.repeat([0.99, 0.4], 5000)
    plan = plan_audit(scores, 0.95, audit_size=60, version="population", rng=np.random.default_rng(0))
    inside = np.asarray(plan.sample) < 5000
    decision = decide(plan, scores, np.ones(60, dtype=bool))
    assert not decision.accepted and decision.steps[0].coverage == 0.5
    assert decision.more_flawless == 2 * (checks_needed(0.95, 0.95) - inside.sum())


def test_all_audits_of_a_model_together_spend_what_one_may():
    scores, spent = np.linspace(0.5, 1, 500), []
    for attempt in range(1, 12):
        spent.append(plan_audit(scores, 0.9, 0.9, audit_size=9, attempt=attempt, rng=np.random.default_rng(0)).delta)
    assert spent[:3] == pytest.approx([0.05, 0.025, 0.0125]) and sum(spent) < 0.1
    assert plan_audit(scores, 0.9, 0.9, audit_size=9, rng=np.random.default_rng(0)).delta == pytest.approx(0.1)


def test_checks_are_never_spent_on_a_set_that_they_use_up():
    """Where only a few items look safe, to check all of those would prove something and label nothing."""
    scores = np.r_[np.full(100, 0.999), np.linspace(0.95, 0.3, 1900)]
    plan = plan_audit(scores, 0.99, audit_size=300, mode="targeted", rng=np.random.default_rng(0))
    assert plan.sizes[plan.region] >= 600 and len(plan.sample) == 300


def test_the_same_seed_draws_the_same_checks():
    scores = np.random.default_rng(1).random(300)
    first, second = (plan_audit(scores, 0.9, audit_size=50, rng=np.random.default_rng(5)) for _ in range(2))
    assert first == second and first != plan_audit(scores, 0.9, audit_size=50, rng=np.random.default_rng(6))


def test_plans_and_decisions_survive_json():
    scores = np.random.default_rng(0).random(400) ** 0.1
    plan = plan_audit(scores, 0.9, audit_size=150, mode="targeted", rng=np.random.default_rng(0))
    again = AuditPlan.from_json(json.loads(json.dumps(plan.to_json())))
    correct = np.arange(150) % 30 > 0
    first, second = decide(plan, scores, correct), decide(again, scores, correct)
    assert again == plan and json.loads(json.dumps(first.to_json())) == json.loads(json.dumps(second.to_json()))
    assert np.array_equal(first.positions, second.positions) and first.to_json()["n_labels"] == len(first.positions)


def pools(kind: str, rng: np.random.Generator, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """(scores, whether the model is right): calibrated, too sure, or with many ties."""
    p = rng.beta(2.5, 0.37, size=n)
    if kind == "too sure":
        return p ** (1 / 4), rng.random(n) < p
    if kind == "tied":
        p = np.round(p, 1)
    return p, rng.random(n) < p


@pytest.mark.parametrize("kind", ["calibrated", "too sure", "tied"])
@pytest.mark.parametrize("version", ["pool", "population"])
@pytest.mark.parametrize("mode", ["uniform", "targeted"])
def test_promises_are_kept(kind, version, mode):
    """In 200 projects at 95 % certainty at most 19 promises may be broken: 5 % and three standard errors of the count."""
    broken = coverage = 0
    for seed in range(200):
        rng = np.random.default_rng([seed, len(kind)])
        scores, right = pools(kind, rng)
        plan = plan_audit(scores, 0.95, 0.95, audit_size=400, mode=mode, version=version, rng=rng)
        decision = decide(plan, scores, right[list(plan.sample)])
        coverage += decision.coverage / 200
        if decision.accepted:
            mine = decision.positions if version == "pool" else np.flatnonzero(scores >= decision.threshold)
            broken += (~right[mine]).mean() > 0.05
    assert broken <= 19
    if kind == "calibrated":
        assert coverage > 0.35  # of the 0.75 that could be labelled by who knew the truth


def test_a_naive_threshold_breaks_the_promise_about_every_other_time():
    """What it is all for: to choose the threshold by eye on the same labels (research page: 52 to 70 %)."""
    broken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        scores, right = pools("calibrated", rng)
        sample = rng.choice(len(scores), 300, replace=False)
        order = sample[np.argsort(-scores[sample])]
        errors = np.cumsum(~right[order]) / np.arange(1, 301)
        good = np.flatnonzero(errors <= 0.05)
        if len(good):
            broken += (~right[scores >= scores[order[good[-1]]]]).mean() > 0.05
    assert broken > 60


def test_mapie_accepts_the_same_thresholds():
    """MAPIE 1.6.0: MultiClassificationLTTController over the same thresholds in the same order (fixed sequence).

    Its p-value for a binary loss is the smaller of Hoeffding's bound and the binomial tail, so the tail, which is ours.
    """
    from mapie.risk_control import BinaryRisk, MultiClassificationLTTController

    right_where_labeled = BinaryRisk(
        risk_occurrence=lambda y_true, y_pred: y_pred == y_true,
        risk_condition=lambda y_true, y_pred: y_pred == y_pred,  # not abstained, which is NaN
        higher_is_better=True,
    )
    outcomes = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        scores, right = pools("calibrated", rng, 2000)
        scores = 0.4 + 0.6 * scores
        plan = plan_audit(scores, 0.9, 0.95, audit_size=30 if seed % 2 else 150, version="population", rng=rng)
        sample = np.array(plan.sample)
        decision = decide(plan, scores, right[sample])
        proba = np.stack([scores, *[(1 - scores) / 2] * 2], axis=1)[sample]
        controller = MultiClassificationLTTController(
            predict_function=lambda X: X,
            risks=[right_where_labeled],
            target_level=[0.9],
            confidence_level=0.95,
            list_predict_params=np.array(plan.thresholds[plan.start :][::-1]),
            classes=[0, 1, 2],
            fwer_method="fixed_sequence",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it finds no threshold
            controller.calibrate(proba, np.where(right[sample], 0, 1))
        valid = controller.valid_predict_params
        theirs = float(np.min(valid)) if len(valid) else None
        # MAPIE rounds n times the share of errors up, so an error of floating point may count as one more error of the model:
        # it never proves what we do not, and mostly the same.
        assert theirs is None or decision.threshold <= theirs
        outcomes.append((theirs is None, theirs == decision.threshold))
    assert {refused for refused, _ in outcomes} == {True, False}  # both refusals and acceptances were compared
    assert sum(same for _, same in outcomes) > 15


def test_the_engine_offers_it():
    assert engine.plan_audit is plan_audit and engine.decide is decide
