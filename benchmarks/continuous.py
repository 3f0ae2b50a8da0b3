"""Continuous mode proven: people label all the time, the learner trains all the time, and nobody waits for the other.

    python benchmarks/continuous.py --data FOLDER [--set banking77] [--annotators 20] [--think 2] [--seconds 120]

FOLDER holds text/banking77.csv and text/trec6.csv (ALAMBIC_DATA). A real server (`manage.py start`: web, two workers, Redis) in a
folder of its own; the annotators are threads of another process that speak HTTP as the labelling page does: an answer brings the
next items, three are held ahead. One in five is slow: every tenth item lies on their screen for ten times as long, so that
batches close without it and its answer comes late. They answer with the true label.

Told afterwards, from what the annotators saw and from the database:
* how often somebody found nothing to do although the pool had items (must be 0; before the first ranking not counted),
* how long it took from the answer that closed a batch to the new ranking, and to the first item of it that was served,
* that batches closed at their quorum, how much was asked again by a later ranking, and how many answers came late,
* that every answer counts: the last training has learnt from every one of them.
"""

import argparse
import csv
import http.client
import json
import multiprocessing
import os
import random
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.server import Server  # noqa: E402

AHEAD = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ALAMBIC_DATA"))
    parser.add_argument("--set", default="banking77", choices=["banking77", "trec6"])
    parser.add_argument("--annotators", type=int, default=20)
    parser.add_argument("--think", type=float, default=2.0, help="seconds that a person looks at an item, on average")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long they label")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--quorum", type=float, default=0.9)
    parser.add_argument("--port", type=int, default=8826)
    chosen = parser.parse_args()
    if not chosen.data:
        parser.error("Say where the data are: --data FOLDER, or ALAMBIC_DATA.")
    with tempfile.TemporaryDirectory(prefix="alambic-continuous-") as folder:
        server = Server(Path(folder), chosen.port)
        try:
            passed = measure(chosen, server, folder)
        finally:
            server.stop()
    sys.exit(0 if passed else 1)


def measure(chosen: argparse.Namespace, server: Server, folder: str) -> bool:
    with open(chosen.data / "text" / f"{chosen.set}.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings", "REDIS_URL": "redis://127.0.0.1:1"}
    import django

    django.setup()
    project, tokens = people(chosen, sorted({row["label"] for row in rows}))
    content = "\n".join(json.dumps({"id": str(i), "text": row["text"]}) for i, row in enumerate(rows)).encode()
    server.upload(project, "items.jsonl", content, {"text_column": "text", "key_column": "id"})
    configuration = {
        "mode": "continuous", "batch_size": chosen.batch, "quorum": chosen.quorum, "seed_size": 200, "test_ratio": 0.02,
        "stop": [{"name": "budget", "labels": len(rows)}],
    }  # fmt: skip
    body = {"project": project, "kind": "development", "configuration": configuration, "start": True}
    run = server.call("runs/", body)["id"]
    while server.phase(run)[0] != "waiting":
        time.sleep(0.1)
    heard = drive(chosen, project, tokens, {str(i): row["label"] for i, row in enumerate(rows)}, run, folder)
    time.sleep(1)
    server.call(f"runs/{run}/stop/", {})  # what came since is learnt once more
    while server.status(run) not in {"stopped", "finished", "failed"}:
        time.sleep(0.2)
    return report(chosen, run, heard)


def people(chosen: argparse.Namespace, labels: list[str]) -> tuple[int, list[str]]:
    from django.db import connections, transaction
    from rest_framework.authtoken.models import Token

    from projects.models import Label, Membership, Project, User

    with transaction.atomic():
        project = Project.objects.create(name="Continuous", plain_order="none")
        Membership.objects.create(project=project, user=User.objects.get(username="admin"), role="manager")
        rows = [Label(project=project, name=name, color="#0072b2", position=i) for i, name in enumerate(labels)]
        Label.objects.bulk_create(rows)
        users = User.objects.bulk_create(User(username=f"annotator-{i}") for i in range(chosen.annotators))
        Membership.objects.bulk_create(Membership(project=project, user=user, role="annotator") for user in users)
        tokens = Token.objects.bulk_create(Token(user=user, key=secrets.token_hex(20)) for user in users)
    connections.close_all()
    return project.pk, [token.key for token in tokens]


