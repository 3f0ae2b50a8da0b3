"""Which of the unlabelled items a model may label at an accuracy that the user specified, with a finite-sample guarantee.

The model is frozen. `plan` fixes, before any answer: nested sets A_1, A_2, ... of the items that the model is surest of, the
order in which they are tested, and a random sample to be labelled by people (the audit). `decide` tests the sets in that order
against the answers and stops at the first failure (fixed-sequence testing: Angelopoulos et al. 2021, Learn then test). Each set
has an exact p-value, the order does not depend on the answers, and the first wrong set in it is accepted with probability delta
at most: so the whole procedure breaks its promise with probability delta at most, however badly calibrated the scores are.

That argument is complete for the version "population". In the version "pool" the promise is about the items that were not
checked, so which sets are wrong depends a little on which items were; each single test stays exact. Searching for the worst
pools found at most delta (within the error of simulation) in sequences of sets where up to two thirds are checked, and 1.25
delta where the checks leave a handful of items.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from scipy.stats import beta, binom, hypergeom

from learning.engine.errors import EngineError

LEVELS = tuple(round(0.05 * i, 2) for i in range(1, 21))
_SAFE = 0.75
Mode = Literal["uniform", "targeted"]
Version = Literal["population", "pool"]


@dataclass(frozen=True)
class AuditPlan:
    """What is fixed before the first check. J nested sets A_j = {score >= thresholds[j]} of n items.

    sizes[j] = |A_j|, risks[j] = mean of 1 - score in A_j, start: the set that is tested first, sample: positions to be checked,
    drawn evenly from A_region (the last set: from all items).
    """

    accuracy: float
    delta: float
    mode: Mode
    version: Version
    n: int
    thresholds: tuple[float, ...]
    sizes: tuple[int, ...]
    risks: tuple[float, ...]
    start: int
    region: int
    sample: tuple[int, ...]

    @property
    def epsilon(self) -> float:
        """The share of wrong labels that is allowed."""
        return round(1 - self.accuracy, 12)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "AuditPlan":
        lists = ("thresholds", "sizes", "risks", "sample")
        return cls(**{key: tuple(value) if key in lists else value for key, value in data.items()})


@dataclass(frozen=True)
class Step:
    """One test: the set by its coverage and threshold, the checks in it, how many were wrong, and what follows."""

    coverage: float
    threshold: float
    n: int
    errors: int
    p_value: float
    accepted: bool


@dataclass(frozen=True)
class Decision:
    """What the checks allow. `positions` may be labelled: in the accepted set and not checked.

    bound: upper confidence bound of the share of wrong labels, in the population or among `positions`, for this set by itself
    (what holds of the whole procedure is the accuracy of the plan). For a refusal, best_accuracy is what the first set does
    prove, and more_flawless and more_at_observed how many further checks, drawn as these were, would have been enough: if all of
    them in that set were right, or with the share of errors seen (None: at that share never).
    """

    accepted: bool
    steps: tuple[Step, ...]
    n: int
    positions: np.ndarray
    threshold: float | None = None
    coverage: float = 0.0
    n_audited: int = 0
    errors: int = 0
    bound: float | None = None
    best_accuracy: float | None = None
    best_coverage: float | None = None
    more_flawless: int | None = None
    more_at_observed: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything but the positions, which follow from the threshold; n_labels is their number."""
        facts = asdict(replace(self, positions=None))
        del facts["positions"]
        return facts | {"n_labels": len(self.positions)}


def checks_needed(accuracy: float, certainty: float) -> int:
    """The fewest checks, all of them right, that prove the accuracy: n >= ln delta / ln accuracy (Clopper & Pearson 1934)."""
    if not 0 < accuracy < 1 or not 0 < certainty < 1:
        raise EngineError("Accuracy and certainty must lie between 0 and 1, ends excluded.")
    n = math.ceil(math.log(1 - certainty) / math.log(accuracy) - 1e-9)
    return max(1, n)


def checks_for_power(accuracy: float, certainty: float, power: float = 0.8) -> int:
    """The fewest checks that prove it with probability `power` if the true error is half of what is allowed."""
    epsilon, delta = 1 - accuracy, 1 - certainty
    errors = 0
    while True:
        n = _least(lambda n, k=errors: binom.cdf(k, n, epsilon) <= delta, errors + 1)
        if binom.cdf(errors, n, epsilon / 2) >= power:
            return n
        errors += 1


