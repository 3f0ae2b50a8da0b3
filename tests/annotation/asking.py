"""Items, a run that waits for people, and queries, made by hand: what annotation's tests start from."""

from itertools import count

from annotation.models import Purpose
from annotation.queries import Ask
from learning.models import Run, Trial
from learning.phases import Phase
from projects.models import Dataset, Item, Project

_numbers = count()


def items_of(project: Project, n: int, content: str = "text") -> list[Item]:
    start = next(_numbers) * 1000
    dataset = Dataset.objects.create(project=project, name="data.csv", status=Dataset.Status.FINISHED)
    return Item.objects.bulk_create(
        Item(project=project, dataset=dataset, key=f"i{start + i}", content=f"{content} {start + i}") for i in range(n)
    )


def running(project: Project, *, status: str = "running", phase: str = Phase.WAITING, **fields) -> Trial:
    """A trial in its first round; continuous, so that it does not wake before a hundred answers."""
    configuration = {
        "stop": [{"name": "budget", "labels": 100}], "mode": "continuous", "oracle": "people", "quorum": 1.0, "batch_size": 100,
    }  # fmt: skip
    run = Run.objects.create(project=project, status=status, configuration=configuration, **fields)
    return Trial.objects.create(
        run=run, strategy="margin", batch_size=100, phase=phase, round_number=1, trained_at="2020-01-01T00:00:00Z"
    )


def asked(items: list[Item], purpose: Purpose = Purpose.QUERY, score: float | None = 0.5) -> list[Ask]:
    return [Ask(item.pk, rank, purpose, "margin", score) for rank, item in enumerate(items, 1)]
