"""The real thing for benchmarks: `manage.py start` in a folder of its own, driven by REST as its users do."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


class Server:
    """`manage.py start` on a free port, with a REST client of its admin."""

    def __init__(self, folder: Path, port: int, workers: int = 2) -> None:
        self.folder, self.base = folder, f"http://127.0.0.1:{port}"
        env = os.environ | {
            "VAR_DIR": str(folder),
            "PORT": str(port),
            "DEMO": "0",
            "ADMIN_PASSWORD": "benchmark",
            "WORKERS": str(workers),
        }
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
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.base}/api/{path}", data, headers), timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode(errors="replace")[:500])
            raise

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
        """SIGKILL to the workers, to the web server (each with what they forked) or to Redis; how many processes."""
        killed, words_of = 0, {"workers": "manage.py work", "redis": "redis-server", "web": "gunicorn"}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if words_of[what] in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
        return killed

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)

    def upload(self, project: int, name: str, content: bytes, columns: dict[str, str]) -> int:
        """Import a file and wait for it; the data set's id."""
        body, kind = multipart(name, content, columns)
        dataset = self.call(f"projects/{project}/datasets/", data=body, kind=kind)["id"]
        while (state := self.call(f"projects/{project}/datasets/{dataset}/"))["status"] in {"queued", "running"}:
            time.sleep(0.2)
        assert state["status"] == "finished", state
        return dataset

    def status(self, run: int) -> str:
        return self.database.execute("SELECT status FROM learning_run WHERE id = ?", (run,)).fetchone()[0]


def multipart(name: str, content: bytes, columns: dict[str, str]) -> tuple[bytes, str]:
    head = (
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    fields = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in columns.items())
    return fields.encode() + head.encode() + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
