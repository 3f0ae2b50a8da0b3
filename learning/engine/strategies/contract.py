"""What a strategy may give back and what it must leave alone; held at every selection by one that is not built in."""

import copy
import sys
import traceback
from typing import Any

import joblib
import numpy as np
from scipy import sparse

from learning.engine.derived import Derived
from learning.engine.errors import EngineError
from learning.engine.registry import own_frame
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.threads import one_thread

# The rules, in the order in which they are told.
RULES = {
    "raised": "Answers without an error",
    "changed": "Leaves its inputs unchanged",
    "kind": "Returns whole numbers",
    "count": "Returns as many positions as asked",
    "repeated": "Returns every position once",
    "outside": "Returns candidates only",
    "scores": "Scores and probabilities fit the positions",
}


class StrategyFault(EngineError):
    """A strategy broke the contract, or raised: `faults` maps each of RULES that it broke to what it did."""

    def __init__(self, strategy: Any, faults: dict[str, str]) -> None:
        self.faults = faults
        label, name = getattr(strategy, "label", type(strategy).__name__), getattr(strategy, "name", type(strategy).__name__)
        super().__init__(f"The strategy {label} ({name}) {'; it '.join(faults.values())}.")


def ask(strategy: Any, context: Context, batch_size: int, beyond: int = 0) -> Selection:
    """The batch and `beyond` more, as `Strategy.select`; raises StrategyFault unless all is as it must be.

    The inputs cannot be written to in the meantime. A plug-in may return a Selection or the positions alone. One without the base
    class knows of batches only: it is asked for the batch first, so that this is the same as in an analysis, and then for more.
    """
    if isinstance(strategy, Strategy):
        wanted = min(batch_size, len(context.candidates)) + max(0, min(beyond, len(context.candidates) - batch_size))
        return _ask_once(strategy, context, wanted, (batch_size, beyond))
    batch = _ask_once(strategy, context, min(batch_size, len(context.candidates)), (batch_size,))
    rest = np.flatnonzero(~np.isin(context.candidates, batch.positions))
    beyond = min(beyond, len(rest))
    if beyond < 1:
        return batch
    return batch.then(_ask_once(strategy, context.among(rest, batch.positions), beyond, (beyond,)))


def _ask_once(strategy: Any, context: Context, wanted: int, sizes: tuple[int, ...]) -> Selection:
    before = _fingerprint(context.model)
    try:
        with one_thread():
            result = strategy.select(locked(context), *sizes)
    except EngineError as error:
        raise StrategyFault(strategy, {"raised": f"says: {str(error).rstrip('.')}"}) from error
    except Exception as error:
        raise StrategyFault(strategy, _raised(error, file_of(type(strategy)))) from error
    faults = faults_of(result, context, wanted)
    if _fingerprint(context.model) != before:
        faults = {"changed": "changed the trained model; train a copy (sklearn.base.clone) instead"} | faults
    if faults:
        raise StrategyFault(strategy, faults)
    return result if isinstance(result, Selection) else Selection(np.asarray(result))


def faults_of(result: Any, context: Context, wanted: int) -> dict[str, str]:
    """The RULES that a selection of `wanted` items breaks, and how; empty where it is as it must be."""
    given = result.positions if isinstance(result, Selection) else result
    if given is None:
        return {"kind": "returned nothing: does `select` end with `return`?"}
    try:
        positions = np.asarray(given)
    except ValueError:  # rows of different lengths
        return {"kind": f"returned {_shown(given)} where it should return a flat array of positions"}
    if positions.ndim != 1:
        return {"kind": f"returned an array of shape {positions.shape} where it should return a flat array of positions"}
    faults = {}
    if len(positions) and not np.issubdtype(positions.dtype, np.integer):
        what = "True and False" if positions.dtype == bool else f"values such as {_shown(given[0])}"
        return {"kind": f"returned {what} where positions are whole numbers; np.flatnonzero and np.argsort give those"}
    if len(positions) != wanted:
        faults["count"] = f"returned {_count(len(positions))} where {wanted} had to come"
    values, counts = np.unique(positions, return_counts=True)
    if len(values) < len(positions):
        faults["repeated"] = f"returned position {values[counts > 1][0]} {counts[counts > 1][0]} times"
    outside = values[~np.isin(values, context.candidates)]
    if len(outside):
        faults["outside"] = f"returned position {outside[0]}, which is {_about(outside[0], context)}"
        if values[0] >= 0 and values[-1] < len(context.candidates):
            faults["outside"] += "; indices i into the candidates become positions by context.candidates[i]"
    if isinstance(result, Selection) and (misfit := _misfit(result, len(context.candidates))):
        faults["scores"] = misfit
    return faults


def _misfit(selection: Selection, m: int) -> str:
    b = len(selection)
    for name, length in {"scores": b, "probability": b, "is_random": b, "weights": m}.items():
        given = getattr(selection, name)
        if given is not None and np.shape(given) != (length,):
            return f"returned {name} of shape {np.shape(given)} where ({length},) fits"
    if selection.probability is not None:
        known = np.asarray(selection.probability)[~np.isnan(selection.probability)]
        if np.any((known <= 0) | (known > 1)):
            return "returned a probability that is not above 0 and at most 1"
    return ""


def _about(position: int, context: Context) -> str:
    if position in context.labeled:
        return "labelled already"
    if position in context.pending:
        return "asked already (pending)"
    if 0 <= position < context.X.shape[0]:
        return "not in the pool (a test item, say)"
    return f"no item at all (there are {context.X.shape[0]})"


def _count(n: int) -> str:
    return "1 position" if n == 1 else f"{n} positions"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# --- Errors in the user's file


def file_of(cls: type) -> str:
    """The file that a class is written in, "" for one typed at a prompt."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def _raised(error: Exception, file: str) -> dict[str, str]:
    line = own_frame(error, file)
    said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if isinstance(error, ValueError) and "read-only" in str(error):
        return {"changed": f"writes to what it was given ({line}); take a copy first, as np.array(...) does"}
    return {"raised": f"failed at {line}: {said}"}


# --- Inputs that cannot be written to


class _LockedDerived(Derived):
    """The same values as those of `derived`, kept at the same place, but not to be written to."""

    def __init__(self, derived: Derived) -> None:
        super().__init__(_locked(derived.X), _locked(derived.pool), derived.directory)
        self._kept = derived._kept

    def get(self, name, build):
        return _locked(super().get(name, build))


def locked(context: Context) -> Context:
    """The same context over views that cannot be written to; only `memo` and `cache` take what a strategy keeps."""
    arrays = ("X", "labeled", "y", "candidates", "pending", "proba")
    changes = {name: _locked(getattr(context, name)) for name in arrays}
    return Context(
        **changes,
        rng=context.rng,
        model=context.model,
        n_classes=context.n_classes,
        learner=copy.deepcopy(context.learner),
        derived=_LockedDerived(context.derived),
        memo=context.memo,
        cache=context.cache,
    )


def _locked(value: Any) -> Any:
    if sparse.issparse(value):
        if not value.has_canonical_format:  # scipy would sort it in place when it is first computed with
            value = value.copy()
            value.sum_duplicates()
        twin = copy.copy(value)
        for part in ("data", "indices", "indptr"):
            setattr(twin, part, _locked(getattr(value, part)))
        return twin
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    return value


def _fingerprint(model: Any) -> str | None:
    try:
        return joblib.hash(model)
    except Exception:  # noqa: BLE001 - a learner of somebody else may be impossible to pickle; then nobody can tell
        return None
