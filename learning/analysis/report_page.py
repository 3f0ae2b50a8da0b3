"""The report of an analysis as its page, its file and a comparison show it: the plain data of `report`, with charts and words."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from learning import engine
from learning.analysis import charts, results
from learning.analysis.pages import bounds, legend, places, plan_lines
from learning.analysis.report import analysis_report, statistics
from learning.analysis.settings import Cell, cells
from learning.metric_names import metric_label
from learning.models import Run
from projects.numbers import whole

VERDICTS = {"better": "better", "worse": "worse", "none": "no difference found"}
STEPS = ("training", "predicting", "selecting")


def view(run: Run, metric: str | None = None, target: float | None = None) -> dict[str, Any]:
    """What the report's templates need. Raises UnknownMetric. `run.project` must be loaded."""
    found = statistics(run, metric, target)
    shown = arranged(found, places(run))
    if shown["winner"]:
        shown["winner"]["develop"] = develop_url(
            run, shown["winner"]["facet"], shown["winner"]["batch_size"], shown["winner"]["name"]
        )
    for facet in shown["facets"]:
        for cell in facet["cells"]:
            for row in cell["rows"]:
                row["develop"] = develop_url(run, cell["facet"], cell["batch_size"], row["name"])
    return shown | {"metrics": [(name, metric_label(name)) for name in run.configuration["metrics"]]}


def shared_places(runs: Sequence[Run]) -> dict[str, int]:
    """One place per strategy, whichever of the analyses has it."""
    order: dict[str, int] = {}
    for run in runs:
        for name in places(run):
            order.setdefault(name, len(order))
    return order


def arranged(found: dict[str, Any], order: dict[str, int]) -> dict[str, Any]:
    """The plain data of a report by facet, with its charts. order: strategy -> its place in the charts."""
    metric, target = found["metric"], found["target"]
    facets: dict[tuple, dict] = {}
    for cell in found["cells"]:
        key = tuple(sorted(cell["facet"].items()))
        facet = facets.setdefault(key, {"name": in_words(cell["facet"]), "cells": []})
        facet["cells"].append(_cell(cell, found, order))
    for key, facet in facets.items():
        # Most notes hold for every batch size: said once.
        facet["notes"] = list(dict.fromkeys(note for cell in facet["cells"] for note in cell["notes"]))
        facet["batch_charts"] = _batch_charts(found, dict(key), facet["name"], order)
    label = metric_label(metric)
    return {
        "metric": metric,
        "metric_label": label,
        "higher": found["higher_is_better"],
        "baseline": found["baseline"],
        "target": target,
        "slider": _slider(found),
        "facets": list(facets.values()),
        "several_facets": len(facets) > 1,
        "legend": _legend(found, order),
        "winner": _winner(found),
        "across": _across(found),
        "empty": not any(row["area"]["mean"] is not None for cell in found["cells"] for row in cell["strategies"]),
        "few": any(0 < cell["n_repeats"] < 10 for cell in found["cells"]),
    }


def _cell(cell: dict, found: dict, order: dict[str, int]) -> dict[str, Any]:
    metric, baseline = metric_label(found["metric"]), found["baseline"]
    facet = in_words(cell["facet"])
    where = f"batch size {cell['batch_size']}" + (f", {facet}" if facet else "")
    by_place = sorted(cell["strategies"], key=lambda row: order.get(row["name"], len(order)))
    curves = [_curve(row, cell["grid"], order) for row in by_place]
    differences = [
        _difference(row, order, found["higher_is_better"])
        for row in by_place
        if row["difference"] and row["difference"]["mean"] is not None
    ]
    return {
        **cell,
        "where": where,
        "clauses": clauses(cell["sentence"]),
        "rows": [_row(row, order) for row in by_place],
        "chart": charts.curve_chart(
            curves,
            title=f"{metric} by labels, {where}",
            y_label=metric,
            ceiling=cell["ceiling"],
            target=cell.get("target", found["target"]),
            bounds=bounds(found["metric"]),
        ),
        "forest": charts.forest(differences, title=f"Differences, {where}", baseline=baseline) if differences else "",
        "matrix": _matrix(cell["penalty"], where, order),
        "pairs": [pair | _in_figures(pair) | {"verdict_label": _pair_verdict(pair)} for pair in cell["pairs"]],
    }


