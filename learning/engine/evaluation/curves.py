"""One learning curve, and where curves come from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from learning.engine.errors import EngineError
from learning.engine.metrics import METRICS

STEPS = ("training", "predicting", "selecting")
# Columns that tell curves of one analysis apart, and what they are called in a facet.
DATA_SET = "data set"
FACETS = {"dataset": DATA_SET, "learner": "learner", "features": "features"}
_NEEDED = ("trial", "strategy", "batch_size", "fold", "repeat", "labels")
_OTHER = {*_NEEDED, *FACETS, *STEPS, "round", "pool", "test", "created_at"}

Facet = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Curve:
    """What one trial measured: labels (T,) ascending; scores and seconds: name -> (T,), nan where there was no model."""

    strategy: str
    batch_size: int
    fold: int
    repeat: int
    labels: np.ndarray
    scores: dict[str, np.ndarray]
    seconds: dict[str, np.ndarray]
    facet: Facet = ()


def data_set(facet: Facet) -> str:
    return dict(facet).get(DATA_SET, "")


def curves_from_frame(frame: pd.DataFrame) -> list[Curve]:
    """A curve per trial of a frame with one row per round: what `/api/runs/{id}/rounds/?format=csv` gives.

    Needed: trial, strategy, batch_size, fold, repeat, labels. Every metric that the engine knows and every other column of
    numbers is a score, but not its bounds (`_low`, `_high`). Seconds: training, predicting, selecting, with or without `seconds_`
    in front. Facets: dataset, learner, features, where there are such columns. Raises EngineError where a column is missing.
    """
    if missing := [name for name in _NEEDED if name not in frame]:
        raise EngineError(f"The rounds lack the columns {', '.join(missing)}.")
    if frame.empty:
        return []
    # A round that brought no new label tells nothing new; what was measured last stands.
    frame = frame.sort_values(["trial", "labels"], kind="stable").drop_duplicates(["trial", "labels"], keep="last")
    metrics = [name for name in frame.columns if _is_metric(frame, name)]
    scores = {name: pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan) for name in metrics}
    seconds = {step: _seconds(frame, step) for step in STEPS}
    labels = frame["labels"].to_numpy(dtype=float)
    facets = [(name, column) for column, name in FACETS.items() if column in frame]
    trial = frame["trial"].to_numpy()
    starts = np.r_[0, np.flatnonzero(trial[1:] != trial[:-1]) + 1, len(trial)]
    curves = []
    for start, stop in zip(starts[:-1], starts[1:], strict=True):
        first, rows = frame.iloc[start], slice(start, stop)
        curves.append(
            Curve(
                strategy=str(first["strategy"]),
                batch_size=int(first["batch_size"]),
                fold=int(first["fold"]),
                repeat=int(first["repeat"]),
                labels=labels[rows],
                scores={name: values[rows] for name, values in scores.items()},
                seconds={name: values[rows] for name, values in seconds.items()},
                facet=tuple((name, str(first[column])) for name, column in facets),
            )
        )
    return curves


def _is_metric(frame: pd.DataFrame, name: str) -> bool:
    if name in METRICS:
        return True
    other = name in _OTHER or name.startswith("seconds_") or name.endswith(("_low", "_high"))
    return not other and pd.api.types.is_numeric_dtype(frame[name])


def _seconds(frame: pd.DataFrame, step: str) -> np.ndarray:
    column = next((name for name in (step, f"seconds_{step}") if name in frame), None)
    if column is None:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
