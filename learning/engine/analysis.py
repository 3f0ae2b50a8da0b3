"""An analysis of query strategies on arrays: every strategy and batch size on every fold of every repeat."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from learning.engine.blocks import Matrix
from learning.engine.derived import Derived
from learning.engine.randomness import integer_seed
from learning.engine.simulation import Simulation
from learning.engine.splits import draw_folds

_STEPS = {"fit": "training", "predict": "predicting", "select": "selecting"}


def analyse(
    X: Matrix,
    y: np.ndarray,
    *,
    strategies: dict[str, dict[str, Any]],
    batch_sizes: Sequence[int],
    learner: dict[str, Any],
    seed_size: int,
    max_labels: int,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    metrics: Collection[str] = ("accuracy",),
    on_trial: Callable[[dict[str, Any]], None] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """The rounds of all trials, a row each: what `evaluation.curves_from_frame` takes.

    X (n, d) features, y (n,) class codes; `strategies`: name -> settings. In one fold and repeat all of them start from the same
    labels. Columns: trial, strategy, batch_size, fold, repeat, round, labels, each metric, seconds of training, predicting and
    selecting. `on_trial` is called with the cell of each trial that is done. Other `settings` go to `Simulation`. Raises
    EngineError where a class has fewer items than there are folds, and what a learner or strategy raises.
    """
    y = np.asarray(y, dtype=np.int64)
    rows: list[dict[str, Any]] = []
    for repeat in range(repeats):
        fold_of = draw_folds(y, folds, integer_seed(seed, "folds", repeat))
        for fold in range(folds):
            pool, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            shared = {"seed": seed, "split": (fold, repeat), "derived": Derived(X, pool), "n_classes": int(y.max()) + 1}
            for batch_size in batch_sizes:
                for name, strategy in strategies.items():
                    cell = {"strategy": name, "batch_size": batch_size, "fold": fold, "repeat": repeat}
                    trial = Simulation(
                        X, y, pool, test, learner=learner, strategy=strategy, batch_size=batch_size, seed_size=seed_size,
                        max_labels=max_labels, who=(name,), intervals=False, metrics=metrics, **shared, **settings,
                    )  # fmt: skip
                    rows += _rounds(trial, cell | {"trial": f"{name}, {batch_size}, {fold}, {repeat}"}, metrics)
                    if on_trial:
                        on_trial(cell)
    return pd.DataFrame(rows)


def _rounds(trial: Simulation, cell: dict[str, Any], metrics: Collection[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        done = trial.step()
        scores = {name: done["metrics"][name]["value"] if done["metrics"] else np.nan for name in metrics}
        seconds = {_STEPS[step]: value for step, value in done["seconds"].items()}
        rows.append(cell | {"round": done["number"], "labels": done["n_labeled"]} | scores | seconds)
        if len(done["asked"]) == 0:
            return rows
