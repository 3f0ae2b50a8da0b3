"""How long an analysis will take here: a few of its rounds are really done, the rest follows from them.

Each combination of strategy, batch size, learner and features is tried at the start of its curve, near its end and, where there
is time, in the middle; between these a round's time is taken to change linearly with the labels. Features are prepared once in a
folder that is thrown away, so that what is measured is what a split will cost.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from learning import engine
from learning.analysis.settings import FULL_MODEL, AnalysisFacts, Cell, n_splits, n_trials, rounds_of
from learning.analysis.space import AnalysisSpace
from learning.analysis.worker import simulation_of
from learning.configuration import run_items
from learning.datasets import Labels, item_ids
from learning.models import Run, Trial
from projects.models import Project

LIMIT = 20.0
# Seconds that a trial costs beside its rounds and its reading: a process for its job, its lease, its commits. Measured on two
# cores with PostgreSQL's place taken by SQLite; elsewhere it is as small.
PER_TRIAL = 0.2


def plan_key(project: Project, configuration: dict[str, Any]) -> str:
    """Changes when the plan or the items that it is about do: what an estimate holds for."""
    last = run_items(project, configuration["datasets"]).order_by("-pk").values_list("pk", flat=True).first()
    return hashlib.sha256(json.dumps([configuration, last], sort_keys=True).encode()).hexdigest()[:16]


def measure(project: Project, configuration: dict[str, Any], *, limit: float = LIMIT) -> dict[str, Any]:
    """Seconds of the whole plan on one worker, from rounds that were done in about `limit` seconds; nothing is kept.

    seconds; parts: seconds and rounds of each combination, and whether it was measured; longest: seconds of the longest trial;
    preparing: of the features and whatever else a split needs once; trials, rounds: of the plan; measured_rounds,
    measured_seconds; not_reached: combinations for which there was no time; faults: those that fail, with the reason.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="measure-", dir=_folder()) as folder:
        measured = _Measurement(_as_run(project, configuration), Path(folder), begun + limit)
        measured.go()
    return measured.result() | {"measured_seconds": round(time.monotonic() - begun, 2)}


def on_workers(estimate: dict[str, Any], workers: int | None) -> float:
    """Seconds on so many workers at once.

    No trial is shared. The trials of a split come together, so workers that are no more than these wait for one of them to
    prepare the features.
    """
    workers = min(max(workers or 1, 1), estimate["trials"])
    at_once = max(1.0, workers / estimate["combinations"])
    shared = (estimate["seconds"] - estimate["preparing"]) / workers
    return max(estimate["preparing"] / at_once + shared, estimate["longest"])


def _folder() -> Path:
    """Beside the features, because there they would be; /tmp may be a piece of memory."""
    Path(settings.FEATURES_DIR).mkdir(parents=True, exist_ok=True)
    return Path(settings.FEATURES_DIR)


def _as_run(project: Project, configuration: dict[str, Any]) -> Run:
    """What the plan would work on if it began now; not in the database, so that nothing of it is fixed before the start."""
    facts = AnalysisFacts(project, tuple(configuration["datasets"]))
    classes = list(project.labels.filter(retired_at=None).values_list("pk", flat=True))
    classes += sorted(facts.class_counts.keys() - set(classes))
    run = Run(project=project, kind=Run.Kind.ANALYSIS, configuration=configuration, classes=classes)
    run.last_item_id = facts.items.latest("pk").pk
    return run


class _Space(AnalysisSpace):
    """The first split, with its files in a folder of ours, and the labels as they are now (nothing is fixed before the start)."""

    ids = codes = None  # what a started analysis reads from the database

    def __init__(self, run: Run, ids: np.ndarray, codes: np.ndarray, features: int, folder: Path) -> None:
        super().__init__(run, 0, 0, features)
        self.ids, self.codes, self.folder = ids, codes, folder / str(features)

    @cached_property
    def _directory(self) -> Path:
        return self.folder


