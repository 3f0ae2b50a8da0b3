"""The base of strategies that give every candidate a score, and leave it to a batch mode to make a batch of the scores."""

from typing import Any, ClassVar

import numpy as np

from learning.engine.parameters import Parameter
from learning.engine.strategies.base import Context, Selection, Strategy
from learning.engine.strategies.batch_modes import AUTO, MODES, STOCHASTIC, pick, top

BATCH_MODE = Parameter(
    "batch_mode",
    "choice",
    AUTO,
    choices=tuple(MODES.items()),
    label="Batch mode",
    help="How scores become a batch. The best ones alone often say the same thing; chance or distance makes them differ.",
)
BETA = Parameter(
    "beta",
    "float",
    1.0,
    minimum=0,
    maximum=1000,
    label="Sharpness",
    help="Of the modes by chance: 0 draws uniformly, larger prefers the best more.",
)
PREFILTER = Parameter(
    "prefilter",
    "int",
    10,
    minimum=1,
    maximum=1000,
    label="Choose among",
    help="The modes by clusters look at this many times the batch of the best.",
)


class ScoredStrategy(Strategy):
    """A subclass implements `scores(context)`: (m,), higher = ask first; the batch mode is a setting.

    `lowest`: the least value that a score can have, from which the power and ranked modes count; None where there is none.
    """

    lowest: ClassVar[float | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = [parameter for parameter in cls.parameters if parameter not in (BATCH_MODE, BETA, PREFILTER)]
        cls.parameters = (BATCH_MODE, BETA, PREFILTER, *own)
        super().__init_subclass__(**kwargs)

    def scores(self, context: Context) -> np.ndarray:
        """(m,) higher = ask first."""
        raise NotImplementedError

    def mode_for(self, size: int) -> str:
        """The batch mode of a batch of this size: "auto" is "rank" for more than one item (Kirsch et al. 2023), else "top"."""
        mode = self.settings["batch_mode"]
        return mode if mode != AUTO else ("rank" if size > 1 else "top")

    def is_batch_aware(self) -> bool:
        """All modes are, by chance or by distance, but the one that takes the best."""
        return self.settings["batch_mode"] != "top"

    def _select_from(self, context: Context, batch_size: int, beyond: int) -> Selection:
        if self.settings.get("balance"):
            return super()._select_from(context, batch_size, beyond)
        values = np.asarray(self.scores(context))
        mode = self.mode_for(batch_size)
        if mode in STOCHASTIC or mode == "top":
            return self._pick(mode, context, values, batch_size + beyond)
        batch = self._pick(mode, context, values, batch_size)
        if not beyond:
            return batch
        # What follows a batch that was chosen as a whole: the best of the others.
        rest = np.flatnonzero(~np.isin(context.candidates, batch.positions))
        following = rest[top(values[rest], beyond, context.rng)]
        return batch.then(Selection(context.candidates[following], values[following]))

    def _select(self, context: Context, size: int) -> Selection:
        return self._pick(self.mode_for(size), context, np.asarray(self.scores(context)), size)

    def _pick(self, mode: str, context: Context, values: np.ndarray, size: int) -> Selection:
        s = self.settings
        picks = pick(mode, values, size, context, beta=s["beta"], prefilter=s["prefilter"], lowest=self.lowest)
        best = picks.indices
        return Selection(context.candidates[best], values[best], probability=picks.probability, weights=picks.weights)
