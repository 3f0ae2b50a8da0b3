"""How fast does a team get items and give answers, and is any item asked twice or any answer lost?

    python benchmarks/annotators.py --annotators 20 --think 2      a team at work
    python benchmarks/annotators.py --annotators 10 --think 0      as fast as they can
    python benchmarks/annotators.py --overlap 2 --way page         two people per item, as the labelling page asks
    python benchmarks/annotators.py --overlap 3 --share 0.1 --reserve 0.5 --gold 0.1    all of the queue's rules at once
    python benchmarks/annotators.py --plain random                 before the first run: the project's own order

It starts the product's web server (gunicorn, two processes of eight threads) over a database of its own: SQLite in a temporary
folder, or the one of DATABASE_URL. The annotators are threads of other processes that speak plain HTTP with a token. They send
one answer in fifty twice, and afterwards the database is asked what became of every answer that was acknowledged.

`--way rest`: POST next/, POST annotations/, each timed. `--way page`: the answer brings the next items along.
Latencies are the clients', so they contain the clients' own waiting for a core.
"""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LABELS = ["ham", "spam", "eggs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotators", type=int, default=10)
    parser.add_argument("--think", type=float, default=0, help="seconds that a person looks at an item")
    parser.add_argument("--seconds", type=float, default=20, help="how long they label")
    parser.add_argument("--overlap", type=int, default=1, help="answers per item")
    parser.add_argument("--share", type=float, default=1, help="the share of the items that want so many answers")
    parser.add_argument("--reserve", type=float, default=0, help="the share of the items that are reserved, shared out evenly")
    parser.add_argument("--gold", type=float, default=0, help="the share of everybody's items that is gold")
    parser.add_argument("--plain", choices=["import", "random"], help="no run: items in the project's own order")
    parser.add_argument("--way", choices=["rest", "page"], default="rest")
    parser.add_argument("--items", type=int, default=0, help="0: enough for 400 answers/s")
    parser.add_argument("--history", type=int, default=0, help="earlier answers of each annotator")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alambic-queue-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings", "REDIS_URL": "redis://127.0.0.1:1"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        project, tokens = prepare(chosen)
        with web_server() as (port, server):
            begun = processor_seconds(server)
            heard, clients = drive(chosen, port, project, tokens)
            spent = {"web server": processor_seconds(server) - begun, "clients": clients}
        passed = report(chosen, heard, spent) & verify(chosen, project, heard)
    sys.exit(0 if passed else 1)


def prepare(chosen: argparse.Namespace) -> tuple[int, list[str]]:
    """A project whose queries are open; its id and a token for each annotator."""
    from django.core.management import call_command
    from django.db import transaction
    from rest_framework.authtoken.models import Token

    from annotation import golds, handing_out
    from annotation.models import Annotation, Purpose, Verdict
    from annotation.queries import Ask, ask
    from learning.models import Run, Trial
    from projects.models import Dataset, Item, Label, Membership, Project, User

    call_command("migrate", verbosity=0)
    mark = secrets.token_hex(4)
    n = chosen.items or int(min(400, chosen.annotators / (chosen.think or 0.01)) * (chosen.seconds + 5) / chosen.overlap) + 200
    with transaction.atomic():
        project = Project.objects.create(
            name=f"Queue {mark}", annotators_per_item=chosen.overlap, overlap=chosen.share, gold_share=chosen.gold,
            plain_order=chosen.plain or "import",
        )  # fmt: skip
        labels = [Label.objects.create(project=project, name=name, color="#0072b2") for name in LABELS]
        dataset = Dataset.objects.create(project=project, name="made up", status="finished")
        users = User.objects.bulk_create(User(username=f"annotator-{mark}-{i}") for i in range(chosen.annotators))
        Membership.objects.bulk_create(Membership(project=project, user=user, role="annotator") for user in users)
        tokens = Token.objects.bulk_create(Token(user=user, key=secrets.token_hex(20)) for user in users)
        rows = [Item(project=project, dataset=dataset, key=f"k{i}", content=f"text {i} " * 12) for i in range(n + chosen.history)]
        items = Item.objects.bulk_create(rows, batch_size=2000)
        if chosen.gold:
            known = [Item(project=project, dataset=dataset, key=f"g{i}", content=f"gold {i} " * 12) for i in range(500)]
            known = Item.objects.bulk_create(known)
            Verdict.objects.bulk_create(Verdict(project=project, item=i, value=labels[0].pk, source="imported") for i in known)
            golds.mark(project, project.items.filter(key__startswith="g"), users[0])
        if chosen.reserve:
            last = items[max(1, int(n * chosen.reserve)) - 1].pk
            handing_out.reserve(project, project.items.filter(pk__lte=last, key__startswith="k"), users)
        if chosen.plain:
            return project.pk, [token.key for token in tokens]
        run = Run.objects.create(project=project, status="running", configuration={"stop": [{"name": "budget", "labels": n}]})
        # A phase in which answers wake nobody: the learner is at work, as it is most of the time in the continuous mode.
        trial = Trial.objects.create(run=run, strategy="margin", batch_size=100, phase="training", round_number=1)
        asks = [Ask(item.pk, rank, Purpose.QUERY, "margin", 0.5, in_batch=rank <= 100) for rank, item in enumerate(items[:n], 1)]
        ask(project, trial, 1, asks, wanted=chosen.overlap)
        earlier = [
            Annotation(project=project, item=item, user=user, value=labels[0].pk, token=secrets.token_hex(12))
            for user in users
            for item in items[n:]
        ]
        Annotation.objects.bulk_create(earlier, batch_size=2000)
    return project.pk, [token.key for token in tokens]