def _least(holds: Callable[[int], bool], start: int, end: int = 10**9) -> int | None:
    """The smallest n from `start` to `end` for which a monotone condition holds; None where there is none."""
    low, high = start, start
    while not holds(high):
        if high >= end:
            return None
        low, high = high + 1, min(end, 2 * high + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def plan(
    scores: np.ndarray,
    accuracy: float,
    certainty: float = 0.95,
    *,
    audit_size: int,
    mode: Mode = "uniform",
    version: Version = "pool",
    attempt: int = 0,
    rng: np.random.Generator,
) -> AuditPlan:
    """For the calibrated confidences `scores` (n,) of all unlabelled items: nothing here looks at a label.

    version: "pool", a promise for exactly these items (hypergeometric), or "population", for all items like them (binomial).
    mode: "uniform" checks among all items; "targeted" within the widest set whose predicted risk is at most 0.75 of what is
    allowed, which proves less coverage with fewer checks. attempt: 0 where this audit is the only one of its model, which then
    spends all of delta = 1 - certainty; the k-th of several spends delta / 2**k, so that all together err with delta at most.
    Raises EngineError without items, or for a promise that cannot be.
    """
    scores = np.asarray(scores, dtype=np.float64)
    n = len(scores)
    if n == 0:
        raise EngineError("There is no item to label.")
    if not 0 < accuracy < 1 or not 0 < certainty < 1:
        raise EngineError("Accuracy and certainty must lie between 0 and 1, ends excluded: no finite check proves perfection.")
    if audit_size < 1 or not np.isfinite(scores).all():
        raise EngineError("An audit needs at least one check, and finite scores.")
    if mode not in get_args(Mode) or version not in get_args(Version) or attempt < 0:
        raise EngineError(f"Unknown audit: mode {mode!r}, version {version!r}, attempt {attempt!r}.")
    descending = -np.sort(-scores)
    places = np.unique([min(n, max(1, math.ceil(level * n - 1e-9))) for level in LEVELS]) - 1
    thresholds = np.unique(descending[places])[::-1]
    sizes = np.searchsorted(-descending, -thresholds, side="right")
    risks = 1 - np.cumsum(descending)[sizes - 1] / sizes
    epsilon, delta = round(1 - accuracy, 12), round(1 - certainty, 12) / 2**attempt
    region = len(sizes) - 1
    if mode == "targeted":
        region = _target(sizes, risks, audit_size, epsilon)
    size = min(audit_size, int(sizes[region]))
    expected = np.maximum(np.rint(size * sizes[: region + 1] / sizes[region]).astype(int), 0)
    predicted = binom.cdf(np.rint(expected * np.clip(risks[: region + 1], 0, 1)), expected, epsilon)
    start = int(np.argmin(predicted))
    inside = np.flatnonzero(scores >= thresholds[region])
    return AuditPlan(
        accuracy=float(accuracy),
        delta=float(delta),
        mode=mode,
        version=version,
        n=n,
        thresholds=tuple(thresholds.tolist()),
        sizes=tuple(sizes.tolist()),
        risks=tuple(risks.tolist()),
        start=start,
        region=region,
        sample=tuple(rng.choice(inside, size=size, replace=False).tolist()),
    )


def _target(sizes: np.ndarray, risks: np.ndarray, audit_size: int, epsilon: float) -> int:
    """The widest set that is safe by prediction, widened where the checks would use up most of it.

    A set of which everything was checked proves itself, and leaves nothing to label.
    """
    safe = int(np.max(np.flatnonzero(risks <= _SAFE * epsilon), initial=0))
    if sizes[safe] >= 2 * audit_size:
        return safe
    return min(int(np.searchsorted(sizes, 2 * audit_size)), len(sizes) - 1)


def decide(plan: AuditPlan, scores: np.ndarray, correct: np.ndarray) -> Decision:
    """Test the sets of the plan against `correct` (k,): for each position of `plan.sample`, did people give the model's label?

    A check that nobody could answer must be given as False: to leave it out would favour the items that are easy to answer.
    Raises EngineError where the scores or the answers are not those of the plan.
    """
    scores, correct = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=bool)
    if len(scores) != plan.n or len(correct) != len(plan.sample):
        raise EngineError(f"The plan is for {plan.n} items and {len(plan.sample)} checks; got {len(scores)} and {len(correct)}.")
    sample = np.asarray(plan.sample, dtype=np.int64)
    steps, last = [], None
    for j in range(plan.start, plan.region + 1):
        above = scores[sample] >= plan.thresholds[j]
        n, errors = int(above.sum()), int((~correct[above]).sum())
        p_value = _p_value(plan, plan.sizes[j], n, errors)
        accepted = p_value <= plan.delta
        steps.append(Step(plan.sizes[j] / plan.n, plan.thresholds[j], n, errors, float(p_value), accepted))
        if not accepted:
            break
        last = j
    if last is None:
        return _refusal(plan, steps)
    step = steps[last - plan.start]
    mine = scores >= step.threshold
    mine[sample] = False
    return Decision(
        accepted=True,
        steps=tuple(steps),
        n=plan.n,
        positions=np.flatnonzero(mine),
        threshold=step.threshold,
        coverage=plan.sizes[last] / plan.n,
        n_audited=step.n,
        errors=step.errors,
        bound=_bound(plan, plan.sizes[last], step.n, step.errors),
    )


