"""What the page of a running analysis shows, as plain data: its grid of trials, how far it is, and its curves so far.

Everything here is asked every two seconds per reader, so it costs a handful of queries for one trial as for ten thousand.
"""

import time
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from learning import engine, workers
from learning.analysis import charts, results
from learning.analysis.settings import BASELINE, FULL_MODEL
from learning.engine.evaluation.resampling import overlap
from learning.metric_names import metric_label
from learning.models import Run
from learning.state import live
from learning.templatetags.runs import settings_lines

EVENTS = 50
FAILURES = 10
# A table of more cells is slow to lay out and no eye reads it: bars instead.
MOST_CELLS = 4000
_KEEP = 16
# Reading and drawing the curves takes at most about this share of a reader's time.
_PATIENCE = 10
_kept: "OrderedDict[tuple, tuple[float, float, tuple, list[dict]]]" = OrderedDict()


@dataclass(frozen=True)
class State:
    """Of a trial: one letter for the wire, the mark that stands in its cell, and its name."""

    code: str
    mark: str
    label: str


STATES = {
    "queued": State("q", "·", "queued"),
    "paused": State("z", "·", "paused"),
    "preparing": State("p", "…", "preparing"),
    "training": State("t", "T", "training"),
    "predicting": State("r", "P", "predicting"),
    "evaluating": State("e", "E", "evaluating"),
    "selecting": State("s", "S", "selecting"),
    "finished": State("d", "✓", "done"),
    "failed": State("f", "!", "failed"),
    "stopped": State("x", "–", "stopped"),
}
_SHOWN = ("preparing", "training", "predicting", "selecting", "queued", "finished", "failed")


def places(run: Run) -> dict[str, int]:
    """strategy -> its place in the charts: the baseline is 0, the others follow in the order of the plan."""
    plan = run.configuration
    names, settings = plan["strategy_labels"], plan["strategies"]
    first = next((i for i, entry in enumerate(settings) if entry["name"] == BASELINE), 0)
    return {name: place for place, name in enumerate([names[first], *(n for i, n in enumerate(names) if i != first)])}


def facet_name(run: Run, learner: int, features: int) -> str:
    """What tells learners and feature sets apart; empty where there is one of each."""
    named = results.names(run)
    parts = [(named["learners"], learner), (named["features"], features)]
    return ", ".join(names[i] for names, i in parts if len(names) > 1)


def legend(order: dict[str, int]) -> list[dict]:
    """strategy -> its place, as entries with their line and marker."""
    by_place = sorted(order.items(), key=lambda item: (item[1], item[0]))
    return [{"name": name, "swatch": charts.swatch(place)} for name, place in by_place]


# --- The grid


def grid(run: Run, trials: list[results.TrialNow]) -> dict:
    """rows: a strategy with its batch size and facet, and a cell per repeat and fold; codes: of all cells, row by row."""
    order = places(run)
    groups: dict[tuple, dict[tuple, results.TrialNow]] = {}
    for trial in trials:
        row = (trial.features, trial.learner, trial.strategy == FULL_MODEL, trial.batch_size, trial.strategy)
        groups.setdefault(row, {})[trial.repeat, trial.fold] = trial
    splits = sorted({split for cells in groups.values() for split in cells})
    rows = []
    for key in sorted(groups, key=lambda row: (*row[:4], order.get(row[4], 0))):
        features, learner, full, batch_size, strategy = key
        cells = [groups[key][split] for split in splits if split in groups[key]]
        counts = Counter(trial.state for trial in cells)
        rows.append(
            {
                "name": strategy,
                "place": order.get(strategy),
                "full": full,
                "batch_size": batch_size,
                "facet": facet_name(run, learner, features),
                "codes": "".join(STATES[trial.state].code for trial in cells),
                "cells": cells,
                "done": counts["finished"],
                "failed": counts["failed"],
                "n": len(cells),
            }
        )
    folds = Counter(repeat for repeat, _ in splits)
    return {
        "rows": rows,
        "splits": splits,
        "repeats": sorted(folds.items()),
        "n_folds": max(folds.values(), default=1),
        "codes": "".join(row["codes"] for row in rows),
        "as_bars": len(trials) > MOST_CELLS,
        "facets": any(row["facet"] for row in rows),
    }


