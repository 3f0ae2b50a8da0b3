"""What goes beyond one cell: batch sizes beside each other, and ranks over data sets."""

from itertools import groupby
from typing import Any

import numpy as np

from learning.engine.evaluation import sentences
from learning.engine.evaluation.areas import alc
from learning.engine.evaluation.cells import Cell, between
from learning.engine.evaluation.curves import DATA_SET, STEPS, Curve, data_set
from learning.engine.evaluation.plain import plain, turned
from learning.engine.evaluation.ranks import FEW_DATA_SETS, friedman_nemenyi
from learning.engine.evaluation.resampling import corrected, overlap


def batch_sizes(cells: list[Cell], sign: int, n_test: int | None, n_train: int | None) -> list[dict[str, Any]]:
    """Area and seconds against the batch size, per facet and strategy, at the same numbers of labels.

    Trapezoids over longer steps cut more off a curve that bends, so all sizes are measured at the points of the coarsest grid,
    within the labels that all of them share. seconds: of a whole trial up to there.
    """
    found = []
    for facet, group in groupby(cells, key=lambda cell: cell.facet):
        usable = [cell for cell in group if len(cell.points)]
        if not usable:
            continue
        start, end = max(cell.shared[0] for cell in usable), min(cell.shared[1] for cell in usable)
        points = min((between(cell.points, start, end) for cell in usable), key=len)
        areas = [alc(points, cell.paired_at(points)) for cell in usable]
        for name in sorted({name for cell in usable for name in cell.tested}):
            rows = []
            for cell, area in zip(usable, areas, strict=True):
                if name not in cell.tested:
                    continue
                stats = turned(corrected(area[cell.tested.index(name)], overlap(cell.n_folds, n_test, n_train)[0]), sign)
                seconds = np.mean([_seconds_until(cell.curves[name, split], end) for split in cell.splits])
                rows.append(
                    {"batch_size": cell.batch_size, "area": stats["mean"], "low": stats["low"], "high": stats["high"]}
                    | {"seconds": seconds}
                )
            found.append({"facet": dict(facet), "strategy": name, "range": [start, end], "points": rows})
    return found


def across(cells: list[Cell]) -> dict[str, Any] | None:
    """Ranks over data sets, by the mean area of each strategy over the learners, features and batch sizes that all have."""
    by_data_set: dict[str, dict[tuple, Cell]] = {}
    for cell in cells:
        if data_set(cell.facet) and len(cell.points) > 1:
            rest = (tuple(item for item in cell.facet if item[0] != DATA_SET), cell.batch_size)
            by_data_set.setdefault(data_set(cell.facet), {})[rest] = cell
    if len(by_data_set) < 2:
        return None
    common = set.intersection(*(set(there) for there in by_data_set.values()))
    chosen = {name: [there[key] for key in sorted(common or there)] for name, there in by_data_set.items()}
    names = sorted(set.intersection(*(set(cell.tested) for there in chosen.values() for cell in there)))
    if len(names) < 2:
        return None
    scores = np.array([np.mean([_mean_areas(cell, names) for cell in chosen[name]], axis=0) for name in sorted(chosen)])
    found = plain(friedman_nemenyi(names, np.round(scores, 12)))
    found |= {"data_sets": sorted(chosen), "few": len(chosen) < FEW_DATA_SETS}
    return found | {"sentence": sentences.across(found)}


def _mean_areas(cell: Cell, names: list[str]) -> np.ndarray:
    means = alc(cell.points, cell.paired).mean(axis=1)
    return means[[cell.tested.index(name) for name in names]]


def _seconds_until(curve: Curve, end: float) -> float:
    """The seconds of all steps of the rounds with at most `end` labels; nan where nothing was measured."""
    rounds = np.asarray(curve.labels) <= end
    steps = [np.asarray(curve.seconds[step], dtype=float)[rounds] for step in STEPS if step in curve.seconds]
    values = np.concatenate(steps or [np.empty(0)])
    return float(np.nansum(values)) if np.isfinite(values).any() else np.nan
