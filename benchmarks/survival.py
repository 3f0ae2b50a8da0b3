"""kill -9 of the workers in each phase of a round, and of Redis: does the run end by itself, with the same curve?

    python benchmarks/survival.py

Starts the real thing (`manage.py start`) in a folder of its own, makes a text project by REST, runs it once undisturbed, then
once per phase with every worker process killed (SIGKILL) in that phase, and once with Redis killed. Prints, for each: seconds
until the run went on, and whether every round's metrics and every query (item, rank, score) equal those of the undisturbed run.
"""

import argparse
import csv
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PHASES = ["preparing", "training", "predicting", "evaluating", "selecting"]


class Server:
    """`manage.py start` on a free port, with a REST client of its admin."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.base = folder, f"http://127.0.0.1:{port}"
        env = os.environ | {"VAR_DIR": str(folder), "PORT": str(port), "DEMO": "0", "ADMIN_PASSWORD": "benchmark", "WORKERS": "2"}
        self.process = subprocess.Popen([sys.executable, "manage.py", "start"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        self.token = None
        for _ in range(600):
            try:
                self.token = self.call("token/", {"username": "admin", "password": "benchmark"})["token"]
                break
            except OSError:
                time.sleep(0.2)
        self.database = sqlite3.connect(f"file:{folder}/alambic.sqlite3?mode=ro", uri=True)

    def call(self, path: str, body: dict | None = None, *, data: bytes | None = None, kind: str = "application/json"):
        headers = {"Content-Type": kind} | ({"Authorization": f"Token {self.token}"} if self.token else {})
        data = json.dumps(body).encode() if body is not None else data
        with urllib.request.urlopen(urllib.request.Request(f"{self.base}/api/{path}", data, headers), timeout=60) as answer:
            return json.load(answer)

    def phase(self, run: int) -> tuple[str, int, str]:
        query = (
            "SELECT t.phase, t.round_number, r.status FROM learning_trial t JOIN learning_run r ON r.id = t.run_id WHERE r.id = ?"
        )
        return self.database.execute(query, (run,)).fetchone() or ("", 0, "")

    def curve(self, run: int) -> tuple:
        rounds = "SELECT o.number, o.n_labeled, o.metrics, o.confusion FROM learning_round o"
        rounds += " JOIN learning_trial t ON t.id = o.trial_id"
        queries = (
            "SELECT q.round_number, q.rank, q.item_id, q.score FROM annotation_query q JOIN learning_trial t ON t.id = q.trial_id"
        )
        ordered = "WHERE t.run_id = ? ORDER BY 1, 2, 3"
        return tuple(self.database.execute(f"{sql} {ordered}", (run,)).fetchall() for sql in (rounds, queries))

    def kill(self, what: str) -> int:
        """SIGKILL to the workers (and the processes that they forked) or to Redis; how many processes."""
        killed = 0
        for child in psutil.Process(self.process.pid).children(recursive=True):
            words = " ".join(child.cmdline())
            if (what == "workers" and "manage.py work" in words) or (what == "redis" and "redis-server" in words):
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
        return killed

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


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


def multipart(name: str, content: bytes) -> tuple[bytes, str]:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    fields = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in COLUMNS.items())
    return fields.encode() + head.encode() + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


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
    content, kind = multipart("data.csv", data())
    dataset = server.call(f"projects/{project}/datasets/", data=content, kind=kind)["id"]
    while (state := server.call(f"projects/{project}/datasets/{dataset}/"))["status"] in {"queued", "running"}:
        time.sleep(0.2)
    assert state["status"] == "finished", state
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