def with_cells(run: Run, shown: dict) -> dict:
    """The grid with what the template needs of each cell."""
    for row in shown["rows"]:
        batch = "" if row["full"] else f", batch {row['batch_size']}"
        row["label"] = f"{row['name']}{batch}" + (f", {row['facet']}" if row["facet"] else "")
        row["marks"] = [
            {"pk": trial.pk, "where": _where(shown, trial), "failed": trial.state == "failed", **asdict(STATES[trial.state])}
            for trial in row["cells"]
        ]
    return shown


def _where(shown: dict, trial: results.TrialNow) -> str:
    fold = f", fold {trial.fold + 1}" if shown["n_folds"] > 1 else ""
    return f"repeat {trial.repeat + 1}{fold}"


# --- What is new


def facts(run: Run) -> dict:
    """All that the live part of the page shows, but for the curves."""
    trials = results.grid(run)
    shown = grid(run, trials)
    progress = results.progress(run, trials)
    left = progress.pop("seconds_left")
    failed = [trial for trial in trials if trial.state == "failed"]
    active = Run.Status(run.status).is_active
    states = progress["states"]
    counts = [
        {
            "state": name,
            "label": STATES[name].label,
            "mark": STATES[name].mark,
            "code": STATES[name].code,
            "n": states.get(name, 0),
        }
        for name in STATES
        if name in _SHOWN or states.get(name)
    ]
    events = run.events.select_related("user")[:EVENTS]
    return live([run])[run.pk] | {
        "progress": progress,
        "seconds_left": left,
        "counts": counts,
        "grid": shown,
        "failures": [failure(run, trial) for trial in failed[:FAILURES]],
        "n_failed": len(failed),
        "lost": len(results.lost(run)) if active else 0,
        "workers": workers.alive() if active else None,
        "stop_requested": run.stop_requested,
        "traceback": run.traceback,
        "events": [
            {"id": e.pk, "level": e.level, "message": e.message, "at": e.created_at, "user": e.user.username if e.user else ""}
            for e in events
        ],
    }


def failure(run: Run, trial) -> dict:
    """Of a failed trial, as a row of the database or of the grid."""
    batch = f", batch {trial.batch_size}" if trial.batch_size else ""
    facet = facet_name(run, trial.learner, trial.features)
    return {
        "pk": trial.pk,
        "name": f"{trial.strategy}{batch}" + (f", {facet}" if facet else ""),
        "where": f"repeat {trial.repeat + 1}, fold {trial.fold + 1}",
        "error": trial.error,
    }


def signature(now: dict, mark: object) -> list:
    """What `learning.state.version` is made of: not the time left, which changes with every look."""
    kept = {key: value for key, value in now.items() if key not in {"grid", "seconds_left"}}
    return [kept, now["grid"]["codes"], mark]


def about(seconds: float | None) -> str:
    """`about 3 min left`; no more exact than it is known."""
    if seconds is None:
        return ""
    if seconds < 45:
        return "less than a minute left"
    if seconds < 90 * 60:
        return f"about {max(1, round(seconds / 60))} min left"
    hours = seconds / 3600
    return f"about {hours:.0f} h left" if hours < 36 else f"about {hours / 24:.0f} days left"


# --- Curves so far


def curves(run: Run, metric: str) -> tuple[tuple, list[dict]]:
    """(mark, charts): a chart per facet and batch size of what is committed. The mark changes when the charts do.

    While a large analysis runs they are drawn anew only now and then, so that looking on does not cost what the workers need.
    """
    key = (run.pk, run.started_at, metric)
    done = tuple(run.trials.exclude(strategy=FULL_MODEL).order_by("pk").values_list("round_number", flat=True))
    mark = (metric, hash(done))
    begun = time.monotonic()
    if key in _kept:
        drawn_at, took, kept_mark, shown = _kept[key]
        if kept_mark == mark or (Run.Status(run.status).is_active and begun - drawn_at < _PATIENCE * took):
            return kept_mark, shown
    shown = _draw(run, metric)
    _kept[key] = (time.monotonic(), time.monotonic() - begun, mark, shown)
    _kept.move_to_end(key)
    while len(_kept) > _KEEP:
        _kept.popitem(last=False)
    return mark, shown


