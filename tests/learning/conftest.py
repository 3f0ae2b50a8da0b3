"""A run as the loop would leave it, made by hand: the pages and REST are tested without computing anything."""

from datetime import timedelta
from itertools import count

import pandas as pd
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from annotation.models import Annotation, Assignment, Purpose, Query, Verdict
from learning.models import Event, ModelFile, Round, Run, Trial
from projects.models import Dataset, Item

CONFIGURATION = {
    "features": {"name": "tfidf"},
    "learner": {"name": "logistic_regression", "C": 1.0},
    "strategy": {"name": "margin"},
    "batch_size": 4,
    "seed_size": 6,
    "test_ratio": 0.2,
    "stop": [{"name": "budget", "labels": 20}, {"name": "accuracy", "target": 0.9, "metric": "accuracy"}],
    "mode": "continuous",
    "oracle": "people",
    "random_state": 0,
    "exploration": 0.1,
    "quorum": 0.9,
    "datasets": [],
}
_tokens = count()


def score(value: float) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


@pytest.fixture
def items(project) -> list[Item]:
    dataset = Dataset.objects.create(project=project, name="mails.csv", status=Dataset.Status.FINISHED)
    ham = project.labels.get(name="ham").pk
    rows = [
        Item(project=project, dataset=dataset, key=f"k{i}", content=f"text {i}, with a comma", known=ham if i < 3 else None)
        for i in range(50)
    ]
    return Item.objects.bulk_create(rows)


@pytest.fixture
def make_run(project, items, manager):
    """`make_run(rounds=2, status="running", phase="waiting", **fields)`"""

    def make(
        rounds: int = 2, *, status: str = "running", phase: str = "waiting", configuration: dict | None = None, **fields
    ) -> Run:
        classes = list(project.labels.values_list("pk", flat=True))
        run = Run.objects.create(
            project=project, status=status, configuration={**CONFIGURATION, **(configuration or {})}, classes=classes, n_items=50,
            last_item_id=items[-1].pk, created_by=manager, started_at=timezone.now() - timedelta(minutes=5), **fields,
        )  # fmt: skip
        n_labeled = 6 + 4 * (rounds - 1) if rounds else 0
        trial = Trial.objects.create(
            run=run, strategy="margin", batch_size=4, phase=phase, round_number=rounds, n_labeled=n_labeled,
            trained_at=timezone.now() - timedelta(minutes=1) if rounds else None,
        )  # fmt: skip
        for number in range(1, rounds + 1):
            add_round(trial, number)
        Event.objects.create(run=run, message="Started.")
        return run

    return make


def add_round(trial: Trial, number: int) -> Round:
    labeled = 6 + 4 * (number - 1)
    return Round.objects.create(
        trial=trial,
        number=number,
        n_labeled=labeled,
        n_pool=40 - labeled,
        n_test=10,
        metrics={"accuracy": score(0.5 + 0.1 * number), "f1_macro": score(0.4 + 0.1 * number)},
        confusion=[[4, 1], [2, 3]],
        timings={"training": 0.2, "predicting": 0.1, "evaluating": 0.05, "selecting": 0.1, "other": 0.05},
        stopping=[{"name": "budget", "label": "Number of labels", "value": labeled, "threshold": 20, "met": False, "text": ""}],
    )


def ask(
    run: Run, items: list[Item], *, purpose=Purpose.QUERY, status="open", round_number=None, in_batch=True, wanted=1
) -> list[Query]:
    trial = run.trials.get()
    number = trial.round_number if round_number is None else round_number
    closed = None if status in {"open", "held"} else timezone.now()
    return Query.objects.bulk_create(
        Query(
            project=run.project, trial=trial, item=item, round_number=number, purpose=purpose, strategy="margin", rank=rank,
            status=status, in_batch=in_batch, wanted=wanted, closed_at=closed,
        )
        for rank, item in enumerate(items, 1)
    )  # fmt: skip


def answer(query: Query, user, label, *, seconds: float = 2.0) -> Annotation:
    query.status, query.closed_at = "answered", timezone.now()
    query.save()
    until = timezone.now() + timedelta(minutes=20)
    Assignment.objects.create(query=query, item=query.item, user=user, slot=0, state="submitted", leased_until=until)
    Verdict.objects.create(project=query.project, item=query.item, value=label.pk, source="people")
    return Annotation.objects.create(
        project=query.project,
        item=query.item,
        user=user,
        query=query,
        value=label.pk,
        seconds=seconds,
        token=f"token-{next(_tokens)}",
    )


@pytest.fixture
def with_model(project, items):
    """Gives a run the files that the end of the loop writes."""

    def give(run: Run) -> ModelFile:
        ham, spam = project.labels.values_list("pk", flat=True)
        split = ["test" if i % 5 == 0 else "labeled" if i < 20 else "pool" for i in range(50)]
        frame = pd.DataFrame(
            {
                "item_id": [item.pk for item in items],
                "split": split,
                "prediction": [ham if i % 2 else spam for i in range(50)],
                "probability": [0.75] * 50,
            }
        )
        kept = ModelFile(trial=run.trials.get(), round_number=2, card="# A model card\n\n```python\nimport skops.io\n```\n")
        kept.file.save("model.skops", ContentFile(b"the model"), save=False)
        kept.predictions.save("predictions.parquet", ContentFile(frame.to_parquet(index=False)), save=False)
        kept.save()
        return kept

    return give
