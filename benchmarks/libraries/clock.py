"""Where the time of a round goes: training and predicting of the main model, selecting, and what else the caller must do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.linear_model import LogisticRegression

PHASES = ("train", "predict", "select", "other")


class Clock:
    """Seconds per phase, of the wall and of the processor. Phases nest: what an inner one takes does not count for the outer."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._since = (0.0, 0.0)
        self.take()

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        self._charge()
        self._open.append(phase)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        now = time.perf_counter(), time.process_time()
        if self._open:
            for seconds, then, since in zip(self._seconds.values(), now, self._since, strict=True):
                seconds[self._open[-1]] += then - since
        self._since = now

    def take(self) -> dict[str, dict[str, float]]:
        """The seconds since the last call: {"wall": {phase: seconds}, "cpu": ...}."""
        taken = getattr(self, "_seconds", {})
        self._seconds = {kind: dict.fromkeys(PHASES, 0.0) for kind in ("wall", "cpu")}
        return taken


clock = Clock()


class TimedLogisticRegression(LogisticRegression):
    """The main model of a library. Its predictions are counted apart even where the library asks for them while it selects."""

    def predict_proba(self, X):
        with clock("predict"):
            return super().predict_proba(X)
