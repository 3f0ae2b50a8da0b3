"""The report of an analysis as plain data: what its page, REST and its files show; and of several analyses side by side."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from learning import engine
from learning.analysis import results
from learning.analysis.settings import BASELINE
from learning.engine import evaluation
from learning.engine.evaluation.curves import DATA_SET
from learning.models import Run
from learning.state import live, report_head

_KEEP = 16
# What a report says follows from the rounds that are committed; sliders and refreshes ask for the same ones again and again.
_kept: "OrderedDict[tuple, dict]" = OrderedDict()


def forget() -> None:
    """See `results.forget`."""
    _kept.clear()
    results.forget()


class UnknownMetric(ValueError):
    """The plan did not measure this metric; the sentence says which ones it did."""


def analysis_report(run: Run, metric: str | None = None, target: float | None = None) -> dict[str, Any]:
    """Finished or not: what there is so far. Raises UnknownMetric. `run.project` must be loaded."""
    facts = live([run])[run.pk]
    return report_head(run, facts) | {
        "progress": results.progress(run),
        "results": statistics(run, metric, target),
        "configuration": run.configuration,
        "versions": run.versions,
        "fingerprint": run.fingerprint,
    }


def statistics(run: Run, metric: str | None = None, target: float | None = None) -> dict[str, Any]:
    """`engine.evaluation.report` of one run."""
    metric = _measured([run], metric)
    done = tuple(run.trials.order_by("pk").values_list("round_number", flat=True))
    key = (run.pk, hash(done), metric, target)
    if key not in _kept:
        frame = results.with_facets(run, results.rounds(run))
        _kept[key] = evaluation.report(
            evaluation.curves_from_frame(frame),
            metric,
            baseline=_baseline(run),
            target=target,
            ceilings=_ceilings(run, metric),
            **_sizes(run),
        )
        while len(_kept) > _KEEP:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def compare(runs: Sequence[Run], metric: str | None = None, target: float | None = None) -> dict[str, Any]:
    """Several analyses as data sets of one: their strategies' mean ranks say what holds beyond one data set."""

    metric = _measured(runs, metric)
    titles = [run.project.name for run in runs]
    titles = [title if titles.count(title) == 1 else f"{title}, {run}" for title, run in zip(titles, runs, strict=True)]
    frames = [
        results.with_facets(run, results.rounds(run)).assign(dataset=title) for run, title in zip(runs, titles, strict=True)
    ]
    frame = pd.concat(frames, ignore_index=True)
    # By the facet that the curves have: what belongs to the data set stands first.
    found = [_ceilings(run, metric) for run in runs]
    ceilings = {
        ((DATA_SET, title), *facet): scores
        for title, of_run in zip(titles, found, strict=True)
        for facet, scores in of_run.items()
    }
    curves = evaluation.curves_from_frame(frame)
    return {
        "runs": [{"run": run.pk, "name": str(run), "dataset": title} for run, title in zip(runs, titles, strict=True)],
        "results": evaluation.report(curves, metric, baseline=_baseline(runs[0]), target=target, ceilings=ceilings),
    }


def _measured(runs: Sequence[Run], metric: str | None) -> str:
    there = [name for name in engine.METRICS if all(name in run.configuration["metrics"] for run in runs)]
    chosen = metric or next((run.configuration["metric"] for run in runs if run.configuration["metric"] in there), "")
    if chosen not in there:
        raise UnknownMetric(f"Must be one of {', '.join(there)}; got {chosen!r}." if there else "They share no metric.")
    return chosen


def _baseline(run: Run) -> str:
    plan = run.configuration
    places = [i for i, settings in enumerate(plan["strategies"]) if settings["name"] == BASELINE]
    return plan["strategy_labels"][places[0]]


def _ceilings(run: Run, metric: str) -> dict:
    named = results.names(run)
    found: dict = {}
    for row in results.ceilings(run):
        facet = []
        if len(named["learners"]) > 1:
            facet.append(("learner", named["learners"][row["learner"]]))
        if len(named["features"]) > 1:
            facet.append(("features", named["features"][row["features"]]))
        if row.get(metric) is not None:
            found.setdefault(tuple(facet), {})[row["fold"], row["repeat"]] = {metric: row[metric]}
    return found


def _sizes(run: Run) -> dict[str, int | None]:
    """Items in the test set and in the pool: what the overlap of the splits' pools follows from."""
    row = run.trials.filter(round_number__gt=0).order_by("pk").first()
    first = row.rounds.order_by("number").first() if row else None
    if first is None or not first.n_test:
        return {}
    n_pool = first.n_labeled + first.n_pool
    most = run.configuration["max_labels"] or n_pool
    return {"n_test": first.n_test, "n_train": n_pool, "n_labels": min(most, n_pool)}
