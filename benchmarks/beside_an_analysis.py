"""Do people who label notice that an analysis is running on the same machine?

    python benchmarks/beside_an_analysis.py --data FOLDER [--annotators 20] [--think 2] [--seconds 60] [--workers 2]

A real server (`manage.py start`), a development run on FOLDER/text/banking77.csv that people label, and simulated annotators over
HTTP: first alone, then while an analysis of another project keeps all workers busy, then alone again. The latencies of the second
should lie within 20 % of the others.
"""

import argparse
import csv
import io
import os
import secrets
import sys
import tempfile
from pathlib import Path

import annotators
from server import Server

LABELS = ["card", "transfer", "top up"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA"), required="ALAMBIC_DATA" not in os.environ)
    parser.add_argument("--annotators", type=int, default=20)
    parser.add_argument("--think", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--way", choices=["rest", "page"], default="rest")
    parser.add_argument("--port", type=int, default=8767)
    chosen = parser.parse_args()
    chosen.overlap = 1
    with tempfile.TemporaryDirectory(prefix="alambic-beside-") as folder:
        server = Server(Path(folder), chosen.port, chosen.workers)
        try:
            os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings"}
            sys.path.insert(0, str(annotators.ROOT))
            import django

            django.setup()  # only for the accounts: to make them by REST is not what is measured
            content = (Path(chosen.data) / "text" / "banking77.csv").read_bytes()
            tokens, project = team(server, content, chosen.annotators)
            annotators.LABELS = LABELS
            measure("alone", chosen, project, tokens)
            run = analysis(server, content)
            measure("beside an analysis", chosen, project, tokens)
            print("  the analysis is", server.status(run))
            server.call(f"runs/{run}/stop/", {})
            measure("alone again", chosen, project, tokens)
        finally:
            server.stop()


def measure(when: str, chosen: argparse.Namespace, project: int, tokens: list[str]) -> None:
    print(f"{when}: ", end="", flush=True)
    heard, clients = annotators.drive(chosen, chosen.port, project, tokens)
    annotators.report(chosen, heard, {"clients": clients})


def team(server: Server, content: bytes, n: int) -> tuple[list[str], int]:
    """The annotators' tokens, and a project with a run that waits for their labels."""
    from rest_framework.authtoken.models import Token

    from projects.models import Membership, User

    project = server.call("projects/", {"name": "Labelled by people", "modality": "text", "labels": LABELS})["id"]
    server.upload(project, "texts.csv", unlabeled(content), {"text_column": "text", "key_column": "id"})
    users = User.objects.bulk_create(User(username=f"annotator-{i}") for i in range(n))
    Membership.objects.bulk_create(Membership(project_id=project, user=user, role="annotator") for user in users)
    tokens = Token.objects.bulk_create(Token(user=user, key=secrets.token_hex(20)) for user in users)
    configuration = {"oracle": "people", "batch_size": 200, "seed_size": 100, "test_ratio": 0.01}
    configuration["stop"] = [{"name": "budget", "labels": 100_000}]
    server.call("runs/", {"kind": "development", "project": project, "start": True, "configuration": configuration})
    return [token.key for token in tokens], project


def unlabeled(content: bytes) -> bytes:
    rows = csv.DictReader(io.StringIO(content.decode()))
    texts = io.StringIO()
    writer = csv.DictWriter(texts, ["id", "text"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return texts.getvalue().encode()


def analysis(server: Server, content: bytes) -> int:
    project = server.call("projects/", {"name": "Analysed", "modality": "text"})["id"]
    server.upload(project, "banking77.csv", content, {"text_column": "text", "label_column": "label", "key_column": "id"})
    plan = {"strategies": ["random", "margin", "badge"], "batch_sizes": [50], "folds": 5, "repeats": 10, "max_labels": 2000}
    return server.call("runs/", {"kind": "analysis", "project": project, "start": True, "configuration": plan})["id"]


if __name__ == "__main__":
    main()
