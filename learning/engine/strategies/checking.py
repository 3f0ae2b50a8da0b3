"""Does a strategy keep the contract? Small pools on which it is tried, what it does there in words, and how its time grows.

For people who write one: `manage.py checkstrategy` prints what `examine` and `time_at` find. The rules are those of `contract`,
which also hold in a run; here they are tried in all the situations that a run may come to.
"""

import multiprocessing
import random
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from learning.engine import loop
from learning.engine.registry import own_name, problems
from learning.engine.strategies.base import Context, Selection
from learning.engine.strategies.contract import RULES, StrategyFault, ask

OK, FAILED, SKIPPED, NOTE = "ok", "failed", "skipped", "note"
LEARNER = {"name": "logistic_regression"}
SIZES = (1_000, 10_000, 100_000)
LARGE = 1_000_000
_MEMORY = 4 << 30  # bytes that a timed strategy may take beyond what is there; more would endanger the machine

_TOO_MUCH = f"it needs more than {_MEMORY >> 30} GB of memory"
_ENDED = "the system ended it, as it does with what takes too much memory"

# What a run may come to: (how the pool differs from the usual one, batch size). The first is the usual one.
SITUATIONS: dict[str, tuple[dict[str, Any], int]] = {
    "Dense features": ({}, 5),
    "Sparse features": ({"as_sparse": True}, 5),
    "A batch of one": ({}, 1),
    "A batch larger than the pool: everything, once": ({}, 99),
    "A pool of one item": ({"n": 9}, 1),
    "Items asked and not answered yet (pending)": ({"n_pending": 6}, 5),
    "None pending": ({"n_pending": 0}, 5),
    "Two classes": ({"n_classes": 2, "seen": 2}, 5),
    "Classes that nobody labelled": ({"n_classes": 7, "seen": 2}, 5),
    "Items that are all equal": ({"duplicates": True}, 5),
    "Labels of one class only: no model": ({"seen": 1}, 5),
    "No label at all: no model": ({"n_labeled": 0}, 5),
}
_NEEDS_MODEL = frozenset({"proba", "model", "learner"})


@dataclass(frozen=True)
class Finding:
    """One check: `name` says what was tried, `text` what was found; `traceback` is that of the first error."""

    name: str
    state: str  # OK, FAILED, SKIPPED or NOTE
    text: str = ""
    traceback: str = ""


def small_context(
    *,
    n: int = 20,
    n_labeled: int = 6,
    n_pending: int = 2,
    n_classes: int = 3,
    seen: int = 3,
    as_sparse: bool = False,
    duplicates: bool = False,
    seed: int = 0,
    d: int = 4,
) -> Context:
    """A pool of n items with random probabilities, `seen` of its classes labelled; with two or more, a real model too."""
    rng = np.random.default_rng(seed)
    X = (rng.random((n, d)) * (rng.random((n, d)) < 0.7)).astype(np.float32)
    if duplicates:
        X[:] = X[0]
    order = rng.permutation(n)
    labeled, pending = np.sort(order[:n_labeled]), order[n_labeled : n_labeled + n_pending]
    candidates = np.sort(order[n_labeled + n_pending :])
    y = np.arange(n_labeled) % seen
    X = sparse.csr_matrix(X) if as_sparse else X
    model = loop.fit(LEARNER, X, labeled, y, n_classes, 0) if len(np.unique(y)) >= 2 else None
    proba = np.zeros((len(candidates), n_classes))
    proba[:, :seen] = 1 / seen if duplicates else rng.dirichlet(np.ones(seen), size=len(candidates))
    return Context(
        X=X,
        labeled=labeled,
        y=y,
        candidates=candidates,
        pending=pending,
        proba=proba if model is not None else None,
        model=model,
        learner=LEARNER,
        n_classes=n_classes,
        rng=np.random.default_rng(seed + 1),
    )


