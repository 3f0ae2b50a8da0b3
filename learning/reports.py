"""The result of a run as plain data: what the results page shows and what `/api/runs/<id>/report/` answers."""

from collections.abc import Sequence

import numpy as np
from django.db.models import Avg, Count, Q

from annotation.models import Annotation, Purpose, Query
from learning.estimates import accuracy_of_queries
from learning.labeling.facts import audit_facts
from learning.metric_names import lower_is_better, metric_label
from learning.models import ModelFile, Round, Run, Trial
from learning.state import live, main_metric, report_head
from learning.targets import ONE_LABEL, Targets, targets_of
from projects.models import Label
from projects.names import names_of

TOP_CONFUSIONS = 15


def report(run: Run) -> dict:
    """Finished or not: what there is so far. `run.project` must be loaded."""
    if run.kind == Run.Kind.LABELING:
        return _labeling_report(run)
    trial = run.trials.first()
    rounds = list(trial.rounds.order_by("number")) if trial else []
    facts = live([run])[run.pk]
    scored = [row for row in rounds if row.metrics]
    labels = class_labels(run)
    targets, counts = targets_of(run.project), scored[-1].confusion if scored else []
    confusion = targets.confusion(counts)
    return report_head(run, facts) | {
        "labels": facts["labels"],
        "rounds": len(rounds),
        "pool": facts["pool"],
        "main_metric": main_metric(run),
        "last": _scores(scored[-1]) if scored else None,
        "best": _best(scored, main_metric(run)),
        "accuracy_of_queries": accuracy_of_queries(run),
        "advice": rounds[-1].advice if rounds else "",
        "classes": labels,
        "confusion": confusion,
        "per_class": per_class(counts, labels, targets),
        "top_confusions": top_confusions(confusion, labels),
        "people": _people(run, trial) if trial else [],
        "purposes": _purposes(trial) if trial else [],
        "timing": timing(rounds),
        "stopping": rounds[-1].stopping if rounds else [],
        "labels_the_rest": not targets.no_labeling,
        "has_model": bool(trial) and ModelFile.objects.filter(trial=trial).exists(),
        "configuration": run.configuration,
        "versions": run.versions,
        "fingerprint": run.fingerprint,
    }


def _labeling_report(run: Run) -> dict:
    facts = live([run])[run.pk]
    return report_head(run, facts) | {
        **audit_facts(run),
        "configuration": run.configuration,
    }


def class_labels(run: Run) -> list[dict]:
    """The labels in the order in which the learner numbers them: the rows and columns of the confusion matrix."""
    found = {label.pk: label for label in Label.objects.filter(pk__in=run.classes)}
    return [
        {
            "id": pk,
            "name": found[pk].name if pk in found else f"(label {pk})",
            "color": found[pk].color if pk in found else "#888888",
        }
        for pk in run.classes
    ]


def _scores(row: Round) -> dict:
    metrics = [{"name": name, "label": metric_label(name), **score} for name, score in row.metrics.items()]
    return {"round": row.number, "labels": row.n_labeled, "n_test": row.n_test, "metrics": metrics}


def _best(rounds: Sequence[Round], metric: str) -> dict | None:
    """The round that was best by the main metric; of equals the earliest, which took the fewest labels."""
    measured = [row for row in rounds if row.metrics.get(metric, {}).get("value") is not None]
    if not measured:
        return None
    sign = 1 if lower_is_better(metric) else -1
    return _scores(min(measured, key=lambda row: (sign * row.metrics[metric]["value"], row.number)))


def per_class(counts: Sequence[Sequence[int]], labels: Sequence[dict], targets: Targets = ONE_LABEL) -> list[dict]:
    """Precision, recall and F1 of each class, and how many test items are of it; None where nothing can be said.

    `counts`: what `targets.evaluate` counted in a round.
    """
    said = targets.per_class(counts, len(labels))
    # A label may have been added since that round.
    named = zip(labels, said, strict=False)
    return [{"label": label["id"], "name": label["name"], "color": label["color"], **row} for label, row in named]


def top_confusions(confusion: Sequence[Sequence[int]], labels: Sequence[dict]) -> list[dict]:
    """Which class is taken for which other, most often first; `share` is of the true class's test items."""
    matrix = _matrix(confusion, len(labels))
    support = matrix.sum(axis=1)
    errors = matrix.copy()
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=None, kind="stable")[:TOP_CONFUSIONS]
    pairs = [divmod(int(place), len(matrix)) for place in order] if len(matrix) else []
    return [
        {
            "true": labels[i]["name"],
            "predicted": labels[j]["name"],
            "n": int(errors[i, j]),
            "share": _ratio(errors[i, j], support[i]),
        }
        for i, j in pairs
        if errors[i, j]
    ]


def _matrix(confusion: Sequence[Sequence[int]], n_labels: int) -> np.ndarray:
    """Square and no larger than the labels that have a name (a label may have been added since that round)."""
    size = min(len(confusion), n_labels)
    return np.array([row[:size] for row in confusion[:size]], dtype=np.int64).reshape(size, size)


def _ratio(part: int, whole: int) -> float | None:
    return float(part) / float(whole) if whole else None


def _people(run: Run, trial: Trial) -> list[dict]:
    """Who gave how many labels to this run's queries, and how long one took."""
    mine = Annotation.objects.filter(query__trial=trial, current=True, withdrawn_at=None).order_by()
    rows = mine.values_list("user").annotate(
        given=Count("pk", filter=Q(skipped=False)),
        passed=Count("pk", filter=Q(skipped=True)),
        pace=Avg("seconds", filter=Q(skipped=False)),
    )
    rows = list(rows)
    names = names_of(run.project, [user for user, *_ in rows])
    people = [{"name": names[user], "labels": n, "skipped": skipped, "seconds": seconds} for user, n, skipped, seconds in rows]
    known = trial.queries.filter(wanted=0, status=Query.Status.ANSWERED).count()
    if known:
        people.append({"name": "", "labels": known, "skipped": 0, "seconds": None})
    return sorted(people, key=lambda person: (-person["labels"], person["name"]))


def _purposes(trial: Trial) -> list[dict]:
    """What was asked for, why, and what became of it."""
    wanted = ~Q(status=Query.Status.WITHDRAWN) | Q(in_batch=True)
    given_up = Q(status__in=[Query.Status.SKIPPED, Query.Status.DISPUTED])
    rows = (
        trial.queries.order_by()
        .values_list("purpose")
        .annotate(
            asked=Count("pk", filter=wanted),
            answered=Count("pk", filter=Q(status=Query.Status.ANSWERED)),
            given_up=Count("pk", filter=given_up),
        )
    )
    found = {purpose: counts for purpose, *counts in rows}
    names = ("asked", "answered", "given_up")
    return [
        {"purpose": purpose.value, "label": purpose.label, **dict(zip(names, found[purpose], strict=True))}
        for purpose in Purpose
        if purpose in found
    ]


def timing(rounds: Sequence[Round]) -> dict:
    """Seconds by phase over all rounds; `share_outside` is what went neither into fit, nor predict, nor select."""
    phases: dict[str, float] = {}
    for row in rounds:
        for phase, seconds in row.timings.items():
            phases[phase] = phases.get(phase, 0.0) + seconds
    total = sum(phases.values())
    inside = sum(phases.get(phase, 0.0) for phase in ("training", "predicting", "selecting"))
    return {
        "phases": phases,
        "seconds": total,
        "seconds_per_round": total / len(rounds) if rounds else None,
        "share_outside": 1 - inside / total if total else None,
    }
