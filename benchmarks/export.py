"""What an export costs: 10,000 labelled items with answers and a run's queries, in each format.

    .venv/bin/python benchmarks/export.py [number of items]

It works in a database of its own, which it removes.
"""

import os
import shutil
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="alambic-export-")
os.environ.pop("DATABASE_URL", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "alambic_site.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402

from annotation.models import Annotation, Query, Verdict  # noqa: E402
from learning.models import Run, Trial  # noqa: E402
from projects.exporting import FORMATS, export  # noqa: E402
from projects.models import Dataset, Item, Label, Project, User  # noqa: E402


def fill(n: int) -> tuple[Project, Run]:
    """n items with an imported label, a verdict, two answers and a query each."""
    project = Project.objects.create(name="Benchmark")
    labels = [Label.objects.create(project=project, name=f"label {i}", color="#0072b2", position=i).pk for i in range(6)]
    people = [User.objects.create_user(f"person{i}") for i in range(2)]
    dataset = Dataset.objects.create(project=project, name="texts.csv", status="finished")
    text = "What is the length of the coastline of the state of Alaska, and who measured it first? "
    items = Item.objects.bulk_create(
        [Item(project=project, dataset=dataset, key=str(i), content=f"{i} {text * 2}", known=labels[i % 6]) for i in range(n)],
        batch_size=2000,
    )
    run = Run.objects.create(project=project, status="running")
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=20)
    common = {"project": project}
    queries = [
        Query(
            **common, trial=trial, item=item, round_number=i // 20, purpose="query", strategy="margin", score=0.5, rank=i % 20,
            status="answered",
        )
        for i, item in enumerate(items)
    ]  # fmt: skip
    Query.objects.bulk_create(queries, batch_size=2000)
    Verdict.objects.bulk_create([Verdict(**common, item=i, value=labels[0], source="people") for i in items], batch_size=2000)
    answers = [
        Annotation(**common, item=item, user=user, value=labels[0], seconds=2.5, token=f"{user.pk}-{item.pk}")
        for item in items
        for user in people
    ]
    Annotation.objects.bulk_create(answers, batch_size=2000)
    return project, run


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    try:
        call_command("migrate", verbosity=0)
        project, run = fill(n)
        b"".join(export(project, "parquet"))  # the first one imports pyarrow
        for format in FORMATS:
            for with_run in (None, run):
                began = time.perf_counter()
                size = sum(len(piece) for piece in export(project, format, run=with_run))
                seconds = time.perf_counter() - began
                kind = "with a run" if with_run else "labels alone"
                print(f"{format:8} {kind:13} {n:,} items  {seconds:6.2f} s  {size / 1e6:6.1f} MB", flush=True)
        tracemalloc.start()
        for _ in export(project, "csv", run=run):
            pass
        print(f"peak of Python's memory while streaming CSV: {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB")
    finally:
        shutil.rmtree(os.environ["VAR_DIR"], ignore_errors=True)


if __name__ == "__main__":
    main()
