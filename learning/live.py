"""What a run can already say of itself while people label: is the strategy better than chance, and what would more labels bring?

Facts as plain data, for the run's page and `GET /api/runs/<id>/live/`. What they mean and why they are honest: docs/live.md.
"""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, Exists, OuterRef

from annotation.models import Annotation, Purpose, Query
from learning.datasets import TRUE_SOURCES
from learning.engine.metrics import wilson_interval
from learning.forecast import forecast_of
from learning.models import Run, Trial
from learning.targets import targets_of

_WINDOWS = 8  # of the chart: neighbouring rounds together, so that each interval says something
_ARMS = (Purpose.RANDOM, Purpose.QUERY)
_GIVEN_UP = [Query.Status.SKIPPED, Query.Status.DISPUTED]


def live_facts(run: Run) -> dict | None:
    """None for anything but a development run that was started.

    {"run", "round", "labels", "exploration": the share, "asked": {"random": arm, "query": arm} (see `arms_of`),
    "arms": the newest comparison (learning.arms) with its "round", "compared": all of them for the chart, "metric": in what they
    are compared, "curve": its values by labels, "forecast": see `forecast_of`}.
    """
    trial = run.trials.first() if run.kind == Run.Kind.DEVELOPMENT else None
    if trial is None:
        return None
    metric = targets_of(run.project).metric_by_item
    rounds = list(trial.rounds.order_by("number").defer("confusion", "timings", "stopping", "signals", "asked", "advice"))
    compared = [{"round": row.number, **row.batch["arms"]} for row in rounds if row.batch.get("arms")]
    return {
        "run": run.pk,
        "round": trial.round_number,
        "labels": rounds[-1].n_labeled if rounds else 0,
        "exploration": run.configuration.get("exploration", 0),
        "asked": arms_of(trial, {row.number: row.n_labeled for row in rounds}),
        "arms": compared[-1] if compared else None,
        "compared": compared,
        "metric": metric,
        "curve": [{"labels": row.n_labeled, **row.metrics[metric]} for row in rounds if metric in row.metrics],
        "forecast": forecast_of(run, trial, rounds),
    }


def arms_of(trial: Trial, labels_of: dict[int, int]) -> dict[str, dict]:
    """How often the model was right of an item before its label came: of what chance drew, and of what the strategy chose.

    By "random" and "query": {"answered", "right", "value", "low", "high" (Wilson, 95 %), "given_up", "windows"}. What chance
    drew is a fair sample of the items that had no label then, so its value estimates the model's accuracy on them without
    bias; `given_up` (skipped or disputed) are the ones missing from it. `windows`: the same by rounds, {"labels", ...}.
    """
    known = trial.run.configuration.get("oracle") == "known"
    rows = trial.queries.filter(
        purpose__in=_ARMS, status=Query.Status.ANSWERED, prediction__isnull=False,
        item__verdicts__current=True, item__verdicts__source__in=TRUE_SOURCES,
    ).order_by("round_number")  # fmt: skip
    # People agree with what they are shown; every fifth chosen item comes without it, so what is left is still a fair part.
    rows = rows.exclude(Exists(Annotation.objects.filter(item=OuterRef("item"), current=True, suggestion__isnull=False)))
    hits: dict[str, dict[int, list[bool]]] = {arm: defaultdict(list) for arm in _ARMS}
    columns = ("purpose", "round_number", "prediction", "item__verdicts__value", "item__known")
    for purpose, number, prediction, verdict, imported in rows.values_list(*columns).iterator(chunk_size=5000):
        truth = imported if known and imported is not None else verdict
        hits[purpose][number].append(prediction == truth)
    given_up = trial.queries.filter(purpose__in=_ARMS, status__in=_GIVEN_UP).order_by()
    lost = dict(given_up.values_list("purpose").annotate(n=Count("pk")))
    return {str(arm): _arm(hits[arm], labels_of) | {"given_up": lost.get(arm, 0)} for arm in _ARMS}


def _arm(by_round: dict[int, list[bool]], labels_of: dict[int, int]) -> dict:
    everything = [hit for hits in by_round.values() for hit in hits]
    wanted = max(10, -(-len(everything) // _WINDOWS))
    windows, hits, weight = [], [], 0
    for number, more in by_round.items():
        hits, weight = hits + more, weight + labels_of.get(number, 0) * len(more)
        if len(hits) >= wanted:
            windows.append({"labels": weight / len(hits), **_share(hits)})
            hits, weight = [], 0
    return _share(everything) | {"windows": windows}


def _share(hits: Sequence[bool]) -> dict:
    n, right = len(hits), sum(hits)
    low, high = wilson_interval(right, n) if n else (None, None)
    return {"answered": n, "right": right, "value": right / n if n else None, "low": low, "high": high}
