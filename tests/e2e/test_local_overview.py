"""The overview as a visitor sees it, with every process on this machine and no server needed."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.local_platform import Platform, running_platform
from tests.e2e.visit import DESKTOP, PATIENCE_MS, PHONE, visiting
from tests.postgres import Cluster
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_overview_shows_figures_curve_and_old_trades(
    platform: Platform, browser: Browser, screenshots: Path, window: tuple[int, int], scheme: str
) -> None:
    with visiting(browser, platform.dashboard.url, window=window, scheme=scheme) as visit:
        visit.expect_overview()
        visit.expect_old_trades_only()
        expect(visit.page.get_by_text("DEMO", exact=True)).to_be_visible()
        expect(visit.page.get_by_text("All systems running")).to_be_visible()
        visit.expect_to_fit()
        visit.expect_no_complaint()
        visit.shot(screenshots, f"overview-{'phone' if window == PHONE else 'desktop'}-{scheme}")


def test_page_follows_the_theme_that_the_visitor_has(platform: Platform, browser: Browser) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        with visiting(browser, platform.dashboard.url, scheme=scheme) as visit:
            visit.expect_overview()
            seen[scheme] = visit.page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert seen == {"light": "rgb(251, 250, 247)", "dark": "rgb(14, 17, 23)"}


def test_city_filter_shows_the_trades_of_that_city(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_old_trades_only()
        visit.page.get_by_label("City").click()
        visit.page.get_by_role("option", name="Chicago").click()
        rows = visit.page.get_by_test_id("trades").locator("tbody tr")
        expect(rows.filter(has_not_text="Chicago")).to_have_count(0, timeout=PATIENCE_MS)
        assert rows.count() > 0


def test_page_refreshes_itself(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_overview()
        first = visit.page.get_by_test_id("updated").inner_text()
        expect(visit.page.get_by_test_id("updated")).not_to_have_text(first, timeout=PATIENCE_MS)


def test_page_says_that_the_service_is_away_and_recovers_with_it(
    platform: Platform, browser: Browser, screenshots: Path
) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_overview()
        platform.api.stop()
        try:
            expect(visit.page.get_by_text("The analytics service does not answer")).to_be_visible(timeout=PATIENCE_MS)
            expect(visit.page.get_by_text("Analytics not reachable")).to_be_visible()
            expect(visit.page.get_by_test_id("figures")).to_be_visible()
            visit.shot(screenshots, "overview-api-away")
        finally:
            platform.api.start()
        expect(visit.page.get_by_text("All systems running")).to_be_visible(timeout=PATIENCE_MS)
        visit.expect_overview()
        visit.expect_no_complaint()


def test_page_says_that_no_tick_has_run_yet(
    cluster: Cluster, browser: Browser, screenshots: Path, tmp_path: Path
) -> None:
    with (
        cluster.database() as empty,
        running_platform(empty, tmp_path) as running,
        visiting(browser, running.dashboard.url, window=PHONE) as visit,
    ):
        expect(visit.page.get_by_text("Nothing to show yet")).to_be_visible(timeout=PATIENCE_MS)
        visit.expect_no_complaint()
        visit.shot(screenshots, "overview-empty")


def test_dashboard_reports_its_release_to_a_deploy(platform: Platform) -> None:
    answer = httpx2.get(platform.dashboard.url + "/_stcore/health")
    assert (answer.status_code, answer.headers["X-Milkbot-Release"]) == (200, "dev")


def test_page_of_another_site_cannot_open_the_socket(platform: Platform) -> None:
    address = platform.dashboard.url.replace("http://", "ws://") + "/_stcore/stream"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin=Origin("https://example.org"))
    with connect(address, origin=Origin(platform.dashboard.url), subprotocols=[Subprotocol("streamlit")]):
        pass
