"""The check of a host from outside, at servers of the tests' own that do what they should not."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.patience import PATIENCE
from tests.roles.conftest import make_pair
from tests.roles.modules import ask
from tests.roles.rendering import plugin

OUTSIDE = plugin("verify/library/outside.py")

GOOD: dict[str, Any] = {
    "status": 200,
    "body": json.dumps({"release": "r1"}) + "<title>x</title>",
    "headers": {"Strict-Transport-Security": "max-age=63072000", "Server": "nginx"},
}


class Site(ThreadingHTTPServer):
    """Answers everything alike; with `drip` a byte at a time, and never to an end."""

    daemon_threads = True

    def __init__(self, answer: dict[str, Any], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.context, self.closing = answer, context, threading.Event()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        # Who is refused, or leaves early, is no failure of this site.
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        answer = self.server.answer
        self.send_response_only(answer["status"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer["body"].encode())
        while answer.get("drip") and not self.server.closing.wait(0.1):
            self.wfile.write(b"x")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing on stderr."""


Serve = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A check of a site on this machine that stands for both of its ports."""
    pair = make_pair("localhost")
    files = tmp_path / "site.pem", tmp_path / "site.key"
    for file, text in zip(files, (pair.certificate, pair.key), strict=True):
        file.write_text(text, "ascii")

    with ExitStack() as stack:

        def start(
            *, seconds: int = 5, weak: str = "", oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, **answer: Any
        ) -> Any:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = oldest
            context.set_ciphers(weak or "ECDHE+AESGCM:@SECLEVEL=0")
            sites = {}
            for port in (80, 443):
                site = stack.enter_context(Site({**GOOD, **answer}, context if port == 443 else None))
                threading.Thread(target=site.serve_forever, daemon=True).start()
                stack.callback(site.shutdown)
                stack.callback(site.closing.set)
                sites[port] = site.server_port

            class Here(OUTSIDE.Outside):  # type: ignore[name-defined,misc]
                @contextmanager
                def connection(self, port: int, address: str = "") -> Iterator[socket.socket]:
                    del address
                    # A port that no site stands for is one where nobody listens.
                    with socket.create_connection(("127.0.0.1", sites.get(port, 1)), timeout=self.seconds) as opened:
                        yield opened

            return Here("localhost", "", str(files[0]), "127.0.0.1", 22, [5432], "r1", seconds)

        yield start


def _row(outside: Any, name: str) -> tuple[str, str]:
    state, _, value, mend = OUTSIDE.row(outside, name)
    assert bool(mend) == (state == "fail")
    return state, value


def test_an_old_version_of_tls_is_found(serve: Serve) -> None:
    assert _row(serve(), "TLS versions") == ("ok", "takes TLSv1.2, TLSv1.3")
    everything = "ALL:@SECLEVEL=0"
    state, value = _row(serve(oldest=ssl.TLSVersion.TLSv1, weak=everything), "TLS versions")
    assert (state, value) == ("fail", "takes TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")


def test_a_weak_cipher_is_found(serve: Serve) -> None:
    assert _row(serve(), "TLS ciphers") == ("ok", "none that is weak is taken")
    state, value = _row(serve(weak="ALL:@SECLEVEL=0"), "TLS ciphers")
    assert (state, value.split()[0]) == ("fail", "takes")


def test_a_site_that_answers_byte_by_byte_does_not_delay_the_run(serve: Serve) -> None:
    outside = serve(drip=True, seconds=1)
    began = time.monotonic()
    _row(outside, "page from outside")
    assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize(
    ("name", "answer", "value"),
    [
        ("page from outside", {"status": 502}, "answers 502"),
        ("API from outside", {"body": '{"release": "r0"}'}, "/health is answered by r0, live is r1"),
        ("API from outside", {"body": "<html>"}, "no answer: Expecting value: line 1 column 1 (char 0)"),
        ("http to https", {"status": 301, "headers": {"Location": "https://other/"}}, "answers 301 to https://other/"),
        ("Strict-Transport-Security", {"headers": {}}, "is missing"),
        ("what answers tell", {"headers": {"Server": "nginx/1.22"}}, "tells Server: nginx/1.22"),
        ("writes to the API", {}, "a POST is answered by 200"),
        ("other names", {}, "http://unknown.invalid/ is answered by 200"),
        ("open ports", {}, "22 is closed"),
    ],
)
def test_each_fault_of_the_site_fails_its_row(serve: Serve, name: str, answer: dict[str, Any], value: str) -> None:
    assert _row(serve(**answer), name) == ("fail", value)


def test_a_host_that_only_the_proxy_in_front_may_reach_has_its_web_ports_closed(serve: Serve) -> None:
    outside = replace(serve(), ssh_port=80, hidden=True)
    assert _row(outside, "open ports") == ("fail", "443 is open")
    # Of the host itself nothing is asked; the proxy's own answers still count.
    assert _row(outside, "what answers tell") == ("ok", "no version, no release in a header")


@pytest.mark.parametrize("text", [None, "no certificate\n"], ids=["absent", "no certificate"])
def test_an_authority_that_cannot_be_read_is_named_with_its_remedy(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text, "ascii")
    where: dict[str, Any] = {"domain": "nowhere.invalid", "address": "127.0.0.1", "origin": "127.0.0.1"}
    done = ask("verify/library/outside.py", **where, ssh_port=1, closed_ports=[1], release="r1", ca_file=str(file))
    assert done["failed"]
    for words in ("verify_ca_file", str(file), "or leave it empty"):
        assert words in done["msg"]


def test_every_row_is_checked_on_an_unreachable_host() -> None:
    gone = OUTSIDE.Outside("nowhere.invalid", "127.0.0.1", "", "127.0.0.1", 1, [1], "r1", 1)
    for name in OUTSIDE.CHECKS:
        assert _row(gone, name)[0] == ("ok" if name == "other names" else "fail")


def test_a_name_without_an_address_is_named_as_the_cause_of_every_row() -> None:
    nowhere = OUTSIDE.Outside("nowhere.invalid", "", "", "127.0.0.1", 1, [1], "r1", 1)
    rows = [OUTSIDE.row(nowhere, name) for name in OUTSIDE.CHECKS if name not in ("other names", "open ports")]
    assert len(rows) == 10
    assert {state for state, *_ in rows} == {"fail"}
    ((value, fix),) = {(value, fix) for _, _, value, fix in rows}
    assert value.startswith("nowhere.invalid has no address: ")
    assert fix == "make a DNS record for it, or give verify_address"
