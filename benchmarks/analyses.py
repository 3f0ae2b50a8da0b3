"""Analyses on the real thing: how fast, how they grow with the workers, and whether anything but their plan decides.

    python benchmarks/analyses.py speed --data FOLDER [--sets banking77 mnist_5k mammography] [--workers 1 2] [--repeats 3]
    python benchmarks/analyses.py kills [--workers 1 2 4] [--kills 20]
    python benchmarks/analyses.py aa [--runs 200]

speed: 6 strategies x 2 batch sizes x 5 folds x repeats, by REST, on a server of its own per number of workers: wall time, rounds
per second, the peak memory of a worker, and whether all curves equal those of the first server bit for bit. kills: the same
analysis with 1, 2 and 4 workers, then with SIGKILL at random moments to all workers. aa: random against random, from
arrays: how often the report calls a difference (it should be at most 1 in 20).
"""

import argparse
import hashlib
import io
import os
import random
import signal
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from server import Server  # noqa: E402

STRATEGIES = ["random", "least_confidence", "margin", "entropy", "k_center", "badge"]
SETS = {  # kind, columns, batch sizes, seed size, most labels
    "banking77": ("text", {"text_column": "text", "label_column": "label"}, [25, 100], 154, 1154),
    "mnist_5k": ("image", {}, [25, 100], 50, 550),
    "mammography": ("table", {"label_column": "label"}, [25, 100], 100, 600),
}


def upload(server: Server, folder: Path, name: str) -> int:
    kind, columns, *_ = SETS[name]
    project = server.call("projects/", {"name": name, "modality": kind})["id"]
    if kind == "image":
        buffer = io.BytesIO((folder / "images" / f"{name}.zip").read_bytes())
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.write(folder / "images" / f"{name}.csv", "labels.csv")
        server.upload(project, f"{name}.zip", buffer.getvalue(), columns)
    else:
        folder = folder / ("text" if kind == "text" else "tabular")
        server.upload(project, f"{name}.csv", (folder / f"{name}.csv").read_bytes(), columns)
    return project


def curves(server: Server, run: int) -> dict[tuple, str]:
    """Cell -> a hash over its rounds: labels, scores and what was asked."""
    sql = """SELECT t.strategy, t.batch_size, t.fold, t.repeat, o.number, o.n_labeled, o.metrics, o.asked
             FROM learning_round o JOIN learning_trial t ON t.id = o.trial_id WHERE t.run_id = ? ORDER BY 1, 2, 3, 4, 5"""
    found: dict[tuple, hashlib._Hash] = {}
    for *cell, number, labels, metrics, asked in server.database.execute(sql, (run,)):
        found.setdefault(tuple(cell), hashlib.sha256()).update(f"{number} {labels} {metrics} {asked}".encode())
    return {cell: digest.hexdigest() for cell, digest in found.items()}