def examine(cls: type, name: str = "") -> Iterator[Finding]:
    """Every check of a strategy's class, as soon as it is done."""
    name = name or own_name(cls)
    with _global_chance_restored():
        if wrong := problems(cls, "strategies", name):
            yield Finding("Can stand in the form", FAILED, " ".join(wrong))
            return
        if not getattr(cls, "help", ""):
            yield Finding("Can stand in the form", NOTE, "It has no `help`: the line that tells people what it does.")
        else:
            yield Finding("Can stand in the form", OK)
        results = {situation: _try(cls, situation) for situation in SITUATIONS if not _lacks_model(cls, situation)}
        yield from _by_rule(results)
        yield from _by_situation(results)
        usual = next(iter(results.values()))
        if isinstance(usual, StrategyFault):
            yield Finding("Same seed, same batch", SKIPPED, "It gave no batch to compare.")
            return
        for question in (_repeats, _forgets, _does_without_cache, _settings_work, _breaks_ties):
            yield _held(question, cls)


def _lacks_model(cls: type, situation: str) -> bool:
    return situation.endswith("no model") and bool(getattr(cls, "needs", frozenset()) & _NEEDS_MODEL)


def _try(cls: type, situation: str) -> Selection | StrategyFault:
    changes, batch_size = SITUATIONS[situation]
    try:
        return _ask(cls, small_context(**changes), batch_size)
    except StrategyFault as fault:
        return fault


def _ask(cls: type, context: Context, batch_size: int) -> Selection:
    strategy = cls()
    selection = ask(strategy, context, batch_size)
    if selection.scores is not None and np.isnan(np.asarray(selection.scores, dtype=float)).any():
        raise StrategyFault(
            strategy, {"scores": "returned scores that are not numbers (NaN): a division by 0, or a logarithm of 0?"}
        )
    return selection


# --- One line per rule, one per situation


def _by_rule(results: dict[str, Selection | StrategyFault]) -> Iterator[Finding]:
    faults = {situation: result for situation, result in results.items() if isinstance(result, StrategyFault)}
    answered = [situation for situation in results if "raised" not in getattr(faults.get(situation), "faults", {})]
    for rule, name in RULES.items():
        if rule == "raised":  # told with the situation in which it happened
            continue
        broken = [(situation, fault) for situation, fault in faults.items() if rule in fault.faults]
        if broken:
            situation, fault = broken[0]
            also = f", and in {len(broken) - 1} more" if len(broken) > 1 else ""
            text = f"It {fault.faults[rule]} (tried: {_lower(situation)}{also})."
            yield Finding(name, FAILED, text, _traceback(fault))
        elif not answered or (
            faults and all("changed" in fault.faults for fault in faults.values()) and len(faults) == len(results)
        ):
            yield Finding(name, SKIPPED, "It never came to an answer.")
        else:
            yield Finding(name, OK)


def _by_situation(results: dict[str, Selection | StrategyFault]) -> Iterator[Finding]:
    usual = next(iter(results.values()))
    usually = set(usual.faults) - {"raised"} if isinstance(usual, StrategyFault) else set()
    told: set[str] = set()
    for situation in SITUATIONS:
        result = results.get(situation)
        if result is None:
            text = "It declares that it needs a model; until there is one, the warm-up of the run chooses."
            yield Finding(situation, OK, text)
        elif not isinstance(result, StrategyFault):
            yield Finding(situation, OK)
        elif set(result.faults) <= usually or set(result.faults.values()) <= told:
            yield Finding(situation, FAILED, "For the same reason as above.")
        else:
            told |= set(result.faults.values())
            text = f"It {'; it '.join(result.faults.values())}."
            if situation.endswith("no model"):
                text += ' Where it cannot do without: needs = frozenset({"proba"}), or {"model"}.'
            yield Finding(situation, FAILED, text, _traceback(result))


def _traceback(fault: StrategyFault) -> str:
    return "".join(traceback.format_exception(fault.__cause__)) if fault.__cause__ else ""


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


# --- Questions that take more than one call: (name, what is wrong or None, state where it is wrong)


def _held(question: Callable[[type], str | None], cls: type) -> Finding:
    name = _QUESTIONS[question]
    try:
        wrong = question(cls)
    except StrategyFault as fault:
        return Finding(name, FAILED, str(fault), _traceback(fault))
    if wrong is None:
        return Finding(name, OK)
    return Finding(name, NOTE if question is _breaks_ties else FAILED, wrong)