@dataclass
class _Combination:
    """One strategy, batch size, learner and feature set: its trials differ in the split alone."""

    cell: Cell
    n_rounds: int
    labels: np.ndarray  # (n_rounds,) of each round
    first: float | None = None  # seconds of its first round, which trains from nothing
    points: dict[int, float] = field(default_factory=dict)  # labels -> seconds of a later round
    fault: str = ""

    @property
    def is_measured(self) -> bool:
        """Its start and, where its curve is long enough to have another one, its end."""
        return self.first is not None and (self.n_rounds < 2 or len(self.points) >= (2 if self.n_rounds > 3 else 1))

    def later(self) -> np.ndarray:
        """(n_rounds - 1,) seconds of the rounds after the first."""
        known = sorted(self.points)
        return np.interp(self.labels[1:], known, [self.points[n] for n in known])


class _Measurement:
    def __init__(self, run: Run, folder: Path, until: float) -> None:
        self.run, self.plan, self.folder, self.until = run, run.configuration, folder, until
        self.ids = item_ids(run)
        self.codes = Labels(run, self.ids).known()
        self.rounds_done = 0
        self.opening: dict[int, float] = {}  # features -> seconds in which a trial reads what is prepared
        self.preparing: dict[int, float] = {}
        self.spaces: dict[int, AnalysisSpace] = {}
        self.combinations: list[_Combination] = []

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.until

    def go(self) -> None:
        for features in range(len(self.plan["features"])):
            self._open(features)
        self.combinations = [self._combination(cell) for cell in self._cells()]
        for combination, part in self._in_order():
            if self._late:
                return
            if not combination.fault:
                try:
                    self._try(combination, part)
                except engine.EngineError as error:  # its own trials would fail; the others can still be measured
                    combination.fault = str(error)

    def _open(self, features: int) -> None:
        """The first opening prepares, the second reads: that is what every further trial of the split does."""
        seconds = []
        for _ in range(2):
            begun = time.perf_counter()
            space = _Space(self.run, self.ids, self.codes, features, self.folder)
            _ = space.X, space.in_pool
            seconds.append(time.perf_counter() - begun)
        self.spaces[features] = space
        self.opening[features] = seconds[1]
        self.preparing[features] = max(0.0, seconds[0] - seconds[1])

    def _cells(self) -> Iterator[Cell]:
        """Of the first split."""
        for features in range(len(self.plan["features"])):
            for learner in range(len(self.plan["learners"])):
                for batch_size in self.plan["batch_sizes"]:
                    for strategy in self.plan["strategy_labels"]:
                        yield Cell(strategy, batch_size, learner, features, 0, 0)
                if self.plan["full_model"]:
                    yield Cell(FULL_MODEL, 0, learner, features, 0, 0)

    def _combination(self, cell: Cell) -> _Combination:
        n_pool = int(self.spaces[cell.features].in_pool.sum())
        n_rounds = rounds_of(self.plan, n_pool, cell.batch_size)
        if cell.batch_size == 0:
            return _Combination(cell, 1, np.array([n_pool]))
        most = min(self.plan["max_labels"] or n_pool, n_pool)
        labels = np.minimum(self.plan["seed_size"] + cell.batch_size * np.arange(n_rounds), most)
        return _Combination(cell, n_rounds, labels)

    def _in_order(self) -> Iterator[tuple[_Combination, str]]:
        """What matters most comes first: of every learner one whole curve, all starts, all ends, then what refines them."""
        curves = [c for c in self.combinations if c.cell.batch_size]
        firsts = {(c.cell.features, c.cell.learner): c for c in reversed(curves)}.values()
        for part in ("start", "end"):
            yield from ((c, part) for c in firsts)
        rest = [c for c in curves if not any(c is first for first in firsts)]
        for part in ("start", "end"):
            yield from ((c, part) for c in rest)
        yield from ((c, "start") for c in self.combinations if not c.cell.batch_size and self._full_fits(c))
        yield from ((c, "middle") for c in curves)

    def _full_fits(self, full: _Combination) -> bool:
        """A training on everything cannot be broken off, so it is not begun where it may take too long."""
        return time.monotonic() + self._of_full(full) < self.until

    # --- One piece of one curve

    def _try(self, c: _Combination, part: str) -> None:
        if part == "start":
            simulation = self._simulation(c)
            c.first = self._timed(simulation)
            if c.n_rounds > 1:
                c.points[int(c.labels[1])] = self._timed(simulation)
            return
        # Two rounds: the first one only leads the learner to where a curve would have it, because later ones go on from there.
        place = c.n_rounds - 2 if part == "end" else c.n_rounds // 2
        if place < 3 or int(c.labels[place]) in c.points:
            return
        simulation = self._simulation(c)
        n_more = int(c.labels[place - 1]) - len(simulation.labeled)
        rest = np.setdiff1d(simulation.pool, simulation.labeled)
        rng = engine.generator(self.plan["random_state"], "measure", part)
        simulation.resume([rng.choice(rest, size=n_more, replace=False)], None)
        self._timed(simulation)
        c.points[int(c.labels[place])] = self._timed(simulation)

    def _simulation(self, c: _Combination) -> engine.Simulation:
        cell = c.cell
        trial = Trial(run=self.run, strategy=cell.strategy, batch_size=cell.batch_size, learner=cell.learner)
        return simulation_of(self.spaces[cell.features], trial)

    def _timed(self, simulation: engine.Simulation) -> float:
        begun = time.perf_counter()
        simulation.step()
        self.rounds_done += 1
        return time.perf_counter() - begun

    # --- From pieces to the whole

    def result(self) -> dict[str, Any]:
        folds, repeats = n_splits(self.plan)
        splits = folds * repeats
        parts, longest = [], 0.0
        for c in self.combinations:
            rounds = 0.0 if c.fault else self._of_full(c) if not c.cell.batch_size else self._of_curve(c)
            one = rounds + self.opening[c.cell.features] + PER_TRIAL
            longest = max(longest, one)
            parts.append(
                {
                    "strategy": c.cell.strategy,
                    "batch_size": c.cell.batch_size,
                    "learner": c.cell.learner,
                    "features": c.cell.features,
                    "seconds": round(one * splits, 2),
                    "rounds": c.n_rounds * splits,
                    "measured": c.is_measured,
                }
            )
        preparing = sum(self.preparing.values()) * splits
        return {
            "seconds": round(sum(part["seconds"] for part in parts) + preparing, 2),
            "longest": round(longest, 2),
            "preparing": round(preparing, 2),
            "trials": n_trials(self.plan),
            "rounds": sum(part["rounds"] for part in parts),
            "measured_rounds": self.rounds_done,
            "not_reached": sum(not c.is_measured and not c.fault for c in self.combinations),
            "combinations": len(self.combinations),
            "faults": [{"strategy": c.cell.strategy, "error": c.fault} for c in self.combinations if c.fault],
            "parts": parts,
        }

    def _of_curve(self, c: _Combination) -> float:
        """Seconds of all rounds of one trial."""
        if c.is_measured:
            return c.first + float(c.later().sum())
        alike = self._alike(c)
        if not alike:  # not even one round of anything was possible
            return 0.0
        at = c.labels[1:]
        others = np.mean([np.interp(at, sorted(o.points), [o.points[n] for n in sorted(o.points)]) for o in alike], axis=0)
        if c.first is None:
            return float(np.mean([o.first for o in alike]) + others.sum())
        # It has a start of its own: from there it grows as the others do.
        scale = c.points[int(at[0])] / max(others[0], 1e-9) if c.points else 1.0
        return c.first + float(others.sum()) * scale

    def _alike(self, c: _Combination) -> list[_Combination]:
        """Those measured, of the same learner and features where there are any."""
        found = [o for o in self.combinations if o.cell.batch_size and o.is_measured and not o.fault and o.points]
        same = [o for o in found if (o.cell.learner, o.cell.features) == (c.cell.learner, c.cell.features)]
        return same or [o for o in found if o.cell.learner == c.cell.learner] or found

    def _of_full(self, c: _Combination) -> float:
        """Seconds of training on everything; not measured: as the time per label near the end of the curves says."""
        if c.first is not None:
            return c.first
        alike = self._alike(c)
        if not alike:
            return 0.0
        ends = [(max(o.points), o.points[max(o.points)]) for o in alike]
        n_labels, seconds = min(ends, key=lambda end: end[1])
        return seconds * max(1.0, float(c.labels[0]) / n_labels)