class Annotator(threading.Thread):
    """Holds three items ahead, thinks, answers, and says when there was nothing to do."""

    def __init__(self, chosen: argparse.Namespace, project: int, token: str, number: int, truth: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.chosen, self.truth, self.rng, self.slow = chosen, truth, random.Random(number), number % 5 == 0
        self.path = f"/api/projects/{project}/"
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPConnection("127.0.0.1", chosen.port, timeout=60)
        self.ahead: list[dict] = []
        self.seen: set[int] = set()
        self.empty: list[tuple[float, float]] = []  # when, and for how long
        self.seconds: list[tuple[float, float]] = []  # when an answer was sent, and how long it took
        self.outcomes: Counter = Counter()

    def run(self) -> None:
        begun = time.time()
        time.sleep(self.rng.uniform(0, self.chosen.think))
        while time.time() - begun < self.chosen.seconds:
            if not self.ahead:
                self.take(self.post("next/", {"count": AHEAD}))
            if not self.ahead:
                since = time.time()
                while not self.ahead and time.time() - begun < self.chosen.seconds:
                    time.sleep(0.2)
                    self.take(self.post("next/", {"count": AHEAD}))
                self.empty.append((since, time.time() - since))
                continue
            item = self.ahead.pop(0)
            lies = 10 if self.slow and self.rng.random() < 0.1 else self.rng.uniform(0.5, 1.5)
            time.sleep(self.chosen.think * lies)
            body = {"assignment": item["assignment"], "item": item["item"], "value": self.truth[item["key"]]}
            body |= {"seconds": self.chosen.think, "token": secrets.token_hex(12), "next": AHEAD}
            started = time.perf_counter()
            said = self.post("annotations/", body)
            self.seconds.append((time.time(), time.perf_counter() - started))
            self.outcomes[said.get("outcome", "refused")] += 1
            self.take(said.get("next", []))

    def take(self, items: list[dict]) -> None:
        new = [item for item in items if item["item"] not in self.seen]
        self.seen |= {item["item"] for item in new}
        self.ahead += new

    def post(self, path: str, body: dict):
        for last in (False, True):
            try:
                self.connection.request("POST", self.path + path, json.dumps(body), self.headers)
                answer = self.connection.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, OSError):
                self.connection.close()
                if last:
                    raise
        if answer.status >= 400:
            self.outcomes[f"status {answer.status}"] += 1
            return {} if path == "annotations/" else []
        return json.loads(content)


def drive(chosen, project: int, tokens: list[str], truth: dict[str, str], run: int, folder: str) -> list[dict]:
    results = multiprocessing.get_context("fork").Queue()

    def work() -> None:
        team = [Annotator(chosen, project, token, number, truth) for number, token in enumerate(tokens)]
        for person in team:
            person.start()
        for person in team:
            person.join()
        results.put([{"empty": p.empty, "seconds": p.seconds, "outcomes": p.outcomes} for p in team])

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    heard = results.get()
    process.join()
    return heard