def clauses(sentence: str) -> list[str]:
    """A long sentence at its semicolons, which stay; not at those in brackets."""
    return re.split(r"(?<=;) (?![^()]*\))", sentence)


def _curve(row: dict, grid: list, order: dict[str, int]) -> charts.Curve:
    mean, low, high = (row["curve"][key] for key in ("mean", "low", "high"))
    return charts.Curve(row["name"], order.get(row["name"], len(order)), grid, mean, low, high)


def _matrix(penalty: dict, where: str, order: dict[str, int]) -> str:
    names, matrix = penalty["names"], penalty["matrix"]
    if len(names) < 2:
        return ""
    by_place = sorted(range(len(names)), key=lambda i: order.get(names[i], len(order)))
    turned = [[matrix[i][j] for j in by_place] for i in by_place]
    return charts.penalty_matrix([names[i] for i in by_place], turned, title=f"Pairwise penalties, {where}")


def _row(row: dict, order: dict[str, int]) -> dict[str, Any]:
    place = order.get(row["name"], len(order))
    seconds = row["seconds"]
    total = sum(seconds[step] for step in STEPS if seconds.get(step) is not None)
    return {
        **row,
        "place": place,
        "swatch": charts.swatch(place),
        "at": [row["scores"].get(share) for share in ("start", "25", "50", "100")],
        "seconds_total": total,
        "verdict_label": VERDICTS[row["difference"]["verdict"]] if row["difference"] else "",
        "difference": _in_figures(row["difference"]) | {"wins": row["difference"]["wins"]} if row["difference"] else None,
        "target_words": _target_words(row["labels_to_target"]),
        "saved_words": _saved_words(row["saved"]),
        "curve": None,
    }


def _target_words(reach: dict | None) -> dict[str, str] | None:
    """value, interval and a note on the splits that never get there."""
    if not reach:
        return None
    if not reach["reached"]:
        return {"value": "never", "interval": "", "note": f"in {reach['n']} splits" if reach["n"] else ""}
    interval = "" if reach["low"] is None else f"{reach['low']:,.0f} to {reach['high']:,.0f}"
    note = f"in {reach['reached']} of {reach['n']} splits" if reach["at_least"] else ""
    return {"value": f"{'≥ ' if reach['at_least'] else ''}{reach['mean']:,.0f}", "interval": interval, "note": note}


def _saved_words(saved: dict | None) -> dict[str, str] | None:
    """The share saved against the baseline; what it is a bound of, where not every split reaches the target."""
    if not saved or saved["share"] is None:
        return None
    bound = {"exact": "", "at least": "≥ ", "at most": "≤ ", "open": "~ "}[saved["bound"]]
    missed = [(saved["missed"], "of its own"), (saved["baseline_missed"], "of the baseline's")]
    notes = [f"{n} {whose} splits never get there" for n, whose in missed if n]
    interval = "" if saved["low"] is None else f"{_percent(saved['low'])} to {_percent(saved['high'])} %"
    return {"value": f"{bound}{_percent(saved['share'])} %", "interval": interval, "note": "; ".join(notes)}


def _percent(share: float) -> str:
    return f"{round(100 * share) + 0:d}".replace("-", "−")


def _difference(row: dict, order: dict[str, int], higher: bool) -> charts.Difference:
    """Turned so that right is better, whatever the metric; the text keeps the metric's own sign."""
    d, sign = row["difference"], 1 if higher else -1
    interval = f" [{signed(d['low'])}, {signed(d['high'])}]" if d["low"] is not None else ""
    p = f"  {p_text(d['p_holm'])}" if d["p_holm"] is not None else ""
    low, high = (d["low"], d["high"]) if higher or d["low"] is None else (-d["high"], -d["low"])
    text = f"{signed(d['mean'])}{interval}{p}"
    return charts.Difference(
        row["name"], order.get(row["name"], len(order)), sign * d["mean"], low, high, d["verdict"] != "none", text
    )


