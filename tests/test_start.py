"""`manage.py start`, as a person starts it: real processes, a folder of its own, a free port."""

import http.cookiejar
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
from django.conf import settings

from tests.test_supervisor import is_alive, until

LINUX = sys.platform.startswith("linux")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Started:
    """One `start`, and what it says."""

    def __init__(self, var_dir, **environment) -> None:
        self.port = environment.get("PORT") or free_port()
        clean = {
            k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE"}
        }
        clean |= {"VAR_DIR": str(var_dir), "PORT": str(self.port), "DATABASE_URL": "", "DEMO": "0", "WORKERS": "1"}
        clean |= {"WEB_PROCESSES": "1"} | {name: str(value) for name, value in environment.items()}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "start"],
            cwd=settings.BASE_DIR, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_until_ready(self) -> "Started":
        assert until(lambda: "Stop it with" in self.output or self.process.poll() is not None, 90), self.output
        assert self.process.poll() is None, self.output
        return self

    def wait(self) -> int:
        code = self.process.wait(timeout=60)
        self._reader.join()
        self.process.stdout.close()
        return code

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait()

    def tree(self) -> list[int]:
        """This process and all below it."""
        pids, found = [self.process.pid], []
        while pids:
            pid = pids.pop()
            found.append(pid)
            children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
            pids += map(int, children)
        return found


@pytest.fixture
def start():
    made: list[Started] = []

    def make(var_dir, **environment) -> Started:
        made.append(Started(var_dir, **environment))
        return made[-1]

    yield make
    for started in made:
        if started.process.poll() is None:
            started.process.kill()
            started.wait()


def log_in(port: int, password: str) -> str:
    """The address where `admin` ends up; the login page again where the password is wrong."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"http://127.0.0.1:{port}/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "username": "admin", "password": password}).encode()
    answer = opener.open(urllib.request.Request(f"http://127.0.0.1:{port}/login/", form))
    return urllib.parse.urlsplit(answer.url).path


def test_first_start_second_start_and_a_kill(start, tmp_path):
    """One story, because each start takes seconds."""
    # A folder whose name is too long for the path of a unix socket, with a space in it
    var_dir = tmp_path / ("a long name " + "x" * 90) / "var"
    first = start(var_dir).wait_until_ready()
    password = re.search(r"Log in as\s+admin\s+password: (\S+)", first.output)[1]
    assert len(password) >= 12 and f"http://localhost:{first.port}/" in first.output and str(var_dir) in first.output
    assert log_in(first.port, password) == "/"
    assert log_in(first.port, "wrong") == "/login/"
    tree = first.tree()
    assert len(tree) >= 5  # start, web server and its process, worker, Redis

    second_on_the_same_folder = start(var_dir)
    assert second_on_the_same_folder.wait() == 1
    assert "it already runs on" in second_on_the_same_folder.output

    assert first.end() == 0, first.output
    assert "Stopped. All data stays in" in first.output and "Traceback" not in first.output
    assert until(lambda: not any(map(is_alive, tree)))

    again = start(var_dir, ADMIN_PASSWORD="another", WORKERS=0).wait_until_ready()
    assert "none: no learner will run here" in again.output
    assert "password" not in again.output and "Preparing the database" not in again.output and "Collecting" not in again.output
    assert log_in(again.port, password) == "/"
    tree = again.tree()
    again.end(signal.SIGKILL if LINUX else signal.SIGINT)
    assert until(lambda: not any(map(is_alive, tree)), 20), "orphans"

    with sqlite3.connect(var_dir / "alambic.sqlite3") as database:
        assert database.execute("select username from projects_user").fetchall() == [("admin",)]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "taken"}, r"port \d+ is taken\. Choose another: PORT=\d+ make run"),
        ({"PORT": "eight"}, r"PORT must be a whole number, not 'eight'"),
        ({"HOST": "no.such.host.invalid"}, r"HOST=no\.such\.host\.invalid is no address of this machine"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, r"no Redis answers at REDIS_URL .* unset REDIS_URL for the built-in one"),
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, r"the database does not answer .*Check DATABASE_URL"),
        ({"DATABASE_URL": "oops://x"}, r"DATABASE_URL cannot be read .* It looks like postgres://"),
        ({"VAR_DIR": "a file"}, r"annot write to .*(make it writable|Make it writable).*VAR_DIR"),
        ({"WORKERS": "-1"}, r"WORKERS must be at least 0, not -1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_in_one_line(start, tmp_path, environment, words):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        if environment.get("PORT") == "taken":
            environment = {"PORT": other.getsockname()[1]}
        if environment.get("VAR_DIR") == "a file":
            (tmp_path / "file").write_text("")
            environment = {"VAR_DIR": tmp_path / "file" / "var"}
        started = start(tmp_path / "var", **environment)
        assert started.wait() == 1
    lines = [line for line in started.output.splitlines() if line.strip()]
    assert len(lines) == 1 and re.search(words, lines[0]), started.output