def _p_value(plan: AuditPlan, size: int, n: int, errors: int) -> float:
    """Of "more than epsilon of the labels are wrong", given that many errors in n checks out of a set of this size."""
    if plan.version == "population":
        return float(binom.cdf(errors, n, plan.epsilon))
    broken = errors + math.floor(plan.epsilon * (size - n) + 1e-9) + 1  # the fewest errors that would break the promise
    return 0.0 if broken > size else float(hypergeom.cdf(errors, size, broken, n))


def _bound(plan: AuditPlan, size: int, n: int, errors: int) -> float:
    """Upper confidence bound of the share of wrong labels: in the population (Clopper & Pearson), or in the unchecked rest."""
    if plan.version == "population":
        return upper_bound(errors, n, plan.delta)
    if size == n:
        return 0.0
    # The largest number of errors in the set that the checks do not rule out.
    most = _least(lambda wrong: wrong > size - n + errors or hypergeom.cdf(errors, size, wrong, n) <= plan.delta, errors) - 1
    return max(0, min(most, size - n + errors) - errors) / (size - n)


def upper_bound(errors: int, n: int, delta: float) -> float:
    """One-sided upper bound of a share of errors (Clopper & Pearson 1934)."""
    return 1.0 if errors >= n else float(beta.ppf(1 - delta, errors + 1, n - errors))


def _refusal(plan: AuditPlan, steps: list[Step]) -> Decision:
    first = steps[0]
    rate = first.errors / first.n if first.n else 0.0
    return Decision(
        accepted=False,
        steps=tuple(steps),
        n=plan.n,
        positions=np.empty(0, dtype=np.int64),
        n_audited=first.n,
        errors=first.errors,
        best_accuracy=1 - _bound(plan, plan.sizes[plan.start], first.n, first.errors),
        best_coverage=first.coverage,
        more_flawless=_more(plan, first, _checks(plan, first.errors, max(first.n, 1), _most_checks(plan))),
        more_at_observed=_more(plan, first, _checks_at_rate(plan, first, rate)) if rate < plan.epsilon else None,
    )


def _most_checks(plan: AuditPlan) -> int:
    return plan.sizes[plan.start] if plan.version == "pool" else 10**7


def _checks(plan: AuditPlan, errors: int, start: int, end: int) -> int | None:
    """The fewest checks from `start` to `end` in the first set that prove it, if so many of them are wrong."""
    size = plan.sizes[plan.start]
    return _least(lambda n: _p_value(plan, size, n, errors) <= plan.delta, start, end) if start <= end else None


def _checks_at_rate(plan: AuditPlan, first: Step, rate: float) -> int | None:
    """The same, with this share of the checks wrong, rounded up.

    Each further error makes the proof harder, so what is looked for is first how many errors, then how many checks: over the
    checks alone it is a saw, in which bisection loses its way.
    """
    size, end = plan.sizes[plan.start], _most_checks(plan)
    if rate == 0:
        return _checks(plan, 0, max(first.n, 1), end)

    def most(errors: int) -> int:
        return min(end, math.floor(errors / rate + 1e-9))

    errors = _least(
        lambda errors: _p_value(plan, size, most(errors), errors) <= plan.delta, first.errors, math.ceil(rate * end - 1e-9)
    )
    if errors is None:
        return None
    return _checks(plan, errors, max(first.n, math.floor((errors - 1) / rate + 1e-9) + 1), most(errors))


def _more(plan: AuditPlan, first: Step, n: int | None) -> int | None:
    """How many more checks it takes until n of them fall into the first set.

    In a pool of some hundred items this may be all that are left: what is checked needs no proof.
    """
    if n is None:
        return None
    share = plan.sizes[plan.start] / plan.sizes[plan.region]
    more = math.ceil((n - first.n) / share - 1e-9)
    return more if plan.version == "population" else min(more, plan.sizes[plan.region] - len(plan.sample))