def _draw(run: Run, metric: str) -> list[dict]:
    frame, order = results.rounds(run), places(run)
    frame = frame[frame[metric].notna()]
    found = []
    for (features, learner, batch_size), cell in frame.groupby(["features", "learner", "batch_size"], sort=True):
        facet = facet_name(run, learner, features)
        title = f"Batch size {batch_size}" + (f", {facet}" if facet else "")
        shown = sorted(
            (_curve(name, order[name], rows, metric, _overlap(run)) for name, rows in cell.groupby("strategy")),
            key=lambda c: c.place,
        )
        svg = charts.curve_chart(shown, title=title, y_label=metric_label(metric), bounds=bounds(metric))
        found.append({"title": title, "svg": svg})
    return found


def _curve(name: str, place: int, rows: pd.DataFrame, metric: str, ratio: float) -> charts.Curve:
    """The mean at each number of labels over the trials that have come so far, with the report's corrected interval.

    A number of labels that fewer than half of the trials have been at (pools that differ by an item end apart) is left out
    once half of them are there: the mean of other trials would make the curve jump.
    """
    at = rows.groupby("labels")[metric]
    spread = at.agg(["mean", "std", "count"])
    spread = spread[spread["count"] * 2 >= min(spread["count"].max(), rows["trial"].nunique())]
    n = spread["count"].to_numpy()
    half = _half_width(spread["std"].to_numpy(), n, ratio)
    mean = spread["mean"].to_numpy()
    return charts.Curve(name, place, spread.index.tolist(), mean.tolist(), _none(mean - half), _none(mean + half))


def _half_width(sd: np.ndarray, n: np.ndarray, ratio: float) -> np.ndarray:
    """Of the 95 % interval, with the report's correction for overlapping splits (Nadeau & Bengio 2003); nan below two trials."""
    return stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(1 / n + ratio) * sd


def _overlap(run: Run) -> float:
    """Items tested per item of the pool."""
    c = run.configuration
    if c["split"] == "holdout":
        return c["test_ratio"] / (1 - c["test_ratio"])
    return overlap(c["folds"] if c["split"] == "folds" else 1)[0]


def _none(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def bounds(metric: str) -> tuple[float | None, float | None]:
    known = engine.METRICS.get(metric, {})
    return known.get("minimum"), known.get("maximum")


# --- The plan in words


def plan_lines(run: Run) -> list[tuple[str, list[str]]]:
    """A configuration in words, a line or several per setting."""
    c = run.configuration
    repeats = f"{c['repeats']} repeat{'s' if c['repeats'] > 1 else ''}"
    split = {
        "folds": f"{c['folds']} stratified folds, {repeats}",
        "holdout": f"{c['test_ratio']:.0%} drawn at random for each of {repeats}",
        "column": f"where {c['split_column']} is {c['test_value']}; {repeats}",
    }[c["split"]]
    entry = lambda section, settings: settings_lines({section: settings})[0][1]  # noqa: E731
    strategies = zip(c["strategy_labels"], c["strategies"], strict=True)
    warm_up = [text for name, text in settings_lines({"warm_up": c["warm_up"]}) if name == "Warm-up"]
    return [
        ("Strategies", [_named(label, settings["name"], entry("strategy", settings)) for label, settings in strategies]),
        ("Batch sizes", [", ".join(f"{size:,}" for size in c["batch_sizes"])]),
        ("Learners", [entry("learner", settings) for settings in c["learners"]]),
        ("Features", [entry("features", settings) for settings in c["features"]]),
        ("Test set", [split]),
        ("Seed", [f"{c['seed_size']:,} labels. {engine.SEEDS.get(c['seed_strategy'], c['seed_strategy'])}"]),
        *([("Warm-up", warm_up)] if warm_up else []),
        ("Labels at most", [f"{c['max_labels']:,}" if c["max_labels"] else "until the pool is empty"]),
        ("Metrics", [", ".join(metric_label(name) for name in c["metrics"])]),
        ("Main metric", [metric_label(c["metric"])]),
        ("All labels", ["one model per split, trained on the whole pool" if c["full_model"] else "not trained"]),
        ("Random state", [str(c["random_state"])]),
        ("Data sets", [", ".join(map(str, c["datasets"])) or "all of the project"]),
        ("Without a label", ["left out" if c["leave_out"] else "none"]),
    ]


def _named(label: str, name: str, text: str) -> str:
    return text if label == name else f"{label} – {text}"
