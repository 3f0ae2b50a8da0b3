"""How long does an import of 100,000 rows take, and how much memory?

    python benchmarks/import_rows.py [--rows 100000]

Made-up texts of about 60 characters with one of 20 labels, as CSV, through the real import job and a real SQLite file with its
durable settings. The peak memory is that of the whole process, Django and all.
"""

import argparse
import csv
import io
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="alambic-import-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        measure(rows)


def made_up(rows: int) -> bytes:
    rng, out = random.Random(0), io.StringIO()
    words = [f"word{i}" for i in range(5000)]
    writer = csv.writer(out)
    writer.writerow(["id", "text", "label"])
    for i in range(rows):
        writer.writerow([f"row {i}", " ".join(rng.choices(words, k=8)), f"label {rng.randrange(20)}"])
    return out.getvalue().encode()


def measure(rows: int) -> None:
    from unittest.mock import patch

    from django.core.files.base import ContentFile
    from django.core.management import call_command

    import projects.jobs
    from projects.importing import begin, receive
    from projects.models import Project

    call_command("migrate", verbosity=0)
    project = Project.objects.create(name="Import")
    content = ContentFile(made_up(rows), name="rows.csv")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    store, locked = projects.jobs._store, []

    def timed_store(*args):
        begun = time.perf_counter()
        store(*args)
        locked.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    with patch("projects.importing.receive._enqueue"), patch("projects.jobs._store", timed_store):
        dataset = receive(project, None, content)
        begin(dataset)
        received = time.perf_counter() - begun
        projects.jobs.import_dataset(dataset.pk)
    total = time.perf_counter() - begun
    dataset.refresh_from_db()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{dataset.status}: {dataset.imported:,} of {dataset.rows:,} rows, {project.verdicts.count():,} verdicts")
    print(f"upload and preview {received:.2f} s, whole import {total:.2f} s (of it {locked[0]:.2f} s in the writing transaction)")
    print(f"peak memory {peak:.0f} MB ({before:.0f} MB before, the file of {len(content) / 2**20:.1f} MB included)")


if __name__ == "__main__":
    main()
