"""One signed request to a webhook, and to nobody else: no redirects, no private address, ten seconds at most.

The signature: header `X-Alambic-Signature: t=<unix time>,v1=<hex>`, where hex is the HMAC-SHA256 of "<unix time>.<body>"
under the webhook's secret. Who receives it computes the same, compares in constant time, and refuses what is minutes old.
"""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import secrets
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from django.conf import settings

TIMEOUT = 10.0
_SHOWN = 200  # characters of an answer that the log keeps


class Refused(ValueError):
    """The address is none that may be called; the sentence says why."""


def new_secret() -> str:
    return secrets.token_hex(32)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def check_url(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, path with query). Raises Refused. It looks up no name: that is done when something is sent."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Refused("The address cannot be read.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused("The address begins with https:// or http:// and names a host.")
    if parts.username or parts.password:
        raise Refused("The address must hold no user name and no password: requests are signed.")
    if any(ord(char) <= 32 or ord(char) > 126 for char in url):
        raise Refused("The address holds a space or a character that is not ASCII: write it percent-encoded.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port, path


def address_of(host: str, port: int) -> str:
    """An address to connect to. Raises Refused where any address of the name is private.

    The connection goes to the address that was checked: a name that answers something else a moment later gains nothing.
    """
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Refused(f"The host {host} is not known.") from None
    if not settings.ALLOW_PRIVATE_WEBHOOKS:
        for address in found:
            ip = ipaddress.ip_address(address.split("%")[0])
            ip = getattr(ip, "ipv4_mapped", None) or ip
            if not ip.is_global or ip.is_multicast:
                raise Refused(f"{host} is a private address ({address}); ALLOW_PRIVATE_WEBHOOKS=1 allows it.")
    return found[0]


def post(url: str, secret: str, delivery: int, facts: dict, timeout: float | None = None) -> tuple[bool, str]:
    """(taken, what came back): taken is an answer 2xx. A host that trickles is cut off at the time limit too."""
    body = json.dumps(facts, ensure_ascii=False).encode()
    limit = timeout or TIMEOUT
    try:
        scheme, host, port, path = check_url(url)
        address = address_of(host, port)
    except Refused as error:
        return False, str(error)
    now = int(time.time())
    headers = {
        "Content-Type": "application/json", "User-Agent": "ALAMBIC", "X-Alambic-Event": str(facts.get("event", "")),
        "X-Alambic-Delivery": str(delivery), "X-Alambic-Signature": signature(secret, now, body), "Connection": "close",
    }  # fmt: skip
    connection = http.client.HTTPConnection(host, port, timeout=limit)
    late = threading.Event()

    def cut() -> None:
        late.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit, cut)
    timer.daemon = True
    timer.start()
    try:
        connection.sock = socket.create_connection((address, port), timeout=limit)
        if scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read(_SHOWN * 4).decode("utf-8", "replace").replace("\x00", "")[:_SHOWN]
        words = f"{answer.status} {answer.reason}. {said}".strip()
        if 300 <= answer.status < 400:
            words = f"{answer.status}: redirects are not followed. Write the address that it leads to."
        return 200 <= answer.status < 300 and not late.is_set(), words
    except (OSError, http.client.HTTPException) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            return False, f"No answer within {limit:g} seconds."
        return False, f"{type(error).__name__}: {error}"
    finally:
        timer.cancel()
        connection.close()