def signed(value: float) -> str:
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")


def p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _in_figures(d: dict) -> dict[str, str]:
    """A difference as its tables show it."""
    interval = lambda low, high: "–" if d.get(low) is None else f"{signed(d[low])} to {signed(d[high])}"  # noqa: E731
    return {
        "mean": "–" if d["mean"] is None else signed(d["mean"]),
        "interval": interval("low", "high"),
        "bootstrap": interval("bootstrap_low", "bootstrap_high"),
        **{name: _p_alone(d.get(name)) for name in ("p", "p_holm", "wilcoxon_p")},
    }


def _p_alone(p: float | None) -> str:
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _pair_verdict(pair: dict) -> str:
    if pair["verdict"] == "none":
        return "no difference found"
    return f"{pair['a'] if pair['verdict'] == 'better' else pair['b']} is better"


def _batch_charts(found: dict, facet: dict, name: str, order: dict[str, int]) -> list[str]:
    """Area, and wall time, against batch size; nothing where there is one size."""
    rows = [row for row in found["batch_sizes"] if row["facet"] == facet]
    rows.sort(key=lambda row: order.get(row["strategy"], len(order)))
    if len({point["batch_size"] for row in rows for point in row["points"]}) < 2:
        return []

    def lines(value: str, low: str, high: str) -> list[charts.Curve]:
        made = []
        for row in rows:
            points = row["points"]
            columns = [[point.get(key) for point in points] for key in ("batch_size", value, low, high)]
            made.append(charts.Curve(row["strategy"], order.get(row["strategy"], len(order)), *columns))
        return made

    where = f", {name}" if name else ""
    mean, seconds = f"Mean {metric_label(found['metric'])}", "Seconds of a trial"
    return [
        charts.batch_size_chart(lines("area", "low", "high"), title=f"{mean} against batch size{where}", y_label=mean),
        charts.batch_size_chart(
            lines("seconds", "", ""), title=f"{seconds} against batch size{where}", y_label=seconds, log=True
        ),
    ]