@contextlib.contextmanager
def web_server():
    """The product's web server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "alambic_site.wsgi:application", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    command += [
        "--worker-class",
        "gthread",
        "--threads",
        os.environ.get("WEB_THREADS", "8"),
        "--keep-alive",
        "75",
        "--preload",
        "--log-level",
        "warning",
        "--no-control-socket",
    ]
    command += ["--worker-tmp-dir", "/dev/shm"] if os.access("/dev/shm", os.W_OK) else []
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if server.poll() is not None:
                sys.exit("The web server ended at once; the lines above say why.")
            time.sleep(0.05)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def processor_seconds(pid: int) -> float:
    """What a process and its children have had of the processors."""
    import psutil

    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(times.user + times.system for times in (process.cpu_times() for process in family))


class Annotator(threading.Thread):
    """One person: gets an item, thinks, answers, and so on until the time is over."""

    def __init__(self, chosen: argparse.Namespace, port: int, project: int, token: str, number: int) -> None:
        super().__init__(daemon=True)
        self.chosen, self.number, self.rng = chosen, number, random.Random(number)
        self.path = f"/api/projects/{project}/"
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.seconds: dict[str, list[float]] = {"next": [], "submit": []}
        self.status: Counter = Counter()
        self.handed_out: list[int] = []
        self.acknowledged: list[str] = []
        self.outcomes: Counter = Counter()

    def run(self) -> None:
        begun = time.monotonic()
        # People do not all look up at the same moment.
        time.sleep(self.rng.uniform(0, self.chosen.think))
        self.request("next", "next/", {"count": 1})  # the server's first request is not what is measured
        self.seconds["next"].clear()
        ahead: list[dict] = []
        while time.monotonic() - begun < self.chosen.seconds:
            if not ahead:
                ahead = self.take(self.request("next", "next/", {"count": 4 if self.chosen.way == "page" else 1}))
                if not ahead:
                    self.outcomes["nothing open"] += 1
                    time.sleep(0.2)
                    continue
            item = ahead.pop(0)
            time.sleep(self.chosen.think * self.rng.uniform(0.5, 1.5))
            ahead += self.take(self.answer(item))
        self.connection.close()

    def answer(self, item: dict) -> list[dict]:
        label = LABELS[item["item"] % 3] if self.rng.random() < 0.85 else self.rng.choice(LABELS)
        body = {"assignment": item["assignment"], "item": item["item"], "value": label, "seconds": self.chosen.think}
        body |= {"token": secrets.token_hex(12), "next": 4 if self.chosen.way == "page" else 0}
        said = self.request("submit", "annotations/", body)
        if self.rng.random() < 0.02:  # the answer got lost on its way back: sent again
            self.acknowledge(body["token"], said)
            said = self.request("submit", "annotations/", body)
        self.acknowledge(body["token"], said)
        return said.get("next", [])

    def acknowledge(self, token: str, said: dict) -> None:
        if "outcome" in said:
            self.outcomes[said["outcome"]] += 1
            if said["outcome"] != "repeated":
                self.acknowledged.append(token)

    def take(self, items: list[dict]) -> list[dict]:
        """Those that are new; with `next` the page is also told what it holds already."""
        held = set(self.handed_out)
        new = [item for item in items if item["item"] not in held]
        self.handed_out += [item["item"] for item in new]
        return new

    def request(self, what: str, path: str, body: dict) -> dict | list:
        begun = time.perf_counter()
        try:
            response, content = self.send(path, body)
        except (http.client.HTTPException, OSError):  # the server had ended the idle connection: once more, on a new one
            self.connection.close()
            response, content = self.send(path, body)
        self.seconds[what].append(time.perf_counter() - begun)
        self.status[response.status] += 1
        if response.status >= 400:
            print("answered", response.status, content[:300])
            return [] if what == "next" else {}
        return json.loads(content)

    def send(self, path: str, body: dict) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request("POST", self.path + path, json.dumps(body), self.headers)
        response = self.connection.getresponse()
        return response, response.read()


def drive(chosen: argparse.Namespace, port: int, project: int, tokens: list[str]) -> tuple[list[dict], float]:
    """All annotators at once, in two processes; what each of them saw, and the processor time of all of them."""
    from django.db import connections

    connections.close_all()  # a forked process must not share them
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def work(mine: list[tuple[int, str]]) -> None:
        begun = time.process_time()
        people = [Annotator(chosen, port, project, token, number) for number, token in mine]
        for person in people:
            person.start()
        for person in people:
            person.join()
        kept = ["number", "seconds", "status", "handed_out", "acknowledged", "outcomes"]
        seen = [{name: getattr(person, name) for name in kept} for person in people]
        results.put((seen, time.process_time() - begun))

    numbered = list(enumerate(tokens))
    parts = [part for part in (numbered[::2], numbered[1::2]) if part]
    processes = [context.Process(target=work, args=(part,)) for part in parts]
    for process in processes:
        process.start()
    heard = [results.get() for _ in parts]
    for process in processes:
        process.join()
    return [person for people, _ in heard for person in people], sum(spent for _, spent in heard)


def report(chosen: argparse.Namespace, heard: list[dict], spent: dict[str, float]) -> bool:
    answers = sum(len(person["acknowledged"]) for person in heard)
    print(f"{chosen.annotators} annotators, think {chosen.think:g} s, {chosen.overlap} per item, {chosen.way}: ", end="")
    print(f"{answers} answers in {chosen.seconds:g} s = {answers / chosen.seconds:.1f} answers/s")
    each = ", ".join(f"{who} {1000 * seconds / max(1, answers):.2f} ms" for who, seconds in spent.items())
    print(f"  processor time of each answer: {each} (a database server's is not in it)")
    for what in ("next", "submit"):
        times = sorted(second for person in heard for second in person["seconds"][what])
        if times:
            p50, p95, p99 = (1000 * times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.95, 0.99))
            print(f"  {what:<7} n={len(times):<6} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   p99 {p99:6.1f} ms")
    status, outcomes = sum((person["status"] for person in heard), Counter()), sum((p["outcomes"] for p in heard), Counter())
    print("  status ", dict(sorted(status.items())), " outcomes ", dict(outcomes))
    return answers > 0 and not any(code >= 400 for code in status)


def verify(chosen: argparse.Namespace, project: int, heard: list[dict]) -> bool:
    """What the database says of it. Everything here must be 0."""
    from django.db.models import Count, F

    from annotation.models import Annotation, Assignment, Gold, Query, Reservation, Verdict

    people = Counter(item for person in heard for item in set(person["handed_out"]))
    gold = set(Gold.objects.filter(project=project).values_list("item_id", flat=True))
    meant = set(Reservation.objects.filter(project=project).values_list("item_id", "user_id"))
    reserved = {item for item, _ in meant}
    wanted = dict(Query.objects.filter(project=project).values_list("item_id", "wanted"))
    acknowledged = [token for person in heard for token in person["acknowledged"]]
    stored = set(Annotation.objects.filter(project=project, current=True).values_list("token", flat=True))
    mine = Annotation.objects.filter(project=project, query__isnull=False)
    answered = mine.filter(gold=False).values("item").annotate(n=Count("pk"), people=Count("user", distinct=True))
    slots = Assignment.objects.filter(item__project=project, slot__isnull=False)
    # A tie makes an item want one answer more; with two of three labels tied it has a verdict then, or is asked again.
    settled = set(Verdict.objects.filter(project=project, current=True).values_list("item", flat=True))
    # All whom an item is reserved for may have answered, each something else: a reviewer settles that.
    settled |= set(Query.objects.filter(project=project, status="disputed").values_list("item_id", flat=True))
    n_of = {row["item"]: row["n"] for row in answered}
    wrong = {
        "asked of more people than wanted": sum(n > wanted[item] for item, n in people.items() if item not in gold),
        "asked of somebody for whom it is not reserved": sum(
            place not in meant for place in slots.filter(item__in=reserved).values_list("item_id", "user_id")
        )
        if reserved
        else 0,
        "gold that changed a verdict": Verdict.objects.filter(item__in=gold).exclude(source="imported").count() if gold else 0,
        "more slots taken than wanted": slots.filter(slot__gte=F("query__wanted")).count(),
        "lost (acknowledged, not in the database)": sum(token not in stored for token in acknowledged),
        "doubled": sum(row["n"] != row["people"] for row in answered) + len(acknowledged) - len(set(acknowledged)),
        "stored, but never acknowledged": mine.count() - len(set(acknowledged)),
        "enough answers, and neither settled nor asked further": sum(
            n >= wanted[item] and item not in settled for item, n in n_of.items()
        ),
    }
    if gold:
        print(f"  {mine.filter(gold=True).count()} of {mine.count()} answers were to gold")
    for what, n in wrong.items():
        print(f"  {n} {what}")
    return not any(wrong.values())


if __name__ == "__main__":
    main()
