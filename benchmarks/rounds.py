"""How long does a round take, and how much of it is not fitting, predicting or selecting?

    python benchmarks/rounds.py [--data FOLDER] [--labels 500]

A development run with the oracle `known` over banking77 (10,003 training texts of FOLDER/text/banking77.csv; without a folder
10,000 made-up texts of 77 classes), through the real loop and a real SQLite file, in this process. Seconds per round and phase,
and the share that is spent on anything else: reading labels, evaluating, writing the round and its queries, phase changes.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA", ""))
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--batch", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alambic-rounds-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings", "SQLITE_SYNCHRONOUS": "NORMAL"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        measure(arguments)


def texts(data: str) -> list[tuple[str, str]]:
    if data:
        import pandas as pd

        frame = pd.read_csv(Path(data) / "text" / "banking77.csv")
        frame = frame[frame["split"] == "train"]
        return list(zip(frame["text"], frame["label"], strict=True))
    rng = random.Random(0)
    made = []
    for i in range(10_000):
        label = i % 77
        made.append((" ".join(f"w{label}x{rng.randrange(40)}" for _ in range(4)) + f" n{rng.randrange(3000)}", f"class {label}"))
    return made


def measure(arguments: argparse.Namespace) -> None:
    from unittest.mock import patch

    from django.core.management import call_command

    from annotation.models import Verdict
    from learning.actions import create_run, start_run
    from learning.jobs import advance
    from projects.models import Dataset, Item, Label, Project

    call_command("migrate", verbosity=0)
    rows = texts(arguments.data)
    project = Project.objects.create(name="Rounds")
    ids = {}
    for position, name in enumerate(sorted({label for _, label in rows})):
        ids[name] = Label.objects.create(project=project, name=name, color="#000000", position=position).pk
    dataset = Dataset.objects.create(project=project, name="data", status="finished")
    items = [Item(project=project, dataset=dataset, key=str(i), content=t, known=ids[c]) for i, (t, c) in enumerate(rows)]
    items = Item.objects.bulk_create(items, batch_size=2000)
    made = [Verdict(project=project, item=item, value=item.known, source="imported") for item in items]
    Verdict.objects.bulk_create(made, batch_size=2000)
    stop = [{"name": "budget", "labels": arguments.labels}]
    configuration = {"oracle": "known", "seed_size": 100, "batch_size": arguments.batch, "stop": stop}
    with patch("learning.dispatch._enqueue"):  # no Redis here: the job is called by hand
        run = create_run(None, project, "development", configuration)
        start_run(run, None)
        trial = run.trials.get()
        begun = time.perf_counter()
        advance(trial.pk)
    print(
        f"{len(items)} texts, {len(ids)} classes; whole run with features {time.perf_counter() - begun:.1f} s, {run.stop_reason}"
    )
    rounds = list(trial.rounds.order_by("number"))
    walls = [(b.created_at - a.created_at).total_seconds() for a, b in zip(rounds, rounds[1:], strict=False)]
    print(f"{'round':>6} {'labels':>7} {'wall':>8} {'fit':>8} {'predict':>8} {'evaluate':>8} {'select':>8} {'outside':>8}")
    total_wall = total_core = 0.0
    for row, wall in zip(rounds[1:], walls, strict=True):
        t = row.timings
        core = t.get("training", 0) + t.get("predicting", 0) + t.get("selecting", 0)
        if row.number == len(rounds):  # the last one selects nothing
            continue
        total_wall, total_core = total_wall + wall, total_core + core
        if row.number % 5 == 0:
            parts = [t.get(p, 0) for p in ("training", "predicting", "evaluating", "selecting")]
            print(
                f"{row.number:>6} {row.n_labeled:>7} {wall:8.3f} "
                + " ".join(f"{p:8.3f}" for p in parts)
                + f" {1 - core / wall:8.1%}"
            )
    n = len(walls) - 1
    print(f"mean round {total_wall / n:.3f} s; outside fit, predict and select {1 - total_core / total_wall:.1%}")


if __name__ == "__main__":
    main()
