"""The endpoints: the API and the dashboard as the live release, and the page through nginx."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from milkbot_hostcheck.collect.probes import AtThisHost
from milkbot_hostcheck.host import Host
from milkbot_hostcheck.row import Row, fail, ok, plain, warn

_ENOUGH = 65536


def api(host: Host) -> Iterator[Row]:
    yield _service(host, "analytics API", host.settings.analytics_port, "/v1/health", "milkbot-analytics")


def dashboard(host: Host) -> Iterator[Row]:
    yield _service(host, "dashboard", host.settings.dashboard_port, "/_stcore/health", "milkbot-dashboard")


def _service(host: Host, name: str, port: int, path: str, unit: str) -> Row:
    remedy, limit = f"journalctl -u {unit} -n 50; systemctl restart {unit}", f"200 within {host.seconds:g} s"
    try:
        answer = _answer(http.client.HTTPConnection("127.0.0.1", port, timeout=host.seconds), path)
    except (OSError, http.client.HTTPException) as error:
        return fail(name, f"no answer: {_said(error)}", remedy, limit)
    if answer.status != 200:
        return fail(name, f"answers {answer.status}", remedy, limit)
    release = answer.headers.get("X-Milkbot-Release", "")
    if release != host.release:
        value = f"another release answers: {plain(release) or 'unknown'}, live is {host.release or 'none'}"
        return fail(name, value, f"systemctl restart {unit}, or finish what was begun: update.yml", "the live release")
    return ok(name, f"answers as {release}", limit)


def page(host: Host) -> Iterator[Row]:
    """The page as nginx serves it, at this host's own address; its certificate has a row of its own."""
    yield _page(host)


def _page(host: Host) -> Row:
    name, limit = "page through nginx", f"200 within {host.seconds:g} s"
    remedy = "nginx -t; systemctl status nginx; tail /var/log/nginx/milkbot-error.log"
    secured = AtThisHost(host.settings.domain or "localhost", host.seconds)
    try:
        # Not the page itself: nginx answers that from its cache while the dashboard is away.
        answer = _answer(secured, "/_stcore/health")
    except (OSError, http.client.HTTPException) as error:
        return fail(name, f"no answer: {_said(error)}", remedy, limit)
    if answer.status != 200:
        return fail(name, f"answers {answer.status}", remedy, limit)
    if secured.served != _on_disk(host.settings.domain):
        return warn(name, "answers 200, with another certificate than the file's", "systemctl reload nginx", limit)
    return ok(name, "answers 200", limit)


def _answer(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    """Its status and headers. Raises OSError or HTTPException when there is none in time; the connection is closed."""
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read(_ENOUGH)
    return answer


def _on_disk(domain: str) -> bytes | None:
    try:
        chain = Path(f"/etc/ssl/certs/{domain}.pem").read_text(encoding="ascii")
        end = "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(chain[chain.index("-----BEGIN CERTIFICATE-----") : chain.index(end) + len(end)])
    except (OSError, ValueError):
        return None


def _said(error: Exception) -> str:
    return plain(str(error) or type(error).__name__)