def report(chosen: argparse.Namespace, run_id: int, heard: list[dict]) -> bool:
    from annotation.models import Annotation, Assignment, Purpose, Query, Verdict
    from learning.models import Round, Run

    run = Run.objects.get(pk=run_id)
    trial = run.trials.get()
    rounds = list(Round.objects.filter(trial=trial).order_by("number"))
    first_ranking = rounds[0].created_at.timestamp() if rounds else float("inf")
    answers = sum(len(person["seconds"]) for person in heard)
    empties = [(since, long) for person in heard for since, long in person["empty"]]
    waited = [long for since, long in empties if since + long > first_ranking and since > first_ranking]
    before = [long for since, long in empties if since <= first_ranking]
    print(f"{chosen.set}: {chosen.annotators} annotators, {chosen.think:g} s of thought, {chosen.seconds:g} s; ", end="")
    print(f"{answers} answers = {answers / chosen.seconds:.1f}/s, {len(rounds)} rounds of {chosen.batch}, {run.status}")
    outcomes = sum((person["outcomes"] for person in heard), Counter())
    print("  outcomes", dict(outcomes))
    took = [pair for person in heard for pair in person["seconds"]]
    early, later = [s for at, s in took if at <= first_ranking], [s for at, s in took if at > first_ranking]
    print("  submit, before the first ranking:", spread(early, 1000, "ms"), "; after it:", spread(later, 1000, "ms"))
    print(f"  found nothing to do while the pool had items: {len(waited)} times", f"({sum(waited):.1f} s)" if waited else "")
    print(f"  before the first ranking (seed and test items being finished): {len(before)} times, {sum(before):.1f} s in all")
    print("  a round:", spread([sum(row.timings.values()) for row in rounds[:-1]], 1, "s"))

    ready, served = [], []
    closed = sorted(
        Query.objects.filter(trial=trial, status="answered").exclude(purpose=Purpose.TEST).values_list("closed_at", flat=True)
    )
    read = [run.started_at.timestamp() + row.elapsed for row in rounds]
    needed = max(1, -(-int(chosen.quorum * chosen.batch * 1000) // 1000))
    stamps = [t.timestamp() for t in closed]
    created = dict(
        Assignment.objects.filter(query__trial=trial).order_by("-created_at").values_list("query__round_number", "created_at")
    )
    for earlier, row, when in zip(rounds, rounds[1:], read, strict=False):
        since = [t for t in stamps if t >= when]
        if len(since) >= needed and row.created_at.timestamp() > since[needed - 1]:
            ready.append(row.created_at.timestamp() - max(since[needed - 1], earlier.created_at.timestamp()))
            if row.number in created:
                served.append(created[row.number].timestamp() - max(since[needed - 1], earlier.created_at.timestamp()))
    print("  from the answer that closed a batch (and a free learner) to the new ranking:", spread(ready, 1, "s"))
    print("  ... to the first item of it that was served:", spread(served, 1, "s"))
    grown = [b.n_labeled - a.n_labeled for a, b in zip(rounds, rounds[1:], strict=False)]
    print("  new labels a round:", spread(grown, 1, ""))

    at = {row.number: row.created_at for row in rounds}
    again = sum(
        number in at and (at[number] - created).total_seconds() > 1
        for number, created in Query.objects.filter(trial=trial, round_number__gt=0).values_list("round_number", "created_at")
    )
    given = Annotation.objects.filter(query__trial=trial, current=True, withdrawn_at=None)
    asked_in = given.filter(query__in_batch=True).values_list("query__round_number", "created_at")
    late = sum(number + 1 in at and when > at[number + 1] for number, when in asked_in)
    unclosed = Counter(Query.objects.filter(trial=trial, in_batch=True, round_number__gt=0).values_list("status", flat=True))
    print(f"  asked again by a later ranking: {again} items; answers of a batch after the next ranking was there: {late}")
    print("  batches' items now:", dict(unclosed))
    settled = Verdict.objects.filter(project=run.project, current=True).values_list("item", flat=True)
    tested = Query.objects.filter(trial=trial, purpose=Purpose.TEST).values_list("item", flat=True)
    learnt, there = rounds[-1].n_labeled, len(set(settled) - set(tested))
    print(f"  labels that the last training learnt from: {learnt} of {there}")
    return not waited and learnt == there and not any(key.startswith("status") for key in outcomes)


def spread(values: list[float], factor: float, unit: str) -> str:
    if not values:
        return "none"
    values = sorted(values)
    p50, p95 = (factor * values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.95))
    return f"p50 {p50:.3g} {unit}, p95 {p95:.3g} {unit}, most {factor * values[-1]:.3g} {unit} (n={len(values)})"


if __name__ == "__main__":
    main()