def _repeats(cls: type) -> str | None:
    picks = []
    for seed in (1, 2):  # of what must not matter
        np.random.seed(seed)
        random.seed(seed)
        picks.append(_ask(cls, small_context(), 5).positions.tolist())
    if picks[0] == picks[1]:
        return None
    return (
        f"Twice the same pool and seed, and it chose {picks[0]} and then {picks[1]}. Take every random number from context.rng."
    )


def _forgets(cls: type) -> str | None:
    first = _ask(cls, small_context(), 5).positions.tolist()
    _ask(cls, small_context(n=25, seed=3), 4)
    again = _ask(cls, small_context(), 5).positions.tolist()
    if first == again:
        return None
    return f"After a call on another pool it chose {again} instead of {first}. Keep nothing in the class or the module."


def _does_without_cache(cls: type) -> str | None:
    """A worker that was killed, and another that goes on, must not make a difference."""
    before = small_context()
    batch = _ask(cls, before, 5).positions
    left = np.flatnonzero(~np.isin(before.candidates, batch))
    labeled = np.concatenate([before.labeled, batch])
    order = np.argsort(labeled)
    picks = []
    for cache in (before.cache, {}):
        after = replace(
            before.among(left),
            labeled=labeled[order],
            y=np.concatenate([before.y, np.zeros(len(batch), dtype=np.int64)])[order],
            rng=np.random.default_rng(9),
            memo={},
            cache=cache,
        )
        picks.append(_ask(cls, after, 5).positions.tolist())
    if picks[0] == picks[1]:
        return None
    return f"With what it kept in context.cache it chose {picks[0]}, without it {picks[1]}. A restart loses the cache."


def _settings_work(cls: type) -> str | None:
    for parameter in getattr(cls, "parameters", ()):
        values = [value for value, _ in parameter.choices] if parameter.kind == "choice" else []
        values += [True, False] if parameter.kind == "bool" else []
        values += [value for value in (parameter.minimum, parameter.maximum) if value is not None]
        for value in values:
            given = {parameter.name: parameter.clean(value)}
            try:
                ask(cls(**given), small_context(n=14), 4)
            except StrategyFault as fault:
                return f"With {parameter.name} = {value!r} it {'; it '.join(fault.faults.values())}."
    return None


def _breaks_ties(cls: type) -> str | None:
    picks = {
        _ask(cls, replace(small_context(n=14, duplicates=True), rng=np.random.default_rng(seed)), 1).positions[0]
        for seed in range(8)
    }
    if len(picks) > 1:
        return None
    return (
        "Of items that are all equal it always takes the same one, so the order of the file decides. Break ties at random, with "
        "context.rng, or say why not: ties are frequent in the first rounds, and they can decide a comparison."
    )


_QUESTIONS = {
    _repeats: "Same seed, same batch",
    _forgets: "The same after other calls",
    _does_without_cache: "The same without its cache",
    _settings_work: "The ends and choices of its settings",
    _breaks_ties: "Ties are broken at random",
}


@contextmanager
def _global_chance_restored() -> Iterator[None]:
    legacy, plain = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(legacy)
        random.setstate(plain)


# --- How its time grows with the pool


@dataclass(frozen=True)
class Timing:
    """Seconds of a first round and of a later one at `size` candidates; where it did not end, `problem` says why.

    `over_limit`: it was stopped after `first` seconds. `is_fault`: neither time nor memory, but an error or no batch.
    """

    size: int
    first: float = 0.0
    later: float = 0.0
    problem: str = ""
    over_limit: bool = False
    is_fault: bool = False


def large_context(size: int, seed: int = 0) -> Context:
    """`size` candidates, 50 dense features, 5 classes, 200 labels and the model trained on them."""
    rng = np.random.default_rng(seed)
    n_classes, n = 5, size + 200
    codes = rng.integers(n_classes, size=n)
    X = rng.standard_normal((n, 50), dtype=np.float32)
    X += rng.standard_normal((n_classes, 50), dtype=np.float32)[codes]
    labeled, candidates = np.arange(200), np.arange(200, n)
    model = loop.fit(LEARNER, X, labeled, codes[labeled], n_classes, 0)
    return Context(
        X=X,
        labeled=labeled,
        y=codes[labeled],
        candidates=candidates,
        proba=loop.predict(model, X, candidates, n_classes),
        model=model,
        learner=LEARNER,
        n_classes=n_classes,
        rng=np.random.default_rng(seed),
    )


