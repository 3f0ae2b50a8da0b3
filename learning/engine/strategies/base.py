"""What a strategy is given, and what it gives back."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from learning.engine.blocks import Matrix
from learning.engine.errors import EmptyPool, EngineError
from learning.engine.parameters import Parameter, validate

_NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Context:
    """The state of one trial when a query is selected; n items, l of them labelled, m candidates, C classes.

    X: (n, d), all items, CSR or ndarray, not to be written to. labeled: (l,) positions, y: (l,) their class codes.
    candidates: (m,) positions that may be asked. pending: positions asked and not answered yet; they count as part of the batch.
    proba: (m, C) of the candidates, or None without a model. rng: the only source of randomness.
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


@dataclass(frozen=True, eq=False)
class Selection:
    """What to ask, best first: positions (b,) int64, all different.

    scores: (b,) higher = ask first, NaN where it has none; or None. is_random: (b,) which ones were drawn at random by the
    exploration arm. probability: (b,) of a random pick, given the picks before it (Farquhar, Gal, Rainforth 2021 need
    exactly this), NaN for deterministic picks; None if all are.
    """

    positions: np.ndarray
    scores: np.ndarray | None = None
    is_random: np.ndarray | None = None
    probability: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", np.asarray(self.positions, dtype=np.int64))
        if self.is_random is None:
            object.__setattr__(self, "is_random", np.zeros(len(self.positions), dtype=bool))

    def __len__(self) -> int:
        return len(self.positions)

    def with_(self, **changes: Any) -> "Selection":
        """A copy with other values."""
        return replace(self, **changes)


class Strategy:
    """Base of the built-in strategies. A plug-in needs no base class, only these attributes and `select`."""

    label: ClassVar[str]
    help: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()  # of "proba", "features", "model"
    batch_aware: ClassVar[bool] = False
    reference: ClassVar[str] = ""
    cost: ClassVar[str] = ""

    def __init__(self, **settings: Any) -> None:
        self.settings = validate(settings, self.parameters)

    def select(self, context: Context, batch_size: int) -> Selection:
        """At most `batch_size` of the candidates (all of them where there are fewer), best first.

        Raises EmptyPool without candidates, EngineError where the context lacks what the strategy needs.
        """
        if len(context.candidates) == 0:
            raise EmptyPool("There is no candidate left to select from.")
        if batch_size < 1:
            raise EngineError(f"The batch size must be at least 1; got {batch_size}.")
        for need in ("proba", "model"):
            if need in self.needs and getattr(context, need) is None:
                raise EngineError(f"The strategy {self.label} needs a trained model: {need} is missing.")
        return self._select(context, min(batch_size, len(context.candidates)))

    def _select(self, context: Context, batch_size: int) -> Selection:
        raise NotImplementedError
