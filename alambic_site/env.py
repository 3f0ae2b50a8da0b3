"""Strict readers of environment variables: a value that cannot be meant is refused, never guessed."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value == "":
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def env_int(name: str, default: int, minimum: int = 0) -> int:
    value = os.environ.get(name, "").strip()
    if value == "":
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {number}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def database(var_dir: Path) -> dict:
    """Django's settings of the database that DATABASE_URL names; SQLite below `var_dir` otherwise.

    DATABASE_POOLER=1: a pooler hands one connection to many clients, transaction by transaction, so nothing may be kept on it.
    """
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": var_dir / "alambic.sqlite3", "CONN_MAX_AGE": 600}
    try:
        pooled = env_bool("DATABASE_POOLER", False)
        return dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True, disable_server_side_cursors=pooled)
    except ValueError as error:
        words = str(error).splitlines()[0].split(". ")[0]
        example = "postgres://user:password@host:5432/alambic"
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read ({words}). It looks like {example}") from None


def email() -> dict:
    """Django's settings of the mail server: EMAIL_URL (smtp://user:password@host:587, smtps:// for TLS from the start,
    smtp+tls:// for STARTTLS), or EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL."""
    url, host = os.environ.get("EMAIL_URL", "").strip(), os.environ.get("EMAIL_HOST", "").strip()
    if not url and not host:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    found = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_TIMEOUT": 20}
    if not url:
        return found | {
            "EMAIL_HOST": host,
            "EMAIL_PORT": env_int("EMAIL_PORT", 25, minimum=1),
            "EMAIL_HOST_USER": os.environ.get("EMAIL_HOST_USER", ""),
            "EMAIL_HOST_PASSWORD": os.environ.get("EMAIL_HOST_PASSWORD", ""),
            "EMAIL_USE_TLS": env_bool("EMAIL_USE_TLS", False),
            "EMAIL_USE_SSL": env_bool("EMAIL_USE_SSL", False),
        }
    try:
        parts = urlsplit(url)
        ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
        port = parts.port or ports[parts.scheme]
    except (KeyError, ValueError):
        parts = None
    if parts is None or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL cannot be read. It looks like smtp+tls://user:password@mail.example.org:587")
    return found | {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def redis_socket(var_dir: Path) -> Path:
    """Where the embedded Redis listens: below `var_dir`, or, where that path is too long for a unix socket, below /tmp."""
    path = var_dir / "redis" / "redis.sock"
    if len(str(path).encode()) <= 100:
        return path
    short = hashlib.sha256(str(var_dir).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"alambic-{os.getuid()}-{short}" / "redis.sock"


def secret_key(var_dir: Path) -> str:
    """The key from SECRET_KEY, or one generated once and kept in `var/secret_key` (readable by its owner only)."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    path = var_dir / "secret_key"
    try:
        if not path.exists():
            var_dir.mkdir(parents=True, exist_ok=True)
            # O_EXCL: two processes that start together must not each keep a key of their own.
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    except OSError as error:
        raise SystemExit(f"Cannot write to {var_dir} ({error.strerror}): make it writable, or set VAR_DIR.") from None
    return path.read_text()