def time_at(cls: type, size: int, *, limit: float, batch_size: int = 20) -> Timing:
    """How long it takes to choose a batch among `size` candidates.

    In a process of its own, which is ended after `limit` seconds or when it asks for too much memory.
    """
    context = large_context(size)
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=_clocked, args=(cls, context, batch_size, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        first = _received(mine, limit)
        # The later round has the time that the first one left, and is no reason to call the size too large.
        later = _received(mine, max(limit - first, 1.0)) if isinstance(first, float) else None
    finally:
        process.kill()
        process.join()
    if first is None:
        return Timing(size, limit, problem=f"more than {limit:g} s: stopped", over_limit=True)
    if isinstance(first, str):
        return Timing(size, problem=first, is_fault=first not in (_TOO_MUCH, _ENDED))
    return Timing(size, first, later if isinstance(later, float) else first)


def _received(pipe: Any, limit: float) -> float | str | None:
    try:
        return pipe.recv() if pipe.poll(limit) else None
    except EOFError:
        return _ENDED


def _clocked(cls: type, context: Context, batch_size: int, pipe: Any) -> None:
    _limit_memory()
    try:
        ask(cls(), small_context(), 5)  # what is imported or built once per process is not the pool's
        for seed in (1, 2):
            given = replace(context, rng=np.random.default_rng(seed), memo={})
            begun = time.perf_counter()
            ask(cls(), given, batch_size)
            pipe.send(time.perf_counter() - begun)
    except StrategyFault as fault:
        memory = isinstance(fault.__cause__, MemoryError)
        pipe.send(_TOO_MUCH if memory else f"it {'; it '.join(fault.faults.values())}")
    except MemoryError:
        pipe.send(_TOO_MUCH)


def _limit_memory() -> None:
    try:
        import resource

        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + _MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, OSError, ValueError):  # no Linux, or a stricter limit: the time limit alone must do
        return


def growth(timings: Sequence[Timing]) -> tuple[float | None, str]:
    """(exponent p of seconds ~ candidates^p, in words with what it means for a large pool).

    From the two largest sizes: at the smaller ones what every call costs hides what grows. A size at which it was stopped counts
    as if it had ended then, and the words say "or worse". None where fewer than two sizes tell anything.
    """
    told = [timing for timing in timings if timing.over_limit or not timing.problem]
    if len(told) < 2 or all(timing.over_limit for timing in told):
        return None, "How its time grows cannot be said: too few sizes came to an end."
    large = told[-1]
    p = max(_power(small, big) for small, big in pairwise(told[-3:] if large.over_limit else told[-2:]) if not small.over_limit)
    # Below 1 it is the part that does not grow that still hides the part that does.
    seconds = large.first * (LARGE / large.size) ** (max(p, 1.0) if p >= _GROWS else max(p, 0.0))
    word = f"{_word_for(p)} (candidates to the power of {p:.1f})"
    if large.over_limit:
        return p, f"{word} or worse: a pool of {LARGE:,} would take more than {duration(seconds)} per round."
    return p, f"{word}: a pool of {LARGE:,} would take about {duration(seconds)} per round."


def _power(small: Timing, large: Timing) -> float:
    return float(np.log(max(large.first, 1e-5) / max(small.first, 1e-5)) / np.log(large.size / small.size))


_GROWS = 0.4


def _word_for(p: float) -> str:
    for limit, word in ((_GROWS, "Hardly grows"), (1.4, "Linear"), (1.7, "More than linear"), (2.3, "Quadratic")):
        if p < limit:
            return word
    return "Worse than quadratic"


def duration(seconds: float) -> str:
    """In words with two digits at most: 0.03 s, 12 s, 4 minutes, 3 hours, 12 days."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
