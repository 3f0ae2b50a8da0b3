"""The curves of one facet and batch size, brought onto one grid of labels and paired by split."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from learning.engine.errors import EngineError
from learning.engine.evaluation.areas import scores_at
from learning.engine.evaluation.curves import Curve, Facet

Split = tuple[int, int]  # repeat, fold


@dataclass(frozen=True)
class Track:
    """One curve as its cell sees it: only the rounds with a score, and higher is better."""

    labels: np.ndarray
    scores: np.ndarray
    last: float  # labels of its last round, with or without a score


@dataclass(frozen=True)
class Cell:
    """names: (S,) strategies; tracks and curves: by (strategy, split); splits: (R,) that all strategies have complete."""

    facet: Facet
    batch_size: int
    names: list[str]
    curves: dict[tuple[str, Split], Curve]
    tracks: dict[tuple[str, Split], Track]
    seen: list[Split]
    finished: dict[str, list[Split]]
    splits: list[Split]
    grid: np.ndarray

    @property
    def tested(self) -> list[str]:
        """The strategies with a complete trial: the ones that are compared."""
        return [name for name in self.names if self.finished[name]]

    @property
    def repeats(self) -> np.ndarray:
        """(R,) the repeat of each paired split."""
        return np.array([repeat for repeat, _ in self.splits], dtype=np.int64)

    @property
    def n_folds(self) -> int:
        return len({fold for _, fold in self.seen})

    @property
    def n_repeats(self) -> int:
        return len({repeat for repeat, _ in self.seen})

    @property
    def complete(self) -> bool:
        return all(len(self.finished[name]) == len(self.seen) for name in self.names) and len(self.seen) == (
            self.n_folds * self.n_repeats
        )

    @cached_property
    def shared(self) -> tuple[float, float]:
        """The first and last number of labels at which every paired curve has a score."""
        tracks = [self.tracks[name, split] for name in self.tested for split in self.splits]
        if not tracks:
            return np.nan, np.nan
        return max(track.labels[0] for track in tracks), min(track.labels[-1] for track in tracks)

    @cached_property
    def points(self) -> np.ndarray:
        """(P,) the grid within what all paired curves share, with its ends; empty where they share nothing."""
        return between(self.grid, *self.shared)

    @cached_property
    def paired(self) -> np.ndarray:
        """(S tested, R, P) the scores of the paired curves at the points."""
        return self.paired_at(self.points)

    def paired_at(self, points: np.ndarray) -> np.ndarray:
        values = np.empty((len(self.tested), len(self.splits), len(points)))
        for i, name in enumerate(self.tested):
            for j, split in enumerate(self.splits):
                values[i, j] = _at(self.tracks[name, split], points)
        return values

    def on_grid(self, name: str) -> np.ndarray:
        """(n, G) all there is of one strategy, finished or not; nan where there is nothing."""
        splits = [split for split in self.seen if (name, split) in self.tracks]
        values = [_at(self.tracks[name, split], self.grid) for split in splits]
        return np.array(values) if values else np.empty((0, len(self.grid)))


def between(grid: np.ndarray, start: float, end: float) -> np.ndarray:
    """The points of an ascending grid from start to end, which belong to it themselves."""
    if not start <= end:
        return np.empty(0)
    return np.unique(np.r_[start, grid[(grid > start) & (grid < end)], end])


def gather(curves: Iterable[Curve], metric: str, sign: int, n_labels: float | None = None) -> list[Cell]:
    """A cell per facet and batch size, by name. Raises EngineError for two curves of one trial or labels that do not ascend."""
    cells: dict[tuple[Facet, int], dict[tuple[str, Split], Curve]] = {}
    for curve in curves:
        there = cells.setdefault((tuple(sorted(curve.facet)), int(curve.batch_size)), {})
        key = (curve.strategy, (int(curve.repeat), int(curve.fold)))
        if key in there:
            raise EngineError(f"{curve.strategy} has two curves for repeat {curve.repeat}, fold {curve.fold}: name them apart.")
        if len(curve.labels) == 0 or not (np.diff(curve.labels) > 0).all():
            raise EngineError(f"The labels of a curve of {curve.strategy} do not ascend.")
        there[key] = curve
    return [_cell(*key, cells[key], metric, sign, n_labels) for key in sorted(cells)]


def _cell(
    facet: Facet, batch_size: int, curves: dict[tuple[str, Split], Curve], metric: str, sign: int, n_labels: float | None
) -> Cell:
    tracks = {key: track for key, curve in curves.items() if (track := _track(curve, metric, sign)) is not None}
    names = sorted({name for name, _ in curves})
    seen = sorted({split for _, split in curves})
    finished = _finished(curves, tracks, batch_size, names, n_labels)
    tested = [finished[name] for name in names if finished[name]]
    splits = sorted(set.intersection(*map(set, tested))) if tested else []
    complete = [curves[name, split] for name in names for split in finished[name]]
    grid = _grid(complete or list(curves.values()))
    return Cell(facet, batch_size, names, curves, tracks, seen, finished, splits, grid)


def _track(curve: Curve, metric: str, sign: int) -> Track | None:
    """Without a score there is nothing to compare. Gaps between rounds with a score are bridged."""
    scores = np.asarray(curve.scores.get(metric, ()), dtype=float)
    labels = np.asarray(curve.labels, dtype=float)
    if len(scores) != len(labels) or not (there := np.isfinite(scores)).any():
        return None
    return Track(labels[there], sign * scores[there], float(labels[-1]))


def _finished(curves: dict, tracks: dict, batch_size: int, names: list[str], n_labels: float | None) -> dict[str, list[Split]]:
    """strategy -> splits in which its curve goes to the end.

    Curves do not say when a trial is over, but all trials of a split end at the same number of labels, and pools of different
    splits differ by an item or so: a curve is complete where no other of its split goes further, and neither `n_labels` nor any
    curve of another split is further by a batch or more (by two labels, where a batch is one). It needs its score at the end.
    """
    furthest: dict[Split, float] = {}
    for (_, split), curve in curves.items():
        furthest[split] = max(furthest.get(split, 0.0), float(curve.labels[-1]))
    end = max(*furthest.values(), n_labels or 0.0)
    finished: dict[str, list[Split]] = {name: [] for name in names}
    for (name, split), track in sorted(tracks.items(), key=lambda item: item[0]):
        if track.labels[-1] == furthest[split] and furthest[split] > end - max(2, batch_size):
            finished[name].append(split)
    return finished


def _grid(curves: list[Curve]) -> np.ndarray:
    """The grid that most curves have; of equally common ones the longest, and of those the first by its numbers."""
    grids = Counter(np.asarray(curve.labels, dtype=float).tobytes() for curve in curves)
    most = max(grids.values())
    common = [np.frombuffer(grid) for grid, count in grids.items() if count == most]
    return min(common, key=lambda grid: (-len(grid), tuple(grid)))


def _at(track: Track, points: np.ndarray) -> np.ndarray:
    return track.scores if np.array_equal(track.labels, points) else scores_at(track.labels, track.scores, points)
