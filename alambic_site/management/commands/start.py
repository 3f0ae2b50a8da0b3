"""`manage.py start`: everything, with one command: database, Redis, web server, workers, and on the first start a demo."""

import hashlib
import http.client
import os
import secrets
import sys
import time
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor

from alambic_site.embedded import RedisServer
from alambic_site.env import env_bool, env_int
from alambic_site.preflight import CannotStart, check_database, check_port, check_redis, own
from alambic_site.supervisor import Child, Supervisor, die_with_parent


class Command(BaseCommand):
    help = "Run ALAMBIC: web server, workers and (unless REDIS_URL is set) an embedded Redis. Ctrl-C ends it."
    requires_system_checks: list = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--end-with-parent", action="store_true", help="End when the caller ends (`make run`, killed).")

    def handle(self, *args, **options) -> None:
        self.begun = time.monotonic()
        if options["end_with_parent"]:
            die_with_parent()
        # Started by a pipe or a test, Python would hold these lines back until the end.
        self.stdout._out.reconfigure(line_buffering=True)
        try:
            self.host, self.port = os.environ.get("HOST") or "127.0.0.1", env_int("PORT", 8000, minimum=1)
            self.workers = env_int("WORKERS", 2, minimum=0)
            lock = own(Path(settings.VAR_DIR))
            check_port(self.host, self.port)
            self._start()
            lock.close()
        except (CannotStart, ImproperlyConfigured) as error:
            self.stderr.write(f"ALAMBIC cannot start: {error}")
            sys.exit(1)
        except KeyboardInterrupt:  # before the supervisor took over
            self.stderr.write("Interrupted.")
            sys.exit(130)

    def _start(self) -> None:
        check_database()
        server = self._redis()
        try:
            self._migrate()
            self._static_files()
            password = self._first_admin()
            if password and env_bool("DEMO", True):
                self._demo()
            connections.close_all()
            supervisor = Supervisor(self._children(server), keep, self.stdout.write)
            supervisor.start()
            try:
                self._wait_for_web(supervisor)
                self._greet(password)
            finally:
                supervisor.run() if sys.exc_info()[0] is None else supervisor.stop()
            self.stdout.write(f"\nStopped. All data stays in {settings.VAR_DIR}")
        finally:
            if server:
                server.stop()

    def _redis(self) -> RedisServer | None:
        if os.environ.get("REDIS_URL"):
            check_redis(settings.REDIS_URL)
            return None
        server = RedisServer(Path(settings.REDIS_SOCKET).parent, Path(settings.REDIS_SOCKET))
        try:
            server.start()
        except (RuntimeError, OSError) as error:
            raise CannotStart(str(error)) from None
        return server

    def _migrate(self) -> None:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the database ...")
            call_command("migrate", verbosity=0, interactive=False)

    def _static_files(self) -> None:
        """Collected again only when a package or a file of ours has changed."""
        packages = ("django", "djangorestframework", "drf-spectacular-sidecar", "django-htmx", "plotly", "whitenoise")
        digest = hashlib.sha256(" ".join(version(package) for package in packages).encode())
        # VAR_DIR lies here too, as a rule, with what was collected: looking at that would collect it again at every start.
        apps = [path for path in settings.BASE_DIR.glob("*/static") if path != Path(settings.STATIC_ROOT)]
        ours = [*(file for path in apps for file in path.glob("**/*")), settings.BASE_DIR / "alambic_site" / "staticfiles.py"]
        for path in sorted(path for path in ours if path.is_file()):
            stat = path.stat()
            digest.update(f"{path}{stat.st_size}{stat.st_mtime_ns}".encode())
        stamp = Path(settings.VAR_DIR) / "static.stamp"
        if stamp.exists() and stamp.read_text() == digest.hexdigest() and Path(settings.STATIC_ROOT).is_dir():
            return
        self.stdout.write("Collecting static files ...")
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        stamp.write_text(digest.hexdigest())

    def _first_admin(self) -> str | None:
        """The words for the password of the account `admin`, where nobody had an account yet: the first start."""
        from projects.models import User

        if User.objects.exists():
            return None
        given = os.environ.get("ADMIN_PASSWORD")
        password = given or secrets.token_urlsafe(9)
        User.objects.create_superuser("admin", password=password)
        return "the one in ADMIN_PASSWORD" if given else password

    def _demo(self) -> None:
        self.stdout.write("Making the demo project (once) ...")
        try:
            call_command("demo", stdout=self.stdout)
        except Exception as error:  # noqa: BLE001 - a demo that fails must not hide the password that is printed after it
            self.stderr.write(f"The demo could not be made ({type(error).__name__}: {error}). `make demo` tries again.")

    def _children(self, server: RedisServer | None) -> list[Child]:
        cores, manage = os.cpu_count() or 1, str(settings.BASE_DIR / "manage.py")
        threads = max(1, cores // max(1, self.workers))
        one = _threads(1)
        children = [Child("The web server", self._web_command(min(2, cores)), one)]
        # A worker's commits can be computed again; what people answer (the web's commits) is synced to disk each time.
        environment = _threads(threads) | {"SQLITE_SYNCHRONOUS": "NORMAL"}
        children += [Child(f"Worker {n + 1}", [sys.executable, manage, "work"], environment) for n in range(self.workers)]
        return children + ([server.as_child()] if server else [])

    def _web_command(self, processes: int) -> list[str]:
        command = [sys.executable, "-m", "gunicorn", "alambic_site.wsgi:application", "--chdir", str(settings.BASE_DIR)]
        command += ["--bind", f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"]
        # Somebody who answers every few seconds keeps the connection: gunicorn's own two seconds would end it each time.
        command += ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "75"]
        command += ["--workers", str(env_int("WEB_PROCESSES", processes, minimum=1))]
        command += ["--timeout", "120", "--graceful-timeout", "5", "--log-level", "warning", "--preload", "--no-control-socket"]
        # gunicorn's sign of life is a file's time stamp: in memory, so that a busy disk cannot make it look dead.
        return command + (["--worker-tmp-dir", "/dev/shm"] if os.access("/dev/shm", os.W_OK) else [])

    def _wait_for_web(self, supervisor: Supervisor) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        deadline = time.monotonic() + 60
        web = next(child for child in supervisor.children if child.name == "The web server")
        while time.monotonic() < deadline and not supervisor.stopping.wait(0.05):
            if web.process.poll() is not None:
                raise CannotStart("the web server ended at once; the lines above say why.")
            try:
                client = http.client.HTTPConnection(host, self.port, timeout=5)
                client.request("GET", "/static/", headers={"Host": "localhost"})
                client.getresponse()
                client.close()
                return
            except OSError:
                continue

    def _greet(self, password: str | None) -> None:
        shown = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::"} else self.host
        lines = [("ALAMBIC runs at", f"http://{shown}:{self.port}/   (ready after {time.monotonic() - self.begun:.1f} s)")]
        if password:
            lines.append(("Log in as", f"admin   password: {password}"))
        lines.append(("All data is in", str(settings.VAR_DIR)))
        lines.append(("Workers", str(self.workers) if self.workers else "none: no learner will run here (WORKERS=0)"))
        lines.append(("Stop it with", "Ctrl-C"))
        self.stdout.write("\n" + "\n".join(f"  {name:<17}{words}" for name, words in lines) + "\n")


def _threads(n: int) -> dict[str, str]:
    """Of the numeric libraries, for a child; what the environment says already is left alone."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: str(n) for name in names if not os.environ.get(name)}


def keep() -> None:
    from learning.recovery import recover

    try:
        recover()
    finally:
        connection.close()
