"""One cell of a report: every strategy with its numbers, and every comparison paired and corrected."""

from itertools import combinations
from typing import Any

import numpy as np

from learning.engine.evaluation import sentences
from learning.engine.evaluation.areas import alc, aubc, deficiency, labels_to_target, scores_at
from learning.engine.evaluation.cells import Cell, Split
from learning.engine.evaluation.curves import STEPS, Curve
from learning.engine.evaluation.plain import cleaned, plain, turned, verdict
from learning.engine.evaluation.resampling import (
    ALPHA,
    BOOTSTRAP_REPEATS,
    WILCOXON_REPEATS,
    bootstrap,
    corrected,
    corrected_ratio,
    holm,
    repeat_means,
    wilcoxon,
)
from learning.engine.metrics import METRICS

_BUDGETS = {"start": 0.0, "25": 0.25, "50": 0.5, "100": 1.0}
_INTERVAL = ("mean", "low", "high")
_AREA = ("mean", "sd", "low", "high")


class Summary:
    """One cell being summarised. Scores inside have their sign turned where lower is better; what leaves has its own again."""

    def __init__(
        self,
        cell: Cell,
        metric: str,
        sign: int,
        baseline: str,
        target: float | None,
        ratio: float,
        source: str,
        ceiling: dict[Split, float],
        seed: int,
    ) -> None:
        self.cell, self.metric, self.sign, self.baseline, self.target = cell, metric, sign, baseline, target
        self.ratio, self.source, self.ceiling, self.seed = ratio, source, ceiling, seed
        self.names = cell.tested if cell.splits else []
        self.n = len(cell.splits)
        self.has_baseline = baseline in self.names
        # (R, S): areas and Lu's areas of the paired curves
        self.areas = alc(cell.points, cell.paired).T if self.names else np.empty((0, 0))
        self.aubc = aubc(cell.points, cell.paired).T if self.names else np.empty((0, 0))

    def summary(self) -> dict[str, Any]:
        cell = self.cell
        found = {
            "facet": dict(cell.facet),
            "batch_size": cell.batch_size,
            "grid": cell.grid,
            "range": list(cell.shared),
            "higher_is_better": self.sign > 0,
            "n_splits": self.n,
            "n_seen": len(cell.seen),
            "n_folds": cell.n_folds,
            "n_repeats": cell.n_repeats,
            "complete": cell.complete,
            "target": self.target,
            "overlap": {"ratio": self.ratio, "from": self.source},
            "bootstrap_over": "repeats" if self._paired_repeats() >= BOOTSTRAP_REPEATS else "splits",
            "wilcoxon_over": "repeats" if self._paired_repeats() >= WILCOXON_REPEATS else "splits",
            "ceiling": self._ceiling(),
            "strategies": self._strategies(),
            "pairs": self._pairs(),
            "penalty": {"names": self.names, "matrix": self._penalty()},
        }
        told = plain(found)
        told["notes"] = sentences.notes(told, cell.finished)
        told["sentence"] = sentences.cell(told, self.metric, self.baseline)
        return told

    def _paired_repeats(self) -> int:
        return len(set(self.cell.repeats.tolist()))

    # --- Levels

    def _level(self, values: np.ndarray, keys: tuple[str, ...]) -> dict[str, Any]:
        """Mean and interval of scores (R, ...), in the metric's own sign and within its bounds."""
        stats = turned(corrected(values, self.ratio), self.sign)
        least, most = (METRICS.get(self.metric, {}).get(name) for name in ("minimum", "maximum"))
        for name in ("low", "high"):
            stats[name] = np.clip(stats[name], least, most) if least is not None or most is not None else stats[name]
        return {name: stats[name] for name in keys}

    def _ceiling(self) -> dict[str, Any] | None:
        values = np.array([self.ceiling[split] for split in sorted(self.ceiling)])
        return self._level(values, _INTERVAL) if len(values) else None

    def _full(self) -> float:
        """What deficiency is measured against: all labels, on the paired splits if it was tried there, or the baseline's end."""
        values = [self.ceiling[split] for split in self.cell.splits if split in self.ceiling] or list(self.ceiling.values())
        if values:
            return float(np.mean(values))
        return float(self.cell.paired[self.names.index(self.baseline), :, -1].mean())

    def _curve(self, name: str) -> dict[str, np.ndarray]:
        """The band of everything there is: as many curves at each point as have come so far."""
        values = self.cell.on_grid(name)
        counts = np.isfinite(values).sum(axis=0)
        band = {key: np.full(len(self.cell.grid), np.nan) for key in _INTERVAL}
        # Points that have the same curves are done together; there are few such groups.
        for pattern, points in _same_columns(np.isfinite(values)):
            if pattern.any():
                stats = self._level(values[np.ix_(pattern, points)], _INTERVAL)
                for key in _INTERVAL:
                    band[key][points] = stats[key]
        return band | {"n": counts}

    # --- Strategies

    def _strategies(self) -> list[dict[str, Any]]:
        differences = self._differences()
        labels, ends = self._labels()
        deficiencies = self._deficiencies()
        found = []
        for name in self.cell.names:
            i = self.names.index(name) if name in self.names else None
            saved = self._saved(i, labels, ends)
            found.append(
                {
                    "name": name,
                    "n": len(self.cell.finished[name]),
                    "curve": self._curve(name),
                    "area": self._level(self.areas[:, i], _AREA) if i is not None else dict.fromkeys(_AREA),
                    "aubc": self._level(self.aubc[:, i], _AREA) if i is not None else dict.fromkeys(_AREA),
                    "scores": self._scores(i),
                    "labels_to_target": self._labels_to_target(i, labels, ends),
                    "saved": saved,
                    "difference": differences.get(name),
                    "deficiency": None if i is None else deficiencies[i],
                    "utilization": 1.0 if name == self.baseline and i is not None else 1 - saved["share"] if saved else None,
                    "seconds": _seconds_per_round([c for (n, _), c in self.cell.curves.items() if n == name]),
                }
            )
        return found

    def _scores(self, i: int | None) -> dict[str, Any]:
        if i is None or len(self.cell.points) == 0:
            return dict.fromkeys(_BUDGETS)
        start, end = self.cell.points[[0, -1]]
        at = start + np.array(list(_BUDGETS.values())) * (end - start)
        return dict(zip(_BUDGETS, self.sign * scores_at(self.cell.points, self.cell.paired[i].mean(axis=0), at), strict=True))

    def _labels(self) -> tuple[np.ndarray, np.ndarray]:
        """(S, R) labels to the target, nan where it is never reached, and (S, R) the labels at which each curve ends."""
        labels, ends = np.full((2, len(self.names), self.n), np.nan)
        if self.target is not None:
            for i, name in enumerate(self.names):
                for j, split in enumerate(self.cell.splits):
                    track = self.cell.tracks[name, split]
                    labels[i, j] = labels_to_target(track.labels, track.scores, self.sign * self.target)
                    ends[i, j] = track.labels[-1]
        return labels, ends

    def _labels_to_target(self, i: int | None, labels: np.ndarray, ends: np.ndarray) -> dict[str, Any] | None:
        """The restricted mean (Royston & Parmar 2013): a split that never reaches the target counts with all its labels.

        With such splits the mean is a lower bound, and `at_least` says so; where no split reaches it there is no mean.
        """
        if i is None or self.target is None:
            return None
        reached = int(np.isfinite(labels[i]).sum())
        stats = corrected(np.where(np.isfinite(labels[i]), labels[i], ends[i]), self.ratio)
        numbers = {key: stats[key] if reached else None for key in _INTERVAL}
        if reached and np.isfinite(stats["low"]):
            numbers["low"] = max(0.0, float(stats["low"]))
        return numbers | {"reached": reached, "n": self.n, "at_least": 0 < reached < self.n}

    def _saved(self, i: int | None, labels: np.ndarray, ends: np.ndarray) -> dict[str, Any] | None:
        """1 - (sum of labels to the target) / (the baseline's), over all paired splits.

        A split that never reaches the target counts with all its labels. `bound` says what that makes of the share: "at least"
        where only the baseline misses the target somewhere, "at most" where only the strategy does, "open" where both do.
        """
        if i is None or self.target is None or not self.has_baseline or self.names[i] == self.baseline:
            return None
        b = self.names.index(self.baseline)
        reached = np.isfinite(labels[[i, b]])
        if not reached[0].any():
            return None
        own, base = np.where(reached, labels[[i, b]], ends[[i, b]])
        ratio = corrected_ratio(own, base, self.ratio)
        missed, base_missed = (int(count) for count in (~reached).sum(axis=1))
        bound = {(False, False): "exact", (False, True): "at least", (True, False): "at most", (True, True): "open"}
        return {
            "share": 1 - ratio["value"],
            "low": 1 - ratio["high"],
            "high": 1 - ratio["low"],
            "n": self.n,
            "bound": bound[missed > 0, base_missed > 0],
            "missed": missed,
            "baseline_missed": base_missed,
        }

    def _deficiencies(self) -> np.ndarray:
        if not self.has_baseline:
            return np.full(len(self.names), np.nan)
        means = self.cell.paired.mean(axis=1)
        return deficiency(means, means[self.names.index(self.baseline)], self._full())

    # --- Comparisons

    def _differences(self) -> dict[str, dict[str, Any]]:
        if not self.has_baseline:
            return {}
        b = self.names.index(self.baseline)
        others = [i for i in range(len(self.names)) if i != b]
        if not others:
            return {}
        values = cleaned(self.areas[:, others] - self.areas[:, [b]])
        stats = corrected(values, self.ratio)
        adjusted = holm(stats["p"])
        repeats = self._paired_repeats()
        units = self.cell.repeats if repeats >= BOOTSTRAP_REPEATS else np.arange(self.n)
        low, high = bootstrap(values, units, self.seed)
        # Turned by -1 the bounds of the bootstrap change places like the others.
        shown = turned(stats | {"bootstrap_low": low, "bootstrap_high": high}, self.sign)
        signed = repeat_means(values, self.cell.repeats) if repeats >= WILCOXON_REPEATS else values
        return {
            self.names[i]: {
                **{key: shown[key][j] for key in _INTERVAL},
                "p": stats["p"][j],
                "p_holm": adjusted[j],
                "wilcoxon_p": wilcoxon(cleaned(signed[:, j])),
                "bootstrap_low": shown["bootstrap_low"][j],
                "bootstrap_high": shown["bootstrap_high"][j],
                "wins": int((values[:, j] > 0).sum()),
                "ties": int((values[:, j] == 0).sum()),
                "verdict": verdict(stats["mean"][j], adjusted[j]),
            }
            for j, i in enumerate(others)
        }

    def _pairs(self) -> list[dict[str, Any]]:
        pairs = list(combinations(range(len(self.names)), 2))
        if not pairs:
            return []
        a, b = np.array(pairs).T
        stats = corrected(cleaned(self.areas[:, a] - self.areas[:, b]), self.ratio)
        adjusted, shown = holm(stats["p"]), turned(stats, self.sign)
        return [
            {
                "a": self.names[i],
                "b": self.names[j],
                **{key: shown[key][place] for key in _INTERVAL},
                "p": stats["p"][place],
                "p_holm": adjusted[place],
                "verdict": verdict(stats["mean"][place], adjusted[place]),
            }
            for place, (i, j) in enumerate(pairs)
        ]

    def _penalty(self) -> np.ndarray:
        """(S, S) the share of the budgets after the seed at which the row beats the column, by a paired t test at 5 %.

        The pairwise penalty matrix of Ash et al. (2020), with the variance corrected for overlapping splits.
        """
        matrix = np.zeros((len(self.names), len(self.names)))
        if self.n < 2 or len(self.cell.points) < 2:
            return matrix
        paired = self.cell.paired[:, :, 1:]
        for i, j in combinations(range(len(self.names)), 2):
            stats = corrected(cleaned(paired[i] - paired[j]), self.ratio)
            real = stats["p"] < ALPHA
            matrix[i, j] = np.mean(real & (stats["mean"] > 0))
            matrix[j, i] = np.mean(real & (stats["mean"] < 0))
        return matrix


def _same_columns(there: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(pattern (n,), columns) for each different column of a mask (n, G)."""
    if there.size == 0:
        return []
    patterns, place = np.unique(there, axis=1, return_inverse=True)
    return [(patterns[:, i], np.flatnonzero(place.ravel() == i)) for i in range(patterns.shape[1])]


def _seconds_per_round(curves: list[Curve]) -> dict[str, float]:
    found = {}
    for step in STEPS:
        values = [np.asarray(curve.seconds[step], dtype=float) for curve in curves if step in curve.seconds]
        all_rounds = np.concatenate(values) if values else np.empty(0)
        measured = all_rounds[np.isfinite(all_rounds)]
        found[step] = float(measured.mean()) if len(measured) else np.nan
    return found
