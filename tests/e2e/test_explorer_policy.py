"""The explorer under the policy that nginx sends with it, in a real browser and without a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, Route, expect
from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.local_platform import Platform
from tests.e2e.visit import PATIENCE_MS, Visit, visiting
from tests.roles.rendering import evaluate

POLICY: list[str] = evaluate("_nginx_explorer_policy")
# What allows more than the page's own files.
LOOSE = ("'unsafe-inline'", "data:", "'sha256-")


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One in which an answer that a test has changed may still talk to the server of this machine."""
    arguments = [*ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"]
    with playwright.chromium.launch(executable_path=CHROMIUM, args=arguments) as launched:
        yield launched


def _open(visit: Visit, platform: Platform, policy: list[str]) -> None:
    host = platform.dashboard.url.removeprefix("http://")
    # nginx serves by https, where a websocket is wss.
    sent = "; ".join(policy).replace("wss://$host", f"ws://{host}")

    def with_policy(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": sent})

    visit.page.route("**/explore", with_policy)
    visit.page.goto(f"{platform.dashboard.url}/explore")


def test_the_explorer_works_under_its_policy(platform: Platform, browser: Browser) -> None:
    with visiting(browser, platform.dashboard.url) as visit:
        visit.explorer = True
        _open(visit, platform, POLICY)
        visit.expect_old_trades_only()
        expect(visit.page.get_by_test_id("stVegaLiteChart").locator(".mark-line path").first).to_be_visible()
        visit.expect_no_complaint()


@pytest.mark.parametrize("loose", LOOSE)
def test_each_loose_part_of_the_policy_is_needed(platform: Platform, browser: Browser, loose: str) -> None:
    strict = [" ".join(word for word in line.split() if not word.startswith(loose)) for line in POLICY]
    assert strict != POLICY
    with (
        visiting(browser, platform.dashboard.url) as visit,
        visit.page.expect_event("console", lambda line: "Content Security Policy" in line.text, timeout=PATIENCE_MS),
    ):
        _open(visit, platform, strict)
