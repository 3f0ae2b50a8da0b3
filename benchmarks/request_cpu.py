"""What does one request of labelling cost the processor, and how many statements does it send?

    python benchmarks/request_cpu.py                     an answer that brings the next items along, as the page asks
    python benchmarks/request_cpu.py --overlap 3         three people per item
    python benchmarks/request_cpu.py --way rest          POST next/, POST annotations/
    python benchmarks/request_cpu.py --profile           where the time goes

One process calls the WSGI application itself, one request after the other, over a database of its own (SQLite in a temporary
folder, or DATABASE_URL). It counts processor time of this process and not seconds, so a busy machine changes it little; what
the web server, the network and a database server cost is not in it: `benchmarks/annotators.py` prints those.
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import annotators


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--annotators", type=int, default=10)
    parser.add_argument("--overlap", type=int, default=1)
    parser.add_argument("--way", choices=["rest", "page"], default="page")
    parser.add_argument("--plain", choices=["import", "random"], help="no run: items in the project's own order")
    parser.add_argument("--parts", type=int, default=5, help="measured in so many parts; the cheapest is printed too")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--sql", action="store_true", help="print the statements of one answer")
    asked = parser.parse_args()
    chosen = argparse.Namespace(
        annotators=asked.annotators, think=0, seconds=0, overlap=asked.overlap, share=1, reserve=0, gold=0, plain=asked.plain,
        way=asked.way, items=asked.answers * 2 + 500, history=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="alambic-cpu-") as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "alambic_site.settings", "REDIS_URL": "redis://127.0.0.1:1"}
        sys.path.insert(0, str(annotators.ROOT))
        import django

        django.setup()
        project, tokens = annotators.prepare(chosen)
        measure(asked, project, tokens)


class Client:
    """A team that answers in turns, one request at a time."""

    def __init__(self, project: int, tokens: list[str], way: str) -> None:
        from alambic_site.wsgi import application

        self.application, self.path, self.tokens, self.way = application, f"/api/projects/{project}/", tokens, way
        self.held: list[list[dict]] = [[] for _ in tokens]
        self.seconds, self.n, self.statements = Counter(), Counter(), Counter()

    def post(self, what: str, path: str, token: str, body: dict) -> dict | list:
        content = json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": self.path + path, "SCRIPT_NAME": "", "QUERY_STRING": "",
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": f"Token {token}", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(content)), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(content),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }  # fmt: skip
        status: list[str] = []
        begun = time.process_time()
        response = self.application(environ, lambda line, headers, exc_info=None: status.append(line))
        said = b"".join(response)
        response.close()
        self.seconds[what] += time.process_time() - begun
        self.n[what] += 1
        assert status[0][0] == "2", (status, said[:500])
        return json.loads(said)

    def answer(self, number: int) -> None:
        who = number % len(self.tokens)
        token, held = self.tokens[who], self.held[who]
        if not held:
            held += self.post("next", "next/", token, {"count": 1})
        item = held.pop(0)
        body = {"assignment": item["assignment"], "item": item["item"], "value": annotators.LABELS[item["item"] % 3]}
        body |= {"seconds": 1.5, "token": secrets.token_hex(12), "next": 4 if self.way == "page" else 0}
        said = self.post("submit", "annotations/", token, body)
        known = {i["item"] for i in held}
        held += [i for i in said["next"] if i["item"] not in known]


def measure(asked: argparse.Namespace, project: int, tokens: list[str]) -> None:
    from django.db import connection

    client = Client(project, tokens, asked.way)
    numbers = iter(range(10**9))
    for _ in range(3 * len(tokens)):  # what is loaded at first use is not what is measured
        client.answer(next(numbers))
    kinds: Counter = Counter()

    def count(execute, sql, parameters, many, context):
        kinds[sql] += 1
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(count):
        for _ in range(20):
            client.answer(next(numbers))
    print(f"{sum(kinds.values()) / 20:.1f} statements an answer, and what begins and ends transactions")
    if asked.sql:
        for sql, n in kinds.most_common():
            print(f"  {n / 20:5.2f}  {sql[:170]}")
    if asked.profile:
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(asked.answers):
            client.answer(next(numbers))
        profile.disable()
        for order, n in (("cumulative", 90), ("tottime", 50)):
            pstats.Stats(profile).sort_stats(order).print_stats(n)
        return
    heard: dict[str, list[float]] = {}
    for _ in range(asked.parts):
        client.seconds.clear()
        client.n.clear()
        for _ in range(asked.answers // asked.parts):
            client.answer(next(numbers))
        for what, n in client.n.items():
            heard.setdefault(what, []).append(1000 * client.seconds[what] / n)
    for what, parts in heard.items():
        print(f"  {what:<7} {sum(parts) / len(parts):.2f} ms of processor time, {min(parts):.2f} in the best part")


if __name__ == "__main__":
    main()
