"""The report of an analysis as plain data: every number with its interval, every comparison paired and corrected."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learning.engine.evaluation.cells import Cell, Split, gather
from learning.engine.evaluation.curves import Curve, Facet, data_set
from learning.engine.evaluation.overview import across, batch_sizes
from learning.engine.evaluation.plain import plain
from learning.engine.evaluation.resampling import overlap
from learning.engine.evaluation.summary import Summary
from learning.engine.metrics import METRICS

_TARGET_SHARE = 0.95

Ceilings = Mapping[Facet, Mapping[tuple[int, int], Mapping[str, float]]]  # facet -> (fold, repeat) -> metric -> value


def report(
    curves: Sequence[Curve],
    metric: str,
    *,
    baseline: str = "random",
    target: float | None = None,
    n_test: int | None = None,
    n_train: int | None = None,
    n_labels: float | None = None,
    ceilings: Ceilings | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """metric, baseline, target, higher_is_better, cells, batch_sizes and across, as plain data: None where nothing can be said.

    A cell is one facet and batch size. Its paired numbers come from the splits (fold, repeat) that all its strategies have
    complete (`n_splits` of them; a strategy without any complete trial is left out), on the range of labels that all these curves
    share; the curves and seconds use all there is. The p of `difference` is that of the corrected resampled test on the
    normalised area, Holm-adjusted over the strategies of the cell, in `pairs` over its pairs; the verdict follows from it at 5 %.

    target: the score to reach; without one, 5 % short of the model trained on all labels (`ceilings`) or, without that, of the
    best mean final score of the baseline; for each data set its own (cells say which; on top None where they differ).
    n_test, n_train: items tested, and in the pool, of one split: how much the splits overlap. n_labels: with how many labels a
    trial ends; without it the longest curve of a cell says so, which is wrong while no trial is over. seed: of the bootstrap.
    Raises EngineError for two curves of the same trial, or labels that do not ascend.
    """
    higher = bool(METRICS.get(metric, {}).get("higher_is_better", True))
    sign = 1 if higher else -1
    cells = gather(curves, metric, sign, n_labels)
    full = _ceilings(ceilings or {}, metric, sign)
    targets = _targets(cells, full, baseline, target, sign)
    summaries = []
    for cell in cells:
        ratio, source = overlap(cell.n_folds, n_test, n_train)
        goal = targets[data_set(cell.facet)]
        view = Summary(cell, metric, sign, baseline, goal, ratio, source, full.get(cell.facet, {}), seed)
        summaries.append(view.summary())
    return plain(
        {
            "metric": metric,
            "baseline": baseline,
            "target": next(iter(targets.values())) if len(set(targets.values())) == 1 else None,
            "higher_is_better": higher,
            "cells": summaries,
            "batch_sizes": batch_sizes(cells, sign, n_test, n_train),
            "across": across(cells),
        }
    )


def _ceilings(ceilings: Ceilings, metric: str, sign: int) -> dict[Facet, dict[Split, float]]:
    """facet -> (repeat, fold) -> score with its sign turned, of those that have one."""
    found: dict[Facet, dict[Split, float]] = {}
    for facet, splits in ceilings.items():
        for (fold, repeat), scores in splits.items():
            value = scores.get(metric)
            if value is not None and np.isfinite(value):
                found.setdefault(tuple(sorted(facet)), {})[int(repeat), int(fold)] = sign * float(value)
    return found


def _targets(
    cells: list[Cell], full: dict[Facet, dict[Split, float]], baseline: str, target: float | None, sign: int
) -> dict[str, float | None]:
    """data set -> target, in the metric's own sign."""
    found: dict[str, float | None] = {}
    for name in sorted({data_set(cell.facet) for cell in cells}):
        if target is not None:
            found[name] = float(target)
            continue
        within = [cell for cell in cells if data_set(cell.facet) == name]
        best = [float(np.mean(list(full[facet].values()))) for facet in sorted({c.facet for c in within}) if facet in full]
        best = best or _finals(within, [baseline]) or _finals(within, None)
        found[name] = round(sign * (max(best) - (1 - _TARGET_SHARE) * abs(max(best))), 3) if best else None
    # Without curves there is no data set, but a target that was asked for.
    return found or {"": target}


def _finals(cells: list[Cell], names: list[str] | None) -> list[float]:
    """The mean final scores of these strategies, or of all."""
    return [
        float(cell.paired[i, :, -1].mean())
        for cell in cells
        if len(cell.points)
        for i, name in enumerate(cell.tested)
        if names is None or name in names
    ]
