"""The pages as a visitor sees them, with every process on this machine and no server needed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Locator, Route, expect
from sqlalchemy import text
from tests.e2e.local_platform import Platform, running_platform
from tests.e2e.visit import DESKTOP, PATIENCE_MS, PHONE, visiting
from tests.facts import Facts, hours_ago
from tests.postgres import Cluster, TestDatabase
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from milkbot.analytics.rollups import run_rollups
from milkbot.db.session import transaction
from milkbot.db.state import set_state
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState

AWAY = "The analytics service does not answer"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_overview_shows_figures_curve_and_old_trades(
    platform: Platform, browser: Browser, screenshots: Path, window: tuple[int, int], scheme: str
) -> None:
    with visiting(browser, platform.dashboard.url, window=window, scheme=scheme) as visit:
        visit.expect_overview()
        visit.expect_old_trades_only()
        expect(visit.page.get_by_text("DEMO", exact=True)).to_be_visible()
        expect(visit.page.get_by_text("no real money", exact=True)).to_be_visible()
        expect(visit.page.get_by_text(re.compile("^Running, last look"))).to_be_visible()
        visit.expect_to_fit()
        visit.expect_to_be_accessible()
        visit.expect_no_complaint()
        visit.shot(screenshots, f"overview-{'phone' if window == PHONE else 'desktop'}-{scheme}")


def test_overview_is_whole_without_javascript(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url, javascript=False) as visit:
        visit.expect_overview()
        visit.expect_old_trades_only()
        visit.page.get_by_role("link", name="Week").click()
        expect(visit.page.get_by_role("link", name="Week")).to_have_attribute("aria-current", "true")
        visit.page.get_by_label("City").select_option(label="Chicago")
        visit.page.get_by_role("button", name="Show").click()
        _expect_chicago_alone(visit.page.get_by_test_id("trades").locator("tbody tr"))
        # The other choice stays.
        expect(visit.page.get_by_role("link", name="Week")).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(("path", "heading"), [("/city/NYC", "New York"), ("/skill", "Is it any good?")])
def test_other_pages_are_shown_and_fit(
    platform: Platform,
    browser: Browser,
    screenshots: Path,
    path: str,
    heading: str,
    window: tuple[int, int],
    scheme: str,
) -> None:
    with visiting(browser, platform.dashboard.url + path, window=window, scheme=scheme) as visit:
        expect(visit.page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        expect(visit.page.get_by_text("DEMO", exact=True)).to_be_visible()
        visit.expect_to_fit()
        visit.expect_to_be_accessible()
        visit.expect_no_complaint()
        name = path.strip("/").replace("/", "-")
        visit.shot(screenshots, f"{name}-{'phone' if window == PHONE else 'desktop'}-{scheme}")


def test_a_city_shows_the_forecast_of_an_hour_ago_and_no_newer_one(platform: Platform, browser: Browser) -> None:
    with visiting(browser, f"{platform.dashboard.url}/city/NYC", javascript=False) as visit:
        expect(visit.page.get_by_text("Forecast 54")).to_be_visible()
        expect(visit.page.get_by_role("row", name="54 or 55 °F")).to_contain_text("38 %")
        expect(visit.page.get_by_role("row", name="49 °F or less")).to_contain_text("no longer possible")
        expect(visit.page.get_by_text("Forecast 66")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_explorer_shows_chart_and_old_trades(
    platform: Platform, browser: Browser, screenshots: Path, window: tuple[int, int], scheme: str
) -> None:
    with visiting(browser, f"{platform.dashboard.url}/explore", window=window, scheme=scheme) as visit:
        visit.expect_old_trades_only()
        expect(visit.page.get_by_text("DEMO", exact=True)).to_be_visible()
        expect(visit.page.get_by_test_id("stVegaLiteChart").locator(".mark-line path").first).to_be_visible()
        expect(visit.page.get_by_text("Page not found")).to_have_count(0)
        visit.expect_to_fit()
        visit.expect_to_be_accessible()
        visit.expect_no_complaint()
        visit.shot(screenshots, f"explore-{'phone' if window == PHONE else 'desktop'}-{scheme}")


def test_pages_follow_the_theme_that_the_visitor_has(platform: Platform, browser: Browser) -> None:
    seen: dict[str, set[str]] = {}
    for path, part in (("/", "body"), ("/explore", ".stApp")):
        for scheme in ("light", "dark"):
            with visiting(browser, platform.dashboard.url + path, scheme=scheme) as visit:
                expect(visit.page.get_by_test_id("trades")).to_be_visible(timeout=PATIENCE_MS)
                colour = visit.page.locator(part).evaluate("part => getComputedStyle(part).backgroundColor")
                seen.setdefault(scheme, set()).add(colour)
    assert seen == {"light": {"rgb(251, 250, 247)"}, "dark": {"rgb(14, 17, 23)"}}


def test_city_filter_shows_the_trades_of_that_city(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_old_trades_only()
        # With JavaScript choosing is enough.
        visit.page.get_by_label("City").select_option(label="Chicago")
        _expect_chicago_alone(visit.page.get_by_test_id("trades").locator("tbody tr"))
    with visiting(browser, f"{platform.dashboard.url}/explore") as visit:
        visit.expect_old_trades_only()
        visit.page.get_by_label("City").click()
        visit.page.get_by_role("option", name="Chicago").click()
        _expect_chicago_alone(visit.page.get_by_test_id("trades").locator("tbody tr"))


@pytest.mark.parametrize("path", ["/", "/explore"])
def test_page_refreshes_itself(platform: Platform, browser: Browser, path: str) -> None:
    with visiting(browser, platform.dashboard.url + path) as visit:
        expect(visit.page.get_by_test_id("trades")).to_be_visible(timeout=PATIENCE_MS)
        first = visit.page.get_by_test_id("updated").inner_text()
        expect(visit.page.get_by_test_id("updated")).not_to_have_text(first, timeout=PATIENCE_MS)


def test_a_refresh_keeps_what_the_visitor_has_opened(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_overview()
        visit.page.get_by_text("The same in numbers").click()
        # The next answer is one with other content.
        visit.page.route("**/", _with_another_heading)
        expect(visit.page.get_by_role("heading", name="Another heading")).to_be_visible(timeout=PATIENCE_MS)
        expect(visit.page.locator("#numbers")).to_have_attribute("open", "")
        assert visit.page.evaluate("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.parametrize("path", ["/", "/explore"])
def test_page_says_that_the_service_is_away_and_recovers_with_it(
    platform: Platform, browser: Browser, screenshots: Path, path: str
) -> None:
    with visiting(browser, platform.dashboard.url + path) as visit:
        expect(visit.page.get_by_test_id("trades")).to_be_visible(timeout=PATIENCE_MS)
        platform.api.stop()
        try:
            expect(visit.page.get_by_text(AWAY)).to_be_visible(timeout=PATIENCE_MS)
            expect(visit.page.get_by_text("last answer")).to_be_visible()
            expect(visit.page.get_by_text("Running")).to_have_count(0)
            expect(visit.page.get_by_test_id("trades")).to_be_visible()
            visit.shot(screenshots, f"{path.strip('/') or 'overview'}-api-away")
        finally:
            platform.api.start()
        expect(visit.page.get_by_text("Running, last look")).to_be_visible(timeout=PATIENCE_MS)
        expect(visit.page.get_by_text(AWAY)).to_have_count(0)
        visit.expect_no_complaint()


def test_page_says_that_its_own_server_is_gone_and_recovers_with_it(
    platform: Platform, browser: Browser, screenshots: Path
) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_overview()
        visit.page.route("**/", lambda route: route.abort())
        gone = visit.page.get_by_role("alert")
        expect(gone).to_contain_text(
            "The page's server cannot be reached. What you see was made at", timeout=PATIENCE_MS
        )
        expect(visit.page.get_by_text("Running")).not_to_be_visible()
        visit.shot(screenshots, "overview-gone")
        visit.page.unroute("**/")
        expect(visit.page.get_by_text("Running, last look")).to_be_visible(timeout=PATIENCE_MS)
        expect(gone).not_to_be_visible()


def test_an_answer_that_a_proxy_keeps_is_said_to_be_old(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.expect_overview()
        visit.page.route("**/", _made_hours_ago)
        gone = visit.page.get_by_role("alert")
        expect(gone).to_contain_text("The page's server does not answer", timeout=PATIENCE_MS)
        expect(gone).to_contain_text("(3 h ago)")
        expect(visit.page.get_by_text("Running")).not_to_be_visible()


def test_page_says_that_no_tick_has_run_yet(
    cluster: Cluster, browser: Browser, screenshots: Path, tmp_path: Path
) -> None:
    with cluster.database() as empty, running_platform(empty, tmp_path) as running:
        with visiting(browser, running.dashboard.url, window=PHONE) as visit:
            expect(visit.page.get_by_text("Nothing to show yet")).to_be_visible(timeout=PATIENCE_MS)
            expect(visit.page.get_by_text("Waiting for the first look")).to_be_visible()
            visit.expect_to_be_accessible()
            visit.expect_no_complaint()
            visit.shot(screenshots, "overview-empty")
        with visiting(browser, f"{running.dashboard.url}/explore", window=PHONE) as visit:
            expect(visit.page.get_by_text("Waiting for the first look")).to_be_visible(timeout=PATIENCE_MS)
            visit.expect_no_complaint()


# The state of trading, hours since the last tick and since the figures, and each banner from its title to its time.
_STATES = {
    "halted-and-late": (
        TradingState.HALTED,
        "daily_loss",
        2.5,
        5.0,
        (
            ("Trading is halted", "The loss limit of a day was reached.", 3.0),
            ("The trader is late", "It should look at the markets every few minutes.", 2.5),
            ("The figures are late", "Newer results are not in them yet.", 5.0),
        ),
    ),
    "reducing": (
        TradingState.REDUCING,
        "unseen",
        0.02,
        0.02,
        (("Trading only lowers risk", "More than half of the markets that were due were not seen.", 3.0),),
    ),
}


@pytest.mark.parametrize("name", _STATES)
def test_every_fault_has_its_banner_with_reason_and_time(
    cluster: Cluster, browser: Browser, screenshots: Path, tmp_path: Path, name: str
) -> None:
    state, code, tick, rollup, banners = _STATES[name]
    with cluster.database() as database:
        _write_state(database, state, code, tick=tick, rollup=rollup)
        with running_platform(database, tmp_path) as running:
            for path in ("/", "/explore"):
                with visiting(browser, running.dashboard.url + path, window=PHONE) as visit:
                    for title, reason, hours in banners:
                        banner = visit.page.get_by_role("status").filter(has_text=title)
                        expect(banner).to_contain_text(reason, timeout=PATIENCE_MS)
                        made = datetime.fromisoformat(str(banner.locator("time").get_attribute("datetime")))
                        assert abs(made - hours_ago(hours)) < timedelta(minutes=2)
                    expect(visit.page.get_by_role("status")).to_have_count(len(banners))
                    expect(visit.page.get_by_text("Running")).to_have_count(0)
                    visit.expect_to_fit()
                    visit.expect_to_be_accessible()
                    visit.expect_no_complaint()
                    visit.shot(screenshots, f"{path.strip('/') or 'overview'}-{name}")


def test_dashboard_reports_its_release_to_a_deploy(platform: Platform) -> None:
    for path in ("/_stcore/health", "/"):
        answer = httpx2.get(platform.dashboard.url + path)
        assert (answer.status_code, answer.headers["X-Milkbot-Release"]) == (200, "dev")


def test_page_of_another_site_cannot_open_the_socket(platform: Platform) -> None:
    address = platform.dashboard.url.replace("http://", "ws://") + "/_stcore/stream"
    with pytest.raises(InvalidStatus, match="403"):
        connect(address, origin=Origin("https://example.org"))
    with connect(address, origin=Origin(platform.dashboard.url), subprotocols=[Subprotocol("streamlit")]):
        pass


def _write_state(database: TestDatabase, held: TradingState, code: str, *, tick: float, rollup: float) -> None:
    """A trader in that state for three hours, and when it and the rollups worked last, in hours ago."""
    Facts(database.engine()).tick(hours_ago(tick), finished=hours_ago(tick), outcome="completed")
    run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal("992.10"))
    with transaction(database.engine()) as session:
        age = text("UPDATE analytics.health_metrics SET recorded_at = :at WHERE component_name = 'rollups'")
        session.execute(age, {"at": hours_ago(rollup)})
        by = f"breaker {code}"
        set_state(session, mode=TradingMode.DEMO, state=held, reason=by, set_by=by, since=hours_ago(3))


def _expect_chicago_alone(rows: Locator) -> None:
    expect(rows.filter(has_not_text="Chicago")).to_have_count(0, timeout=PATIENCE_MS)
    assert rows.count() > 0


def _with_another_heading(route: Route) -> None:
    answer = route.fetch(headers={**route.request.headers, "if-none-match": ""})
    body = re.sub("<h1>.*</h1>", "<h1>Another heading</h1>", answer.text())
    route.fulfill(response=answer, body=body)


def _made_hours_ago(route: Route) -> None:
    answer = route.fetch(headers={**route.request.headers, "if-none-match": ""})
    made = datetime.now(UTC) - timedelta(hours=3.1)
    route.fulfill(response=answer, headers={**answer.headers, "x-milkbot-made": made.isoformat()})
