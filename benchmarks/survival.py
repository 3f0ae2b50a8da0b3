"""kill -9 of the workers in each phase of a round, and of Redis: does the run end by itself, with the same curve?

    python benchmarks/survival.py

Starts the real thing (`manage.py start`) in a folder of its own, makes a text project by REST, runs it once undisturbed, then
once per phase with every worker process killed (SIGKILL) in that phase, and once with Redis killed. Prints, for each: seconds
until the run went on, and whether every round's metrics and every query (item, rank, score) equal those of the undisturbed run.
"""

import argparse
import csv
import io
import random
import subprocess
import tempfile
import time
from pathlib import Path

from server import Server

PHASES = ["preparing", "training", "predicting", "evaluating", "selecting"]


def data(n: int = 4000, classes: int = 12) -> bytes:
    rng, out = random.Random(0), io.StringIO()
    words = [[f"w{c}x{i}" for i in range(30)] for c in range(classes)]
    noise = [f"n{i}" for i in range(2000)]
    writer = csv.writer(out)
    writer.writerow(["id", "text", "label"])
    for i in range(n):
        c = rng.randrange(classes)
        text = rng.choices(words[c], k=3) + rng.choices(words[rng.randrange(classes)], k=2) + rng.choices(noise, k=8)
        writer.writerow([i, " ".join(text), f"class {c:02}"])
    return out.getvalue().encode()


COLUMNS = {"text_column": "text", "label_column": "label", "key_column": "id"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alambic-survival-") as folder:
        server = Server(Path(folder), arguments.port)
        try:
            measure(server)
        finally:
            server.stop()


def measure(server: Server) -> None:
    project = server.call("projects/", {"name": "Survival", "modality": "text"})["id"]
    server.upload(project, "data.csv", data(), COLUMNS)
    configuration = {
        "oracle": "known", "seed_size": 60, "batch_size": 20,
        "strategy": {"name": "k_center"}, "stop": [{"name": "budget", "labels": 300}],
    }  # fmt: skip

    def start() -> int:
        # Another random state makes other features, so that "preparing" takes its time; the curve is compared with its twin's.
        body = {
            "kind": "development",
            "project": project,
            "start": True,
            "configuration": configuration,
        }
        return server.call("runs/", body)["id"]

    def ended(run: int, limit: float = 180) -> str:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if server.phase(run)[2] not in {"queued", "running"}:
                return server.phase(run)[2]
            time.sleep(0.02)
        return "did not end"

    def fresh_features() -> None:
        subprocess.run(["rm", "-rf", str(server.folder / "features")], check=True)

    twin = start()
    print(f"undisturbed: {ended(twin)}, {len(server.curve(twin)[0])} rounds, {len(server.curve(twin)[1])} queries")
    for what in [*PHASES, "redis"]:
        if what == "preparing":
            fresh_features()
        run = start()
        reached = wait_for(server, run, "training" if what == "redis" else what, 0 if what == "preparing" else 3)
        killed_at, before = time.monotonic(), server.phase(run)
        killed = server.kill("redis" if what == "redis" else "workers")
        while server.phase(run)[1] <= before[1] and server.phase(run)[2] in {"queued", "running"}:
            time.sleep(0.02)
        went_on = time.monotonic() - killed_at
        status = ended(run)
        same = server.curve(run) == server.curve(twin)
        who = "Redis" if what == "redis" else "worker"
        print(
            f"killed {killed} {who} processes in {before[0]:<10} ({'caught' if reached else 'MISSED'}): next round after "
            f"{went_on:4.1f} s, {status}, {'same curve' if same else 'CURVE DIFFERS'}"
        )


def wait_for(server: Server, run: int, phase: str, rounds: int) -> bool:
    """Look at the database without pause until the trial is in the phase (after that many rounds)."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = server.phase(run)
        if now[0] == phase and now[1] >= rounds:
            return True
        if now[2] not in {"queued", "running", ""}:
            return False
    return False


if __name__ == "__main__":
    main()
