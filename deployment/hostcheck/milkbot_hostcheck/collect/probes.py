"""What answers: the API, the dashboard, nginx, the exchange's clock. Asking must not start what stands still."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from milkbot_hostcheck import paths
from milkbot_hostcheck.asking import Ask, Look, Question, run
from milkbot_hostcheck.collection import parse_settings

_SECONDS = 5.0


def questions() -> list[Question]:
    return [
        Look("probes/api", lambda: _service("milkbot-analytics", "/v1/health")),
        Look("probes/dashboard", lambda: _service("milkbot-dashboard", "/_stcore/health")),
        Look("probes/http", lambda: _nginx("/", tls=False)),
        Look("probes/https-api", lambda: _nginx("/health", tls=True, behind="milkbot-analytics")),
        Look("probes/https-dashboard", lambda: _nginx("/_stcore/health", tls=True, behind="milkbot-dashboard")),
        Look("probes/clock", _clock),
    ]


def _would_start(unit: str) -> bool:
    """Whether a request would start the service: its socket listens, and it does not run."""
    shown = run(Ask("", ["systemctl", "is-active", f"{unit}.service", f"{unit}.socket"], 5)).text.split()
    return len(shown) == 2 and shown[0] not in ("active", "activating", "reloading") and shown[1] == "active"


def _service(unit: str, path: str) -> str:
    if _would_start(unit):
        return f"not asked: {unit}.service does not run, and a request to its socket would start it\n"
    return _asked(http.client.HTTPConnection("127.0.0.1", paths.PORTS[unit], timeout=_SECONDS), path, "127.0.0.1")


def _nginx(path: str, *, tls: bool, behind: str = "") -> str:
    if behind and _would_start(behind):
        return f"not asked: {behind}.service does not run, and a request to its socket would start it\n"
    found = re.findall(r"^\s*server_name\s+([\w.-]+\.[\w.-]+);", paths.NGINX_SITE.read_text("utf-8"), re.MULTILINE)
    host = found[0] if found else "localhost"
    if not tls:
        return _asked(http.client.HTTPConnection("127.0.0.1", 80, timeout=_SECONDS), path, host)
    return _asked(AtThisHost(host, _SECONDS), path, host)


class AtThisHost(http.client.HTTPConnection):
    """By TLS to this host's own address, under the site's name: without it nginx ends the handshake.

    Whoever signed the certificate: the proxy in front may be the only one to trust it. `served` keeps it, in DER.
    """

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, timeout=seconds)
        self.served = b""

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", 443), timeout=self.timeout)
        self.sock = secured = context.wrap_socket(raw, server_hostname=self.host)
        self.served = secured.getpeercert(binary_form=True) or b""


def _asked(connection: http.client.HTTPConnection, path: str, host: str) -> str:
    """`status N`, the headers, the beginning of the body; or `no answer` and why."""
    began = time.monotonic()
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": "milkbot-diagnose"})
        answer = connection.getresponse()
        body = answer.read(4000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error or type(error).__name__}\n"
    finally:
        connection.close()
    lines = [
        f"status {answer.status} in {time.monotonic() - began:.2f} s",
        *(f"{name}: {value}" for name, value in answer.getheaders()),
    ]
    return "\n".join(lines) + f"\n\n{body}\n"


def _clock() -> str:
    """`ahead N seconds`: this clock against the Date of the exchange's answer, good to about a second."""
    base = dict(parse_settings(paths.ENV_FILE.read_text("utf-8", "replace"))).get("KALSHI_API_BASE", "")
    address = urlsplit(base)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_SECONDS)
    try:
        sent = time.time()
        connection.request("GET", f"{address.path}/exchange/status", headers={"User-Agent": "milkbot-diagnose"})
        answer = connection.getresponse()
        got, theirs = time.time(), answer.getheader("Date") or ""
        answer.read(1000)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer of {address.hostname}: {error or type(error).__name__}\n"
    finally:
        connection.close()
    # Its Date has whole seconds: on the average it is half a second old.
    ahead = (sent + got) / 2 - parsedate_to_datetime(theirs).timestamp() - 0.5
    return f"ahead {ahead:.1f} seconds of {address.hostname} (its Date: {theirs})\n"