class Memory(threading.Thread):
    """The most that one process of a worker held at a time (resident, shared pages included), in MB."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.most, self.ended = server, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.25):
            for child in psutil.Process(self.server.process.pid).children(recursive=True):
                try:
                    if "work" in child.cmdline():
                        self.most = max(self.most, child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def analyse(server: Server, project: int, configuration: dict, meanwhile=None) -> tuple[int, float]:
    begun = time.perf_counter()
    body = {"kind": "analysis", "project": project, "start": True, "configuration": configuration}
    run = server.call("runs/", body)["id"]
    while server.status(run) in {"queued", "running"}:
        if meanwhile:
            meanwhile(run)
        time.sleep(0.1)
    assert server.status(run) == "finished", server.status(run)
    return run, time.perf_counter() - begun


def speed(arguments: argparse.Namespace) -> None:
    print("| data set | workers | trials | rounds | seconds | rounds a second | peak memory of a worker | curves |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.sets:
        first, seconds_of_one = None, None
        for workers in arguments.workers:
            with tempfile.TemporaryDirectory(prefix="alambic-analyses-") as folder:
                server = Server(Path(folder), arguments.port, workers)
                try:
                    project = upload(server, Path(arguments.data), name)
                    *_, batch_sizes, seed_size, most = SETS[name]
                    plan = {
                        "strategies": STRATEGIES, "batch_sizes": batch_sizes, "folds": 5, "repeats": arguments.repeats,
                        "seed_size": seed_size, "max_labels": most,
                    }  # fmt: skip
                    memory = Memory(server)
                    memory.start()
                    run, seconds = analyse(server, project, plan)
                    memory.ended.set()
                    found = curves(server, run)
                    rounds = server.database.execute(
                        "SELECT count(*) FROM learning_round o JOIN learning_trial t ON t.id = o.trial_id WHERE t.run_id = ?",
                        (run,),
                    ).fetchone()[0]
                finally:
                    server.stop()
            same = "first" if first is None else "the same" if found == first else "DIFFERENT"
            faster = "" if seconds_of_one is None else f" ({seconds_of_one / seconds:.2f} times faster)"
            first, seconds_of_one = first or found, seconds_of_one or seconds
            print(
                f"| {name} | {workers} | {len(found)} | {rounds} | {seconds:.0f}{faster} | {rounds / seconds:.0f} | "
                f"{memory.most:.0f} MB | {same} |",
                flush=True,
            )


def kills(arguments: argparse.Namespace) -> None:
    from survival import data

    plan = {"strategies": STRATEGIES, "batch_sizes": [10, 40], "folds": 3, "repeats": 2, "seed_size": 60, "max_labels": 300}
    first = None
    for workers in arguments.workers:
        with tempfile.TemporaryDirectory(prefix="alambic-analyses-") as folder:
            server = Server(Path(folder), arguments.port, workers)
            try:
                project = server.call("projects/", {"name": "Kills", "modality": "text"})["id"]
                server.upload(
                    project, "data.csv", data(1500), {"text_column": "text", "label_column": "label", "key_column": "id"}
                )
                run, seconds = analyse(server, project, plan)
                found = curves(server, run)
                words = "the first" if first is None else "the same curves" if found == first else "CURVES DIFFER"
                print(f"{workers} workers: {len(found)} trials in {seconds:.0f} s, {words}", flush=True)
                first = first or found
                if workers != arguments.workers[-1]:
                    continue
                killer = Killer(server, arguments.kills)
                run, seconds = analyse(server, project, plan, killer)
                found = curves(server, run)
                words = "the same curves" if found == first else "CURVES DIFFER"
                print(f"{killer.killed} kills ({killer.processes} processes): {len(found)} trials in {seconds:.0f} s, {words}")
            finally:
                server.stop()


class Killer:
    """SIGKILL to a worker and the process of its job, at random moments."""

    def __init__(self, server: Server, kills: int) -> None:
        self.server, self.left, self.killed, self.processes = server, kills, 0, 0
        self.random = random.Random(0)
        self.next = time.monotonic() + 1

    def __call__(self, run: int) -> None:
        if not self.left or time.monotonic() < self.next:
            return
        workers = [
            child for child in psutil.Process(self.server.process.pid).children() if "manage.py work" in " ".join(child.cmdline())
        ]
        if not workers:
            return
        victim = self.random.choice(workers)
        for process in [*victim.children(recursive=True), victim]:
            try:
                os.kill(process.pid, signal.SIGKILL)
                self.processes += 1
            except ProcessLookupError:
                continue
        self.left, self.killed = self.left - 1, self.killed + 1
        self.next = time.monotonic() + self.random.uniform(0.5, 3.0)


def aa(arguments: argparse.Namespace) -> None:
    import numpy as np
    from sklearn.datasets import load_digits

    from learning import engine
    from learning.engine import evaluation

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    learner = {"name": "gaussian_nb"} if "gaussian_nb" in engine.learners else engine.default_settings("image")["learner"]
    called = 0
    for number in range(arguments.runs):
        rounds = engine.analyse(
            X, y, strategies={"random": {"name": "random"}, "random #2": {"name": "random"}}, batch_sizes=[25], learner=learner,
            repeats=arguments.repeats, seed_size=25, max_labels=150, seed=number,
        )  # fmt: skip
        found = evaluation.report(evaluation.curves_from_frame(rounds), "accuracy")
        other = next(s for s in found["cells"][0]["strategies"] if s["name"] != "random")
        called += other["difference"]["verdict"] != "none"
    print(f"A/A: {called} of {arguments.runs} runs called a difference ({called / arguments.runs:.1%}; at most 5 % expected).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "kills", "aa"])
    parser.add_argument("--data", default=os.environ.get("ALAMBIC_DATA"), help="folder of the data sets, for speed")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--workers", nargs="+", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--port", type=int, default=8766)
    arguments = parser.parse_args()
    arguments.workers = arguments.workers or ([1, 2, 4] if arguments.what == "kills" else [1, 2])
    if arguments.what == "speed" and not arguments.data:
        parser.error("say where the data sets are: --data FOLDER, or ALAMBIC_DATA")
    {"speed": speed, "kills": kills, "aa": aa}[arguments.what](arguments)


if __name__ == "__main__":
    main()
