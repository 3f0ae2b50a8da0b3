"""What a strategy is given, and what it gives back."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from learning.engine.blocks import Matrix
from learning.engine.derived import Derived
from learning.engine.errors import EmptyPool, EngineError
from learning.engine.parameters import Parameter, validate

_NOTHING = np.empty(0, dtype=np.int64)

SUBSAMPLE = Parameter(
    "subsample",
    "int",
    0,
    minimum=0,
    maximum=10_000_000,
    label="Look at",
    help="Choose among this many random items of the pool instead of all; 0 is all. Makes slow strategies fast on large pools.",
)
BALANCE = Parameter(
    "balance",
    "bool",
    False,
    label="Balance classes",
    help="Ask more of what is predicted to be a class with few labels, so that the labelled part evens out.",
)


@dataclass(frozen=True, eq=False)
class Context:
    """The state of one trial when a query is selected; n items, l of them labelled, m candidates, C classes.

    X: (n, d), all items, CSR or ndarray, not to be written to. labeled: (l,) positions, y: (l,) their class codes.
    candidates: (m,) positions that may be asked. pending: positions asked and not answered yet; they count as part of the batch.
    proba: (m, C) of the candidates, or None without a model. rng: the only source of randomness. learner: the settings of the
    model, from which committees are trained. derived: what follows from X alone, kept from round to round. memo: what strategies
    keep within this selection. cache: what they keep from round to round; if it is lost, that costs time and changes nothing.
    """

    X: Matrix
    labeled: np.ndarray
    y: np.ndarray
    candidates: np.ndarray
    rng: np.random.Generator
    pending: np.ndarray = field(default_factory=lambda: _NOTHING)
    proba: np.ndarray | None = None
    model: Any = None
    n_classes: int = 0
    learner: dict[str, Any] | None = None
    derived: Derived | None = None
    memo: dict[str, Any] = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.derived is None:
            pool = np.unique(np.concatenate([self.labeled, self.candidates, self.pending]).astype(np.int64))
            object.__setattr__(self, "derived", Derived(self.X, pool))

    @property
    def asked(self) -> np.ndarray:
        """(l + p,) positions that are labelled or will be: what a new query should differ from."""
        return np.concatenate([self.labeled, self.pending]).astype(np.int64)

    def among(self, indices: np.ndarray, pending: np.ndarray | None = None) -> "Context":
        """The same with only these of the candidates (indices into them), and maybe with more pending positions."""
        return replace(
            self,
            candidates=self.candidates[indices],
            proba=None if self.proba is None else self.proba[indices],
            pending=self.pending if pending is None else np.concatenate([self.pending, pending]).astype(np.int64),
        )


@dataclass(frozen=True, eq=False)
class Selection:
    """What to ask, best first: positions (b,) int64, all different.

    scores: (b,) higher = ask first, NaN where it has none; or None. is_random: (b,) which ones were drawn at random by the
    exploration arm. probability: (b,) of a random pick, given the picks before it (Farquhar, Gal, Rainforth 2021 need
    exactly this), NaN for deterministic picks; None if all are. weights: (m,) of all candidates, where each pick was drawn with
    a probability proportional to its weight among those that were left.
    """

    positions: np.ndarray
    scores: np.ndarray | None = None
    is_random: np.ndarray | None = None
    probability: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions)
        if len(positions) and positions.dtype.kind not in "iu":  # 3.7 would become 3, another item
            raise EngineError(f"The positions of a selection must be whole numbers; got an array of {positions.dtype}.")
        object.__setattr__(self, "positions", positions.astype(np.int64))
        if self.is_random is None:
            object.__setattr__(self, "is_random", np.zeros(len(self.positions), dtype=bool))

    def __len__(self) -> int:
        return len(self.positions)

    def with_(self, **changes: Any) -> "Selection":
        """A copy with other values."""
        return replace(self, **changes)

    def then(self, other: "Selection") -> "Selection":
        """This one followed by another, whose positions are all different from these."""
        return Selection(
            np.concatenate([self.positions, other.positions]),
            _joined(self.scores, other.scores, len(self), len(other)),
            np.concatenate([self.is_random, other.is_random]),
            _joined(self.probability, other.probability, len(self), len(other)),
        )

    def take(self, order: np.ndarray) -> "Selection":
        """Those at these places, in this order; what hangs on the order (probabilities) is dropped."""
        return Selection(self.positions[order], None if self.scores is None else self.scores[order], self.is_random[order])


def _joined(first: np.ndarray | None, second: np.ndarray | None, n: int, m: int) -> np.ndarray | None:
    if first is None and second is None:
        return None
    return np.concatenate([np.full(n, np.nan) if first is None else first, np.full(m, np.nan) if second is None else second])


class Strategy:
    """Base of the built-in strategies. A plug-in needs no base class, only these attributes and `select`.

    A subclass implements `_select(context, size)`, size from 1 to m. `sequential`: it picks one item after the other, so that the
    first b of a longer selection are the batch of b. `wrappers`: whether `subsample` and `balance` are offered with it.
    """

    label: ClassVar[str]
    help: ClassVar[str]
    family: ClassVar[str] = "Others"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()  # of "proba", "features", "model", "learner"
    batch_aware: ClassVar[bool] = False
    sequential: ClassVar[bool] = True
    wrappers: ClassVar[bool] = True
    max_pool: ClassVar[int | None] = None  # beyond it the strategy looks at a random part of the pool
    reference: ClassVar[str] = ""
    cost: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "parameters" in vars(cls) or cls.parameters == ():
            common = ((SUBSAMPLE, BALANCE) if "proba" in cls.needs else (SUBSAMPLE,)) if cls.wrappers else ()
            own = [parameter for parameter in cls.parameters if parameter not in (SUBSAMPLE, BALANCE)]
            cls.parameters = (*own, *common)

    def __init__(self, **settings: Any) -> None:
        self.settings = validate(settings, self.parameters)

    def is_batch_aware(self) -> bool:
        """Whether the items of a batch are chosen with regard to each other, with these settings."""
        return self.batch_aware

    def select(self, context: Context, batch_size: int, beyond: int = 0) -> Selection:
        """At most `batch_size` of the candidates, best first, and `beyond` more to go on with (all where there are fewer).

        Raises EmptyPool without candidates, EngineError where the context lacks what the strategy needs.
        """
        if len(context.candidates) == 0:
            raise EmptyPool("There is no candidate left to select from.")
        if batch_size < 1:
            raise EngineError(f"The batch size must be at least 1; got {batch_size}.")
        for need in ("proba", "model", "learner"):
            if need in self.needs and getattr(context, need) is None:
                raise EngineError(f"The strategy {self.label} needs a trained model: {need} is missing.")
        batch_size = min(batch_size, len(context.candidates))
        beyond = max(0, min(beyond, len(context.candidates) - batch_size))
        limit = self._look_at(batch_size + beyond)
        if limit >= len(context.candidates):
            return self._select_from(context, batch_size, beyond)
        some = np.sort(context.rng.choice(len(context.candidates), size=limit, replace=False))
        # Which items were looked at is random too, so the probabilities of the picks are not those of the whole pool.
        return self._select_from(context.among(some), batch_size, beyond).with_(probability=None, weights=None)

    def _look_at(self, wanted: int) -> int:
        limits = [limit for limit in (self.settings.get("subsample"), self.max_pool) if limit]
        return max(wanted, min(limits)) if limits else np.iinfo(np.int64).max

    def _select_from(self, context: Context, batch_size: int, beyond: int) -> Selection:
        choose = self._select_balanced if self.settings.get("balance") else self._select
        if not beyond:
            return choose(context, batch_size)
        if self.sequential and choose == self._select:
            return choose(context, batch_size + beyond)
        batch = choose(context, batch_size)
        rest = np.flatnonzero(~np.isin(context.candidates, batch.positions))
        return batch.then(choose(context.among(rest, pending=batch.positions), beyond))

    def _select(self, context: Context, size: int) -> Selection:
        raise NotImplementedError

    def _select_balanced(self, context: Context, size: int) -> Selection:
        """A quota per predicted class, so that the labelled histogram evens out; the classes take turns in the ranking."""
        predicted = context.proba.argmax(axis=1)
        available = np.bincount(predicted, minlength=context.n_classes)
        quotas = even_out(np.bincount(context.y, minlength=context.n_classes), available, size)
        chosen, turns, pending = [], [], np.empty(0, dtype=np.int64)
        for code in np.flatnonzero(quotas):
            part = self._select(context.among(np.flatnonzero(predicted == code), pending), int(quotas[code]))
            chosen.append(part.with_(probability=None, weights=None))
            turns.append(np.arange(len(part)))
            pending = np.concatenate([pending, part.positions])
        joined = chosen[0]
        for part in chosen[1:]:
            joined = joined.then(part)
        return joined.take(np.argsort(np.concatenate(turns), kind="stable"))


def even_out(counts: np.ndarray, available: np.ndarray, size: int) -> np.ndarray:
    """How many of each class to add, at most `available` (C,), so that the smallest of `counts` (C,) grow first; sums to `size`.

    The classes are filled up like vessels to a common level; what does not divide evenly goes to the lower class codes.
    """
    counts, available = np.asarray(counts, dtype=np.int64), np.asarray(available, dtype=np.int64)
    size = min(size, int(available.sum()))
    low, high = int(counts.min(initial=0)), int((counts + available).max(initial=0))
    while low < high:  # the highest level that `size` can pay for
        level = (low + high + 1) // 2
        if np.clip(level - counts, 0, available).sum() <= size:
            low = level
        else:
            high = level - 1
    quotas = np.clip(low - counts, 0, available)
    can_grow = np.flatnonzero((quotas < available) & (counts + quotas <= low))
    quotas[can_grow[: size - int(quotas.sum())]] += 1
    return quotas
