"""A visit to the overview in a real browser, and what must hold on every one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

FIGURES = ("Profit and loss", "Equity", "Win rate", "Trades today", "Active positions")
DESKTOP = (1280, 900)
PHONE = (390, 844)
PUBLIC_AFTER = timedelta(minutes=60)
PATIENCE_MS = 20_000


@dataclass(slots=True)
class Visit:
    """A page and what the browser said about it."""

    page: Page
    host: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    explorer: bool = False

    def listen(self) -> None:
        """Take note of errors, and of requests that leave for another host."""
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != self.host:
            self.elsewhere.append(url)

    def trade_times(self) -> list[datetime]:
        """When the trades in the table were made, from the top."""
        rows = self.page.get_by_test_id("trades").locator("tbody tr")
        return [datetime.fromisoformat(str(row.get_attribute("data-time"))) for row in rows.all()]

    def expect_overview(self) -> None:
        """The figures are visible and have values, and the curve is drawn."""
        figures = self.page.get_by_test_id("figures")
        expect(figures).to_be_visible(timeout=PATIENCE_MS)
        for name in FIGURES:
            value = figures.locator("div", has=self.page.get_by_text(name, exact=True)).locator("dd").first
            expect(value).to_be_visible()
            assert any(character.isdigit() for character in value.inner_text()), f"{name} has no value"
        expect(self.page.get_by_test_id("updated")).to_be_visible()
        self.expect_curve()

    def expect_curve(self) -> None:
        """The chart's line is drawn, through more than one point, and as wide as the chart nearly is."""
        chart = self.page.get_by_test_id("curve")
        line = chart.locator("path.line")
        expect(line).to_be_visible(timeout=PATIENCE_MS)
        expect(line).to_have_attribute("d", re.compile(r"^M.+L"))
        drawn, whole = line.bounding_box(), chart.bounding_box()
        assert drawn is not None
        assert whole is not None
        assert drawn["width"] > whole["width"] * 0.6

    def expect_old_trades_only(self) -> None:
        """There are trades, newest first, and none of the last hour."""
        expect(self.page.get_by_test_id("trades")).to_be_visible(timeout=PATIENCE_MS)
        times = self.trade_times()
        assert times == sorted(times, reverse=True)
        assert times
        assert times[0] <= datetime.now(UTC) - PUBLIC_AFTER
        assert [moment for moment in times if moment.second or moment.microsecond] == []

    def expect_no_complaint(self) -> None:
        """The browser had no error, and nothing came from or went to another host."""
        # Streamlit looks for its server below its page's address first.
        seen = [text for text in self.complaints if not (self.explorer and "status of 404" in text)]
        assert seen == []
        assert self.elsewhere == []

    def expect_to_be_accessible(self) -> None:
        """axe-core finds no fault that it calls serious or critical."""
        found = Axe().run(self.page).response["violations"]
        serious = [f"{fault['id']}: {fault['help']}" for fault in found if fault["impact"] in {"serious", "critical"}]
        assert serious == []

    def expect_to_fit(self) -> None:
        """Nothing is wider than the window."""
        width = self.page.evaluate(
            "(document.querySelector('.stMain') || document.documentElement).scrollWidth - window.innerWidth"
        )
        assert width <= 0, f"the page is {width} pixels too wide"
        for table in self.page.locator(".mb-scroll").all():
            assert table.evaluate("part => part.scrollWidth <= part.clientWidth"), "a table must be scrolled sideways"

    def shot(self, directory: Path, name: str) -> None:
        """Save what is seen."""
        directory.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=directory / f"{name}.png")


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    window: tuple[int, int] = DESKTOP,
    scheme: str = "light",
    trust_any_certificate: bool = False,
    javascript: bool = True,
) -> Iterator[Visit]:
    """Open the address in a browser of its own; closed at the end."""
    context = browser.new_context(
        viewport={"width": window[0], "height": window[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        ignore_https_errors=trust_any_certificate,
        java_script_enabled=javascript,
        # A visitor far from UTC must see the same days.
        timezone_id="America/Los_Angeles",
    )
    try:
        visit = Visit(context.new_page(), str(urlsplit(url).hostname), explorer=urlsplit(url).path == "/explore")
        visit.listen()
        visit.page.goto(url)
        yield visit
    finally:
        context.close()
