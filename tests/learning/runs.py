"""Real data and real runs for the tests of the loop: small, quick, and the same every time."""

import numpy as np
from django.test import TestCase

from annotation.models import Query, Verdict
from learning.actions import create_run, start_run
from learning.jobs import advance
from learning.models import Run
from projects.models import Dataset, Item, Project

WORDS = {0: ["meeting", "agenda", "report", "lunch", "project"], 1: ["prize", "winner", "cash", "free", "claim"]}
NOISE = ["the", "a", "and", "today", "we", "you", "now", "please"]


def texts(n: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """n short texts of two classes, about a tenth of them hard to tell."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, n).tolist()
    made = []
    for i, c in enumerate(classes):
        words = rng.choice(NOISE, 4).tolist() + rng.choice(WORDS[c], 2).tolist()
        if rng.random() < 0.3:
            words[-1] = str(rng.choice(WORDS[1 - c]))
        made.append(f"{' '.join(words)} {i}")
    return made, classes


def fill(project: Project, n: int = 200, *, known: str = "all", seed: int = 0) -> list[int]:
    """Items of a finished import. `known`: "all" labels are imported, "none", or "half". The true classes, by position."""
    contents, classes = texts(n, seed)
    labels = list(project.labels.order_by("position").values_list("pk", flat=True))
    dataset = Dataset.objects.create(project=project, name="data.csv", status=Dataset.Status.FINISHED)
    shown = {"all": n, "half": n // 2, "none": 0}[known]
    items = [
        Item(project=project, dataset=dataset, key=f"k{i}", content=text, known=labels[c] if i < shown else None)
        for i, (text, c) in enumerate(zip(contents, classes, strict=True))
    ]
    Item.objects.bulk_create(items)
    imported = project.items.filter(known__isnull=False)
    Verdict.objects.bulk_create(Verdict(project=project, item=item, value=item.known, source="imported") for item in imported)
    return classes


def started(project: Project, **configuration) -> Run:
    """A run that was started; its job was not run yet."""
    run = create_run(None, project, "development", {"random_state": 1, **configuration})
    with TestCase.captureOnCommitCallbacks(execute=True):
        start_run(run, None)
    return run


def finished(project: Project, **configuration) -> Run:
    """A run that went as far as it could go in one job, in this process."""
    run = started(project, **configuration)
    with TestCase.captureOnCommitCallbacks(execute=True):
        advance(run.trials.get().pk)
    run.refresh_from_db()
    return run


def curve(run: Run) -> list[tuple]:
    """What "the same curve, bit for bit" compares: labels, every metric, and what was asked in which order."""
    trial = run.trials.get()
    asked: dict[int, list] = {}
    for number, rank, key, score in trial.queries.order_by("round_number", "purpose", "rank").values_list(
        "round_number", "rank", "item__key", "score"
    ):
        asked.setdefault(number, []).append((rank, key, score))
    return [(r.number, r.n_labeled, r.metrics, r.confusion, asked.get(r.number)) for r in trial.rounds.order_by("number")]


def answer_open(run: Run, classes: list[int], user, limit: int = 10**6) -> int:
    """Answer open queries as a person does, through the queue; how many were answered."""
    from annotation.queue import lease_next, submit

    labels = dict(enumerate(run.project.labels.order_by("position").values_list("name", flat=True)))
    done = 0
    while done < limit:
        assignments = lease_next(user, run.project, min(10, limit - done))
        if not assignments:
            return done
        for assignment in assignments:
            item = assignment.item
            value = labels[classes[int(item.key[1:])]]
            submit(user, run.project, assignment=assignment, value=value, seconds=1.0, token=f"t{item.pk}-{user.pk}")
            done += 1
    return done


def open_queries(run: Run, **filters):
    return Query.objects.filter(trial__run=run, status=Query.Status.OPEN, **filters)
