"""What an analysis has found so far, as frames and plain data: for its pages, REST, files and the command line.

Rounds that are committed never change, so what was read of a trial is kept in this process until the trial has more of them.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

import pandas as pd
from django.utils import timezone

from learning import engine
from learning.analysis.settings import FULL_MODEL, AnalysisFacts, counts_of, rounds_of
from learning.models import Round, Run, Trial
from learning.phases import Phase
from projects import leases

_KEEP_RUNS = 4
_kept: "OrderedDict[int, _Rounds]" = OrderedDict()
_pools: dict[int, int] = {}
_CELL = ("pk", "strategy", "batch_size", "learner", "features", "fold", "repeat")
_NOW = ("phase", "round_number", "n_labeled", "worker", "heartbeat_at", "error")


def forget() -> None:
    """What is kept of earlier runs: for tests, whose runs are rolled back and whose ids come again."""
    _kept.clear()
    _pools.clear()


@dataclass
class _Rounds:
    """Of one run: trial -> (rounds read, their rows)."""

    trials: dict[int, tuple[int, list[tuple]]] = field(default_factory=dict)
    frame: pd.DataFrame | None = None


def rounds(run: Run) -> pd.DataFrame:
    """A row per committed round: trial, strategy, batch_size, learner and features (their places in the configuration), fold,
    repeat, round, labels, each metric of the plan, and the seconds of training, predicting and selecting. Not of full models.
    """
    kept = _kept.setdefault(run.pk, _Rounds())
    _kept.move_to_end(run.pk)
    while len(_kept) > _KEEP_RUNS:
        _kept.popitem(last=False)
    there = {row[0]: row[1:] for row in run.trials.exclude(strategy=FULL_MODEL).values_list(*_CELL, "round_number")}
    new = [pk for pk, cell in there.items() if kept.trials.get(pk, (0,))[0] != cell[-1]]
    if new or kept.frame is None:
        found: dict[int, list[tuple]] = {pk: [] for pk in new}
        for start in range(0, len(new), 500):
            rows = Round.objects.filter(trial__in=new[start : start + 500]).order_by("trial_id", "number")
            for trial, *row in rows.values_list("trial_id", "number", "n_labeled", "metrics", "timings"):
                found[trial].append(tuple(row))
        for pk, rows in found.items():
            kept.trials[pk] = (len(rows), rows)
        kept.frame = _frame(run, there, kept.trials)
    return kept.frame


def _frame(run: Run, cells: dict[int, tuple], trials: dict[int, tuple[int, list[tuple]]]) -> pd.DataFrame:
    metrics, steps = run.configuration["metrics"], ("training", "predicting", "selecting")
    columns: dict[str, list] = {name: [] for name in ("trial", *_CELL[1:], "round", "labels", *metrics, *steps)}
    for pk, cell in cells.items():
        for number, labels, scores, timings in trials.get(pk, (0, []))[1]:
            values = [scores[name]["value"] if name in scores else None for name in metrics]
            row = (pk, *cell[:-1], number, labels, *values, *(timings.get(step, 0.0) for step in steps))
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    frame = pd.DataFrame(columns)
    frame[list(metrics)] = frame[list(metrics)].astype(float)
    return frame


def names(run: Run) -> dict[str, list[str]]:
    """What the learners and feature sets of a plan are called: their labels, numbered where a label occurs twice."""
    found = {}
    for section, registry in (("learners", engine.learners), ("features", engine.features)):
        labels = []
        for settings in run.configuration[section]:
            label = registry.get(settings["name"]).label if settings["name"] in registry else settings["name"]
            same = sum(other == label or other.startswith(f"{label} #") for other in labels)
            labels.append(f"{label} #{same + 1}" if same else label)
        found[section] = labels
    return found


def with_facets(run: Run, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `learner` and `features` by name where there are several of them, and without the columns otherwise."""
    named = names(run)
    frame = frame.copy()
    for column, section in (("learner", "learners"), ("features", "features")):
        if len(named[section]) > 1:
            frame[column] = frame[column].map(dict(enumerate(named[section])))
        else:
            frame = frame.drop(columns=column)
    return frame


def ceilings(run: Run) -> list[dict]:
    """What the models trained on all labels score: learner, features, fold, repeat, and each metric."""
    rows = Round.objects.filter(trial__run=run, trial__strategy=FULL_MODEL)
    columns = ("trial__learner", "trial__features", "trial__fold", "trial__repeat", "metrics")
    return [
        {"learner": learner, "features": features, "fold": fold, "repeat": repeat}
        | {name: score["value"] for name, score in metrics.items()}
        for learner, features, fold, repeat, metrics in rows.values_list(*columns)
    ]


@dataclass(frozen=True)
class TrialNow:
    """Where one trial stands."""

    pk: int
    strategy: str
    batch_size: int
    learner: int
    features: int
    fold: int
    repeat: int
    state: str  # a phase, or "queued" (no worker has begun), "stopped" or "paused"
    rounds: int
    share: float
    error: str


def grid(run: Run) -> list[TrialNow]:
    """Every trial as it is now, in the order of the plan. One query, and once per run the counts of its items."""
    if (n_pool := _pools.get(run.pk)) is None:
        facts = AnalysisFacts(run.project, tuple(run.configuration["datasets"]))
        n_pool = counts_of(facts, run.configuration)["n_pool"]
        if run.started_at:  # from here on it does not change by more than progress bars care about
            _pools[run.pk] = n_pool
    return [
        TrialNow(*cell, state=_state(run, phase, worker), rounds=done, share=_share(run, cell, phase, done, n_pool), error=error)
        for *cell, phase, done, _, worker, _, error in run.trials.order_by("pk").values_list(*_CELL, *_NOW)
    ]


def _state(run: Run, phase: str, worker: str) -> str:
    if phase in {Phase.FINISHED, Phase.FAILED} or worker:
        return phase
    return {Run.Status.PAUSED: "paused", Run.Status.STOPPED: "stopped"}.get(run.status, "queued")


def _share(run: Run, cell: list, phase: str, done: int, n_pool: int) -> float:
    if phase == Phase.FINISHED:
        return 1.0
    return min(0.99, done / rounds_of(run.configuration, n_pool, cell[2]))


def progress(run: Run, trials: list[TrialNow] | None = None) -> dict:
    """How far it is: trials by state, and about how long the rest takes at the pace so far (None before there is a pace)."""
    trials = grid(run) if trials is None else trials
    states = Counter(trial.state for trial in trials)
    n, share = len(trials), sum(trial.share for trial in trials)
    over = states[Phase.FINISHED] + states[Phase.FAILED]
    left = None
    if Run.Status(run.status).is_active and run.started_at and 0 < share < n:
        seconds = (timezone.now() - run.started_at).total_seconds()
        left = seconds / share * (sum(trial.state != Phase.FAILED for trial in trials) - share)
    return {
        "trials": n,
        "over": over,
        "failed": states[Phase.FAILED],
        "states": dict(states),
        "share": share / n if n else 0.0,
        "rounds": sum(trial.rounds for trial in trials),
        "seconds_left": left,
    }


def lost(run: Run) -> list[Trial]:
    """Trials whose worker has given no sign of life."""
    return [trial for trial in run.trials.exclude(worker="") if leases.is_stale(trial)]
