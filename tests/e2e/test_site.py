"""A server as the public sees it: through nginx, over TLS. Runs when a server is named.

MILKBOT_E2E_ADDRESS is the server's address and MILKBOT_E2E_CA the authority of its certificate; MILKBOT_URL names it
(https://milkbot.test/ when it is not set). No name service needs to know the name.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Playwright, expect
from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.visit import DESKTOP, PHONE, PUBLIC_AFTER, visiting
from tests.patience import PATIENCE

MODES = ("SHADOW", "DEMO", "LIVE")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is."""

    url: str
    host: str
    address: str
    authority: Path | None

    def get(self, path: str, *, tls: bool = True) -> tuple[HTTPResponse, bytes]:
        """The answer to one GET and its body; the certificate is verified by our authority."""
        connection = HTTPConnection(self.host, timeout=PATIENCE)
        connection.sock = socket.create_connection((self.address, 443 if tls else 80), timeout=PATIENCE)
        if tls:
            trust = ssl.create_default_context(cafile=self.authority)
            connection.sock = trust.wrap_socket(connection.sock, server_hostname=self.host)
        with closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer, answer.read()


@pytest.fixture(scope="module")
def site() -> Site:
    """The server under test."""
    address = os.environ.get("MILKBOT_E2E_ADDRESS")
    if not address:
        pytest.skip("no server to test: set MILKBOT_E2E_ADDRESS, MILKBOT_E2E_CA and MILKBOT_URL")
    url = os.environ.get("MILKBOT_URL", "https://milkbot.test/")
    authority = os.environ.get("MILKBOT_E2E_CA")
    return Site(url, str(urlsplit(url).hostname), address, Path(authority) if authority else None)


@pytest.fixture(scope="module")
def site_browser(playwright: Playwright, site: Site) -> Iterator[Browser]:
    """A browser that knows the server's name."""
    names = f"--host-resolver-rules=MAP {site.host} {site.address}"
    with playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, names]) as launched:
        yield launched


def test_plain_http_is_redirected_to_https(site: Site) -> None:
    answer, _ = site.get("/", tls=False)
    assert answer.status in {301, 308}
    assert answer.headers["Location"] == f"https://{site.host}/"


def test_page_has_a_verified_certificate_and_its_security_headers(site: Site) -> None:
    answer, _ = site.get("/")
    assert answer.status == 200
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_api_answers_below_its_prefix(site: Site) -> None:
    for path in ("health", "metrics/hero", "trades/recent?limit=5", "performance/equity?days=7"):
        answer, body = site.get(f"/api/v1/{path}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), path
        assert json.loads(body)


def test_api_delays_trades_by_an_hour(site: Site) -> None:
    _, body = site.get("/api/v1/trades/recent?limit=500")
    times = [datetime.fromisoformat(trade["trade_time"]) for trade in json.loads(body)["trades"]]
    assert max(times) <= datetime.now(UTC) - PUBLIC_AFTER


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_visitor_sees_figures_curve_and_old_trades(
    site: Site, site_browser: Browser, screenshots: Path, window: tuple[int, int]
) -> None:
    # The certificate itself is verified above; Chromium has no option for one more authority.
    with visiting(site_browser, site.url, window=window, trust_any_certificate=True) as visit:
        visit.expect_overview()
        visit.expect_old_trades_only()
        mode = visit.page.locator(".mb-mode b")
        expect(mode).to_be_visible()
        assert mode.inner_text() in MODES
        visit.expect_to_fit()
        visit.expect_no_complaint()
        visit.shot(screenshots, f"site-{'phone' if window == PHONE else 'desktop'}")
