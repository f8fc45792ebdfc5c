"""A server as the public sees it: through nginx, over TLS. Runs when a server is named.

MILKBOT_E2E_ADDRESS is the server's address and MILKBOT_E2E_CA the authority of its certificate; MILKBOT_URL names it
(https://milkbot.test/ when it is not set). No name service needs to know the name.
"""

from __future__ import annotations

import json
import os
import re
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
from tests.e2e.visit import DESKTOP, PATIENCE_MS, PHONE, PUBLIC_AFTER, visiting
from tests.patience import PATIENCE

MODES = ("SHADOW", "DEMO", "LIVE")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is."""

    url: str
    host: str
    address: str
    authority: Path | None

    def get(self, path: str, headers: dict[str, str] | None = None, *, tls: bool = True) -> tuple[HTTPResponse, bytes]:
        """The answer to one GET and its body; the certificate is verified by our authority."""
        connection = HTTPConnection(self.host, timeout=PATIENCE)
        connection.sock = socket.create_connection((self.address, 443 if tls else 80), timeout=PATIENCE)
        if tls:
            trust = ssl.create_default_context(cafile=self.authority)
            connection.sock = trust.wrap_socket(connection.sock, server_hostname=self.host)
        with closing(connection):
            connection.request("GET", path, headers=headers or {})
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


def test_only_the_explorer_may_run_what_is_inline(site: Site) -> None:
    for path in ("/", "/skill", "/city/NYC", "/api/v1/health", "/other"):
        answer, _ = site.get(path)
        policies = answer.headers.get_all("Content-Security-Policy")
        assert policies is not None, path
        assert len(policies) == 1, path
        assert policies[0].startswith("default-src 'none'"), path
        assert "unsafe" not in policies[0], path
    scripts, styles = (
        next(
            line
            for line in site.get("/explore")[0].headers["Content-Security-Policy"].split("; ")
            if line.startswith(kind)
        )
        for kind in ("script-src", "style-src")
    )
    assert "'unsafe-inline'" in styles
    assert "'unsafe-inline'" not in scripts


@pytest.mark.parametrize("path", ["/", "/explore", "/api/v1/health", "/other"])
def test_no_answer_lets_a_page_use_devices_or_share_its_window(site: Site, path: str) -> None:
    headers = site.get(path)[0].headers
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp",
        "/_stcore/agent/openapi.json",
        "/_stcore/bidi-components/a",
        "/_stcore/metrics",
        "/_stcore/script-health-check",
        "/_stcore/upload_file/a/b",
        "/media/a",
        "/component/a",
        "/auth/login",
        "/oauth2callback",
        "/other",
    ],
)
def test_what_streamlit_answers_and_no_page_needs_is_not_there(site: Site, path: str) -> None:
    assert site.get(path)[0].status == 404


def test_no_other_page_may_embed_the_explorer(site: Site) -> None:
    assert json.loads(site.get("/_stcore/host-config")[1])["allowedOrigins"] == []


def test_icon_and_robots_are_files(site: Site) -> None:
    assert site.get("/robots.txt")[0].headers["Content-Type"].startswith("text/plain")
    assert site.get("/favicon.ico")[0].headers["Content-Type"].startswith("image/x-icon")


def test_streamlits_scripts_are_sent_compressed_and_kept(site: Site) -> None:
    _, page = site.get("/explore")
    script = re.search(rb'src="[.]?(/static/js/[^"]+[.]js)"', page)
    assert script is not None
    answer, body = site.get(script[1].decode(), {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    # Compressed when it was deployed: what nginx compresses as it goes has no length.
    assert int(answer.headers["Content-Length"]) == len(body)


def test_an_unchanged_page_costs_no_bytes(site: Site) -> None:
    answer, _ = site.get("/")
    again, body = site.get("/", {"If-None-Match": answer.headers["ETag"]})
    # It may have changed meanwhile.
    assert again.status == 304 or again.headers["ETag"] != answer.headers["ETag"]
    assert (again.status == 304) == (body == b"")
    assert again.headers["X-Milkbot-Made"]


def test_api_answers_below_its_prefix(site: Site) -> None:
    for path in ("health", "metrics/hero", "trades/recent?limit=5", "performance/equity?days=7"):
        answer, body = site.get(f"/api/v1/{path}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), path
        assert json.loads(body)


def test_api_delays_trades_by_an_hour(site: Site) -> None:
    _, body = site.get("/api/v1/trades/recent?limit=100")
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


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("path", ["skill", "city/NYC", "explore"])
def test_visitor_sees_the_other_pages(
    site: Site, site_browser: Browser, screenshots: Path, window: tuple[int, int], path: str
) -> None:
    with visiting(site_browser, site.url + path, window=window, trust_any_certificate=True) as visit:
        expect(visit.page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        expect(visit.page.locator(".mb-mode b")).to_be_visible(timeout=PATIENCE_MS)
        visit.expect_to_fit()
        visit.expect_no_complaint()
        visit.shot(screenshots, f"site-{path.replace('/', '-')}-{'phone' if window == PHONE else 'desktop'}")