def _slider(found: dict) -> dict[str, float] | None:
    """From the worst mean score to the best, in about a hundred steps."""
    values = [v for cell in found["cells"] for row in cell["strategies"] for v in row["curve"]["mean"] if v is not None]
    values += [cell["ceiling"]["mean"] for cell in found["cells"] if cell["ceiling"]]
    values += [found["target"]] if found["target"] is not None else []
    if not values:
        return None
    step = max(0.001, round((max(values) - min(values)) / 100, 3))
    low = round(min(values) // step * step, 3)
    return {"min": low, "max": round(low + (max(values) - low) // step * step + step, 3), "step": step, "value": found["target"]}


def _legend(found: dict, order: dict[str, int]) -> list[dict]:
    names = {row["name"] for cell in found["cells"] for row in cell["strategies"]}
    return legend({name: order.get(name, len(order)) for name in names})


def _winner(found: dict) -> dict[str, Any] | None:
    """The best mean area of all; whether that is more than chance stands in the sentences."""
    sign = 1 if found["higher_is_better"] else -1
    areas = [
        (sign * row["area"]["mean"], -i, row["name"], cell)
        for cell in found["cells"]
        for i, row in enumerate(cell["strategies"])
        if row["area"]["mean"] is not None
    ]
    if not areas:
        return None
    area, _, name, cell = max(areas, key=lambda entry: entry[:2])
    return {"name": name, "batch_size": cell["batch_size"], "facet": cell["facet"], "area": sign * area}


def _across(found: dict) -> dict[str, Any] | None:
    ranks = found["across"]
    if not ranks or len(ranks["names"]) < 2:
        return None
    svg = charts.critical_difference(
        ranks["names"], ranks["ranks"], ranks["critical_difference"], ranks["groups"], title="Mean ranks and critical difference"
    )
    return ranks | {"svg": svg, "rows": list(zip(ranks["names"], ranks["ranks"], strict=True))}


def in_words(facet: dict[str, str]) -> str:
    return ", ".join(facet.values())


# --- A development run with what won


def develop_url(run: Run, facet: dict[str, str], batch_size: int, strategy: str) -> str:
    """To the form of a development run that goes on with this cell."""
    named = results.names(run)
    learner = named["learners"].index(facet["learner"]) if "learner" in facet else 0
    features = named["features"].index(facet["features"]) if "features" in facet else 0
    place = run.configuration["strategy_labels"].index(strategy)
    query = urlencode({"from_analysis": run.pk, "cell": f"{place}-{batch_size}-{learner}-{features}"})
    return f"{reverse('run-new', args=[run.project_id])}?{query}"


def cell_of(run: Run, text: str) -> Cell | None:
    """What `develop_url` wrote; None where this run has no such cell."""
    parts = [whole(part) for part in text.split("-")]
    if len(parts) != 4 or None in parts:
        return None
    place, batch_size, learner, features = parts
    labels = run.configuration["strategy_labels"]
    if place >= len(labels):
        return None
    wanted = Cell(labels[place], batch_size, learner, features, 0, 0)
    return wanted if wanted in set(cells(run.configuration)) else None


# --- Files


def summary_rows(run: Run) -> list[dict[str, Any]]:
    """A flat row per strategy and batch size (and learner and feature set, where there are several): the main metric in full, of
    the others the area."""
    main = statistics(run)
    areas = {name: _areas(statistics(run, name)) for name in run.configuration["metrics"] if name != main["metric"]}
    rows = []
    for cell in main["cells"]:
        for row in cell["strategies"]:
            key = (in_words(cell["facet"]), cell["batch_size"], row["name"])
            flat = {**cell["facet"], "batch_size": cell["batch_size"], "strategy": row["name"], "metric": main["metric"]}
            flat |= {"trials": row["n"], "paired_splits": cell["n_splits"]}
            flat |= _prefixed("area", row["area"]) | _prefixed("aubc", row["aubc"])
            flat |= {f"score_at_{share}": value for share, value in row["scores"].items()}
            flat |= {"target": cell.get("target", main["target"])} | _prefixed("labels_to_target", row["labels_to_target"])
            flat |= _prefixed("saved", row["saved"]) | _prefixed("difference", row["difference"])
            flat |= {"deficiency": row["deficiency"], "utilization": row["utilization"]}
            flat |= {f"seconds_per_round_{step}": row["seconds"].get(step) for step in STEPS}
            rows.append(flat | {f"area_{name}": there.get(key) for name, there in areas.items()})
    return rows


def _areas(found: dict) -> dict[tuple, float | None]:
    return {
        (in_words(cell["facet"]), cell["batch_size"], row["name"]): row["area"]["mean"]
        for cell in found["cells"]
        for row in cell["strategies"]
    }


def _prefixed(name: str, values: dict | None) -> dict[str, Any]:
    return {f"{name}_{key}": value for key, value in (values or {}).items()}


def standalone(run: Run) -> dict[str, Any]:
    """What the file for a paper's appendix shows: the report of every metric, the main one first."""
    main = view(run)
    others: Sequence[dict] = [view(run, name) for name in run.configuration["metrics"] if name != main["metric"]]
    facts = analysis_report(run)
    return {
        "run": run,
        "facts": facts,
        "unfinished": not facts["final"],
        "report": main,
        "others": others,
        "plan": plan_lines(run),
    } | methods(main, run)


def methods(report: dict[str, Any], run: Run | None) -> dict[str, Any]:
    """What the fold-out on methods says of this report beside the formulas."""
    first = report["facets"][0]["cells"][0] if report["facets"] else {}
    metrics = run.configuration["metrics"] if run else []
    return {
        "how": {
            "overlap": first.get("overlap"),
            "bootstrap_over": first.get("bootstrap_over"),
            "wilcoxon_over": first.get("wilcoxon_over"),
            "n_splits": first.get("n_splits"),
            "n_folds": first.get("n_folds"),
            "n_repeats": first.get("n_repeats"),
        },
        "n_items": run.n_items if run else None,
        "measured": [(metric_label(name), engine.METRICS[name]["help"]) for name in metrics],
    }
