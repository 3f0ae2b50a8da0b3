"""How fast is the queue, and does it keep its promises under load?

    python benchmarks/annotators.py --annotators 20 --think 2 --seconds 30
    python benchmarks/annotators.py --annotators 10 --think 0 --seconds 20 --overlap 2

Starts gunicorn (2 processes of 8 threads, as `manage.py start` does) over an empty database in a folder of its own, opens many
queries, and lets people answer by REST: each takes one item (`next/`), thinks, and answers (`annotations/`). Prints answers a
second and the latency of both requests as the client sees it, and then asks the database what no load may change: no item
asked of more people than wanted, no acknowledged answer lost, none stored twice.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LABELS = ["first", "second", "third", "fourth"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(n_items: int, annotators: int, overlap: int) -> tuple[int, list[str]]:
    """The project, its people and open queries; (project id, tokens)."""
    import django

    django.setup()
    from rest_framework.authtoken.models import Token

    from annotation.models import Purpose
    from annotation.queries import Ask, ask
    from learning.models import Run, Trial
    from projects.models import Dataset, Item, Label, Membership, Project, User

    project = Project.objects.create(name="Benchmark", annotators_per_item=overlap)
    Label.objects.bulk_create(Label(project=project, name=name, color="#336699", position=i) for i, name in enumerate(LABELS))
    dataset = Dataset.objects.create(project=project, name="items", status="finished")
    rows = (Item(project=project, dataset=dataset, key=f"i{i}", content=f"text number {i} " * 12) for i in range(n_items))
    Item.objects.bulk_create(rows, batch_size=2000)
    configuration = {"stop": [{"name": "budget", "labels": n_items}], "mode": "strict", "oracle": "people", "quorum": 1.0}
    run = Run.objects.create(project=project, status="running", configuration=configuration, n_items=n_items)
    trial = Trial.objects.create(run=run, strategy="margin", batch_size=100, phase="waiting", round_number=1)
    ids = list(project.items.values_list("pk", flat=True))
    asks = [Ask(pk, rank, Purpose.QUERY, "margin", random.random(), None, rank <= 100) for rank, pk in enumerate(ids, 1)]
    ask(project, trial, 1, asks, wanted=overlap)
    tokens = []
    for i in range(annotators):
        user = User.objects.create(username=f"annotator{i}")
        Membership.objects.create(project=project, user=user, role="annotator")
        tokens.append(Token.objects.create(user=user).key)
    return project.pk, tokens


def annotate(number: int, port: int, project: int, token: str, think: float, until: float, results) -> None:
    """One person: take, think, answer. Raw keep-alive HTTP, so that the driver costs little of the two cores."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    took: dict[str, list[float]] = {"next": [], "submit": []}
    statuses: Counter = Counter()
    acknowledged: list[str] = []

    def call(kind: str, path: str, body: dict):
        begin = time.perf_counter()
        connection.request("POST", f"/api/projects/{project}/{path}/", json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read()
        took[kind].append(time.perf_counter() - begin)
        statuses[response.status] += 1
        return json.loads(data) if response.status < 300 else None

    if think:
        time.sleep(random.random() * think)
    count = 0
    while time.time() < until:
        items = call("next", "next", {"count": 1})
        if not items:
            time.sleep(0.2)
            continue
        if think:
            time.sleep(think * random.uniform(0.7, 1.3))
        answer = f"{number}-{count}"
        count += 1
        body = {"assignment": items[0]["assignment"], "value": random.choice(LABELS), "seconds": think, "token": answer}
        if call("submit", "annotations", body):
            acknowledged.append(answer)
    results.put((took, statuses, acknowledged))


def percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    at = {p: 1000 * ordered[min(len(ordered) - 1, int(p * len(ordered) / 100))] for p in (50, 95, 99)}
    return (
        "  ".join(f"p{p} {ms:6.1f} ms" for p, ms in at.items()) + f"  max {1000 * ordered[-1]:6.1f} ms  ({len(ordered)} requests)"
    )


def audit(overlap: int, acknowledged: list[str]) -> dict[str, int]:
    """What must be zero. Ties ask one person more: an item may have as many as its query wants."""
    from django.db.models import Count

    from annotation.models import Annotation, Assignment, Query

    wanted = dict(Query.objects.values_list("item", "wanted"))
    slots = Assignment.objects.filter(slot__isnull=False).values_list("item").annotate(n=Count("pk")).order_by()
    stored = set(Annotation.objects.values_list("token", flat=True))
    twice = Annotation.objects.filter(current=True).values("item", "user").annotate(n=Count("pk")).filter(n__gt=1)
    return {
        "asked too often": sum(n > wanted[item] for item, n in slots),
        "lost": len(set(acknowledged) - stored),
        "doubled": twice.count(),
        "extra answers": Annotation.objects.filter(extra=True).count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--annotators", type=int, default=20)
    parser.add_argument("--think", type=float, default=2.0, help="seconds between taking and answering; 0: none")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--overlap", type=int, default=1, help="answers wanted per item")
    parser.add_argument("--items", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alambic-benchmark-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings", "SECRET_KEY": "benchmark"}
        sys.path.insert(0, str(ROOT))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
        project, tokens = prepare(options.items, options.annotators, options.overlap)
        port = free_port()
        gunicorn = [sys.executable, "-m", "gunicorn", "alambic_site.wsgi", "--workers", "2", "--threads", "8"]
        server = subprocess.Popen([*gunicorn, "--bind", f"127.0.0.1:{port}", "--log-level", "error"], cwd=ROOT)
        try:
            return measure(options, port, project, tokens)
        finally:
            server.terminate()
            server.wait(20)


def measure(options, port: int, project: int, tokens: list[str]) -> int:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    time.sleep(2)  # both processes have loaded the application
    # fork: the drivers share this process' imports; none of them touches the database.
    from django.db import connections

    connections.close_all()
    context = multiprocessing.get_context("fork")
    results, until = context.Queue(), time.time() + options.seconds
    people = [
        context.Process(target=annotate, args=(i, port, project, token, options.think, until, results))
        for i, token in enumerate(tokens)
    ]
    begin = time.time()
    for person in people:
        person.start()
    done = [results.get(timeout=options.seconds + 120) for _ in people]
    took_all = time.time() - begin
    for person in people:
        person.join()
    took = {kind: [s for one, _, _ in done for s in one[kind]] for kind in ("next", "submit")}
    statuses = sum((one for _, one, _ in done), Counter())
    acknowledged = [token for _, _, tokens_ in done for token in tokens_]
    print(f"{options.annotators} annotators, {options.think:g} s of thought, {options.overlap} answers per item")
    print(f"answers   {len(acknowledged) / took_all:6.1f} per second ({len(acknowledged)} in {took_all:.0f} s)")
    print(f"next      {percentiles(took['next'])}")
    print(f"submit    {percentiles(took['submit'])}")
    print(f"statuses  {dict(statuses)}")
    facts = audit(options.overlap, acknowledged) | {"5xx": sum(n for status, n in statuses.items() if status >= 500)}
    print("          " + ", ".join(f"{name}: {n}" for name, n in facts.items()))
    return 1 if any(facts[name] for name in ("asked too often", "lost", "doubled", "5xx")) else 0


if __name__ == "__main__":
    sys.exit(main())
