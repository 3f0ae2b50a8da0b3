"""What must be right before anything starts. Each refusal is one line that says what to do."""

import errno
import fcntl
import socket
from io import TextIOBase
from pathlib import Path

import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error as DatabaseError


class CannotStart(Exception):
    """One line that says what to do."""


def own(var_dir: Path) -> TextIOBase:
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
        file.close()
        raise CannotStart(f"it already runs on {var_dir}. Stop that one first, or set VAR_DIR to another folder.") from None
    return file


def check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise CannotStart(f"PORT must be at most 65535, not {port}.") from None
        except socket.gaierror:
            raise CannotStart(
                f"HOST={host} is no address of this machine. Leave HOST empty, or set 0.0.0.0 for all of them."
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(f"port {port} is taken. Choose another: PORT={port + 1} make run") from None
            if error.errno == errno.EACCES:
                raise CannotStart(f"port {port} is not for ordinary users. Choose one from 1024 on: PORT=8000 make run") from None
            raise CannotStart(f"cannot listen on {host}:{port} ({error.strerror}). Check HOST and PORT.") from None


def check_redis(url: str) -> None:
    try:
        redis.Redis.from_url(url, socket_connect_timeout=3).ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(
            f"no Redis answers at REDIS_URL ({error}). Start it, or unset REDIS_URL for the built-in one."
        ) from None


def check_database() -> None:
    try:
        connection = connections[DEFAULT_DB_ALIAS]
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        if "psycopg" in str(error):
            raise CannotStart(
                "the driver for PostgreSQL is missing. `make run` installs it where DATABASE_URL names PostgreSQL; by hand: "
                "pip install --require-hashes -r requirements/postgres.lock"
            ) from None
        raise
    except DatabaseError as error:
        words = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise CannotStart(f"the database does not answer ({words}). Check DATABASE_URL, and that the server runs.") from None
