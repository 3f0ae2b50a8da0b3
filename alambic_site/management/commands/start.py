"""`manage.py start`: everything, with one command: database, Redis, web server, workers, and on the first start a demo."""

import fcntl
import hashlib
import os
import secrets
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from alambic_site.embedded import RedisServer
from alambic_site.env import env_bool, env_int
from alambic_site.supervisor import Child, Supervisor


class CannotStart(Exception):
    """One line that says what to do."""


class Command(BaseCommand):
    help = "Run ALAMBIC: web server, workers and (unless REDIS_URL is set) an embedded Redis. Ctrl-C ends it."
    requires_system_checks: list = []

    def handle(self, *args, **options) -> None:
        begun = time.monotonic()
        # Started by a pipe or a test, Python would hold these lines back until the end.
        self.stdout._out.reconfigure(line_buffering=True)
        try:
            self._run(begun)
        except (CannotStart, ImproperlyConfigured) as error:
            self.stderr.write(f"ALAMBIC cannot start: {error}")
            sys.exit(1)

    def _run(self, begun: float) -> None:
        host, port = os.environ.get("HOST", "127.0.0.1"), env_int("PORT", 8000, minimum=1)
        workers = env_int("WORKERS", 2, minimum=0)
        var_dir = Path(settings.VAR_DIR)
        lock = _own(var_dir)
        _check_port(host, port)
        server = self._redis()
        try:
            first = self._database()
            self._static_files(var_dir)
            password = self._admin() if first else None
            if first and env_bool("DEMO", True):
                self.stdout.write("Making the demo project (once) ...")
                call_command("demo", stdout=self.stdout)
            connections.close_all()
            self._supervise(host, port, workers, server, password, begun)
        finally:
            if server:
                server.stop()
            lock.close()

    def _redis(self) -> RedisServer | None:
        if os.environ.get("REDIS_URL"):
            try:
                redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3).ping()
            except (redis.RedisError, ValueError) as error:
                raise CannotStart(
                    f"no Redis answers at REDIS_URL ({error}). Start it, or unset REDIS_URL for the built-in one."
                ) from None
            return None
        server = RedisServer(Path(settings.REDIS_SOCKET).parent, Path(settings.REDIS_SOCKET))
        try:
            server.start()
        except (RuntimeError, OSError) as error:
            raise CannotStart(str(error)) from None
        return server

    def _database(self) -> bool:
        """Migrate; True where nobody has an account yet, which is the first start."""
        from projects.models import User

        try:
            executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                self.stdout.write("Preparing the database ...")
                call_command("migrate", verbosity=0, interactive=False)
        except OperationalError as error:
            words = str(error).strip().splitlines()[0]
            raise CannotStart(f"the database does not answer ({words}). Check DATABASE_URL and that the server runs.") from None
        return not User.objects.exists()

    def _static_files(self, var_dir: Path) -> None:
        """Collected again only when a package or a file of ours has changed."""
        digest = hashlib.sha256(" ".join(version(p) for p in ("django", "djangorestframework", "plotly", "django-htmx")).encode())
        for path in sorted(settings.BASE_DIR.glob("*/static/**/*")):
            if path.is_file():
                stat = path.stat()
                digest.update(f"{path}{stat.st_size}{stat.st_mtime_ns}".encode())
        stamp = var_dir / "static.stamp"
        if stamp.exists() and stamp.read_text() == digest.hexdigest() and Path(settings.STATIC_ROOT).is_dir():
            return
        self.stdout.write("Collecting static files ...")
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        stamp.write_text(digest.hexdigest())

    def _admin(self) -> str:
        from projects.models import User

        given = os.environ.get("ADMIN_PASSWORD")
        password = given or secrets.token_urlsafe(9)
        User.objects.create_superuser("admin", password=password)
        return "the one in ADMIN_PASSWORD" if given else password

    def _supervise(self, host, port, workers, server, password, begun) -> None:
        from learning.recovery import recover

        cores = os.cpu_count() or 1
        threads = {name: str(max(1, cores // max(1, workers))) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        web = [sys.executable, "-m", "gunicorn", "alambic_site.wsgi:application", "--bind", f"{host}:{port}"]
        web += [
            "--worker-class",
            "gthread",
            "--workers",
            str(env_int("WEB_PROCESSES", min(2, cores), minimum=1)),
            "--threads",
            "8",
        ]
        web += ["--timeout", "120", "--graceful-timeout", "5", "--log-level", "warning", "--preload", "--no-control-socket"]
        web += ["--worker-tmp-dir", "/dev/shm"] if Path("/dev/shm").is_dir() else []
        children = [Child("The web server", web)]
        work = [sys.executable, "manage.py", "work"]
        # A worker's commits can be computed again; what people answer (the web's commits) is synced to disk each time.
        environment = threads | {"SQLITE_SYNCHRONOUS": "NORMAL"}
        children += [Child(f"Worker {n + 1}", work, environment) for n in range(workers)]
        if server:
            children.append(server.as_child())

        def keep() -> None:
            try:
                recover()
            finally:
                connection.close()

        os.chdir(settings.BASE_DIR)
        supervisor = Supervisor(children, keep, lambda line: self.stdout.write(line))
        self._greet(host, port, workers, password, begun)
        supervisor.run()
        self.stdout.write("\nStopped. All data stays in " + str(settings.VAR_DIR))

    def _greet(self, host, port, workers, password, begun) -> None:
        shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::"} else host
        lines = [f"ALAMBIC runs at  http://{shown}:{port}/   (ready after {time.monotonic() - begun:.1f} s)"]
        if password:
            lines.append(f"Log in as        admin, password: {password}")
        lines.append(f"All state is in  {settings.VAR_DIR}")
        lines.append(f"Workers          {workers}" + ("   (none: no learner will run; set WORKERS)" if workers == 0 else ""))
        lines.append("Stop it with     Ctrl-C")
        self.stdout.write("\n" + "\n".join(f"  {line}" for line in lines) + "\n")


def _own(var_dir: Path):
    """An open, locked file: two `start`s on one folder would run two Redis servers and twice the workers."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        file = open(var_dir / "start.lock", "w")  # noqa: SIM115 - held open as long as we run
    except OSError as error:
        raise CannotStart(
            f"cannot write to {var_dir} ({error.strerror}). Make it writable, or set VAR_DIR to another folder."
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CannotStart(f"it already runs on {var_dir}. Stop that one first, or set VAR_DIR to another folder.") from None
    return file


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"port {port} is taken ({error.strerror}). Choose another: PORT={port + 1} make run") from None
