"""What the internet does to a server, on the machine that Molecule provisioned."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from contextlib import ExitStack

import pytest
from tests.deploy.flood import MANY_SLOW_CLIENTS, flooding
from tests.deploy.load import asking
from tests.deploy.platform import CONNECTIONS_PER_ADDRESS, DOMAIN, Platform, said
from tests.deploy.sockets import watching
from tests.patience import PATIENCE

_PATIENCE = 20.0
_ANSWERS = 200
# A site of the operator's that sets what our default server sets for the same port.
SHOP = "server {\\n    listen 80 backlog=100;\\n    server_name shop.test;\\n}\\n"
_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname, _TRUSTING.verify_mode = False, ssl.CERT_NONE
REQUESTS = {
    "malformed": b"no request\r\n\r\n",
    "not http": b"\x16\x03\x01\x00\x05hello\r\n\r\n",
    "version that does not exist": b"GET / HTTP/9.9\r\nHost: $\r\n\r\n",
    "address too long": b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: $\r\n\r\n",
    "header too long": b"GET / HTTP/1.1\r\nHost: $\r\nX-A: " + b"a" * 40000 + b"\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "wrong Host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: $\r\nHost: $\r\n\r\n",
    "method that does not exist": b"MILKBOT / HTTP/1.1\r\nHost: $\r\nConnection: close\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: $\r\nConnection: close\r\n\r\n",
    "body too large": b"POST /x HTTP/1.1\r\nHost: $\r\nContent-Length: 99999999\r\n\r\n",
    "unknown transfer coding": b"POST / HTTP/1.1\r\nHost: $\r\nTransfer-Encoding: x\r\n\r\n",
    "path above the root": b"GET /../../etc/passwd HTTP/1.1\r\nHost: $\r\n\r\n",
    "forbidden": b"POST /api/v1/health HTTP/1.1\r\nHost: $\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "not found": b"GET /api/metrics HTTP/1.1\r\nHost: $\r\nConnection: close\r\n\r\n",
    "upgrade refused": b"GET / HTTP/1.1\r\nHost: $\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
    "http2 without TLS, and garbage": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x04\xff\x00\x00\x00\x00\x01abcd",
    "good": b"GET / HTTP/1.1\r\nHost: $\r\nConnection: close\r\n\r\n",
}


def _answer(platform: Platform, port: int, request: bytes, *, tls: bool) -> str:
    """All that comes back until the server closes; what cannot be sent any more was refused."""
    received = b""
    with socket.create_connection((platform.address, port), timeout=_PATIENCE) as plain:
        opened = _TRUSTING.wrap_socket(plain, server_hostname=DOMAIN) if tls else plain
        try:
            opened.sendall(request.replace(b"$", DOMAIN.encode()))
            while part := opened.recv(65536):
                received += part
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            opened.close()
    return received.decode("latin-1")


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_no_answer_names_the_version_of_nginx(platform: Platform, request_: bytes) -> None:
    answers = [_answer(platform, 80, request_, tls=False), _answer(platform, 443, request_, tls=True)]
    answers.append(_answer(platform, 443, request_, tls=False))
    assert [found for text in answers for found in re.findall(r"nginx/[\d.]+|Ubuntu|Debian", text)] == []


@pytest.mark.parametrize("name", [None, "unknown.invalid", f"www.{DOMAIN}", "10.83.0.10"])
def test_no_certificate_is_shown_without_the_right_name(platform: Platform, name: str | None) -> None:
    with (
        socket.create_connection((platform.address, 443), timeout=_PATIENCE) as plain,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        _TRUSTING.wrap_socket(plain, server_hostname=name)
    shown = f"openssl s_client -connect {platform.address}:443 {f'-servername {name}' if name else '-noservername'}"
    done = subprocess.run(shown.split(), check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "no peer certificate available" in done.stdout
    assert "BEGIN CERTIFICATE" not in done.stdout


def test_visitors_are_served_while_2000_slow_clients_are_connected(platform: Platform) -> None:
    with (
        watching(platform.address, DOMAIN, platform.authority, count=3) as dashboards,
        flooding(platform, "slow") as seen,
        asking(platform.address, DOMAIN, platform.authority, rate=10) as answers,
    ):
        end = time.monotonic() + PATIENCE
        while len(answers.every) < _ANSWERS:
            assert time.monotonic() < end, f"{len(answers.every)} answers in {PATIENCE} s"
            time.sleep(0.5)
        assert dashboards.away == {}
    print(f"{len(answers.every)} answers; of slow clients {seen}")
    assert answers.failures == []
    assert seen["connected"] > MANY_SLOW_CLIENTS


def test_connections_of_one_address_above_the_limit_are_refused(platform: Platform) -> None:
    request = f"GET /favicon.png HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 9\r\n\r\n".encode()
    with ExitStack() as stack:
        held = []
        for _ in range(CONNECTIONS_PER_ADDRESS + 20):
            plain = stack.enter_context(socket.create_connection((platform.address, 443), timeout=_PATIENCE))
            held.append(stack.enter_context(_TRUSTING.wrap_socket(plain, server_hostname=DOMAIN)))
            held[-1].sendall(request)
        refused = [_refused(connection) for connection in held[CONNECTIONS_PER_ADDRESS:]]
        others = [_refused(connection, wait=0) for connection in held[:CONNECTIONS_PER_ADDRESS]]
    assert (refused, others) == ([True] * 20, [False] * CONNECTIONS_PER_ADDRESS)


def _refused(connection: ssl.SSLSocket, *, wait: float = _PATIENCE) -> bool:
    """Whether the server has answered that there are too many."""
    connection.settimeout(wait)
    try:
        return b" 429 " in connection.recv(65536)
    except (ssl.SSLWantReadError, TimeoutError):
        return False


def test_a_configuration_that_nginx_refuses_changes_nothing_and_is_named(platform: Platform) -> None:
    state = "find -L /etc/nginx -type f -exec sha256sum {} + | sort; systemctl show nginx --property=MainPID"
    platform.ssh(f"printf '{SHOP}' >/etc/nginx/conf.d/shop.conf")
    try:
        before = platform.ssh(state)
        done = platform.play("site.yml", "--tags", "nginx", nginx_api_requests_per_second=11)
        after = platform.ssh(state)
    finally:
        platform.ssh("rm /etc/nginx/conf.d/shop.conf && nginx -t -q")
    assert done.returncode == 2, said(done)
    assert "Nothing was changed, nginx runs as before" in said(done)
    assert "fix /etc/nginx/sites-enabled/milkbot.conf line" in said(done)
    assert after == before
