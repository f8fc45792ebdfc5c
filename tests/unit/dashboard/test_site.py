"""The public pages from the API's answers: complete without JavaScript, without a browser and without a network."""

from __future__ import annotations

import asyncio
import gzip
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.unit.dashboard.conftest import POINT, TRADE, UPPER, Api, Clock, plain

from milkbot.amounts import MINUS
from milkbot.dashboard.configured import analytics, settings
from milkbot.dashboard.notices import REASONS
from milkbot.dashboard.site.answers import FRESH_SECONDS, USABLE_SECONDS, Answer, PageAnswers
from milkbot.dashboard.site.files import address, read
from milkbot.dashboard.site.pages import Overview
from milkbot.dashboard.wording import ago
from milkbot.risk.breakers import Breaker

HALTED = {
    "trading_state": "halted",
    "trading_state_code": "reconciliation",
    "trading_state_since": "2026-11-20T11:00:00Z",
}
LATE = {"tick_late_seconds": 900}


def _text(markup: str) -> str:
    """What is read, on one line."""
    return plain("<main" + markup.partition("<main")[2].partition("</main>")[0])


def test_page_shows_the_figures_of_the_api(site: TestClient) -> None:
    shown = site.get("/").text
    for value in (
        f"{MINUS}$10.00",
        f"{MINUS}1.0% since the start",
        "$990.00",
        "1.0% below its high",
        "25.0%",
        ">3<",
        ">1<",
    ):
        assert value in shown, value


def test_page_has_everything_without_javascript(site: TestClient) -> None:
    shown = site.get("/").text
    assert "New York, Fri 20 Nov: high 60 or 61 °F" in shown
    assert "bought YES, 10 at 40¢; cost $4.00 + $0.17 fee, pays $10.00 if right" in shown
    assert re.search(r'<path class="line" d="M0 [\d.]+L1000 [\d.]+"', shown)
    assert 'href="/?span=week"' in shown
    assert '<form action="/" method="get"' in shown


@pytest.mark.parametrize(
    ("mode", "words"), [("shadow", "sends no orders"), ("demo", "no real money"), ("live", "real money")]
)
def test_page_says_the_mode_in_words(api: Api, site: TestClient, mode: str, words: str) -> None:
    api.hero["mode"] = mode
    shown = site.get("/").text
    assert f'<p class="mb-mode {mode}"><b>{mode.upper()}</b>' in shown
    assert words in _text(shown)


def test_a_platform_without_a_fault_is_said_to_run_with_the_time_of_the_last_tick(site: TestClient) -> None:
    assert re.search(r"Running, last look 20 Nov, 12:00 UTC \(\d+ days ago\)", _text(site.get("/").text))


def test_a_halt_and_a_late_trader_are_both_said_and_nothing_is_said_to_run(api: Api, site: TestClient) -> None:
    api.status |= HALTED | LATE
    shown = _text(site.get("/").text)
    assert "Trading is halted , since 20 Nov, 11:00 UTC" in shown
    assert "The ledger and the exchange do not agree. No order is sent." in shown
    assert "The trader is late , last look 20 Nov, 12:00 UTC" in shown
    assert "Running" not in shown


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HALTED, "Trading is halted , since 20 Nov, 11:00 UTC"),
        (HALTED | {"trading_state": "reducing"}, "Trading only lowers risk , since 20 Nov, 11:00 UTC"),
        (LATE, "The trader is late , last look 20 Nov, 12:00 UTC"),
        ({"last_tick_finished": None}, "Waiting for the first look"),
        ({"rollup_late_seconds": 900}, "The figures are late , computed last 20 Nov, 12:00 UTC"),
    ],
)
def test_each_fault_has_its_notice(api: Api, site: TestClient, fault: dict[str, Any], words: str) -> None:
    api.status |= fault
    shown = _text(site.get("/").text)
    assert words in shown
    assert "Running" not in shown


def test_a_trader_within_its_time_is_not_late_and_the_browser_knows_until_when(api: Api, site: TestClient) -> None:
    seen = datetime.now(UTC)
    api.status |= {"last_tick_finished": seen.isoformat(), "tick_late_seconds": 900}
    late = (seen + timedelta(seconds=900)).isoformat()
    assert f'data-late="{late}">Running' in site.get("/").text


@pytest.mark.parametrize("code", [*REASONS, "a code of tomorrow", None])
def test_a_halt_is_said_with_its_reason_never_with_a_code(api: Api, site: TestClient, code: str | None) -> None:
    api.status |= HALTED | {"trading_state_code": code}
    shown = _text(site.get("/").text)
    assert REASONS.get(code or "", "No order is sent.") in shown
    assert "_" not in shown


def test_every_breaker_has_words() -> None:
    assert set(REASONS) == {"operator", "reconciliation", *(str(breaker) for breaker in Breaker)}


def test_a_database_that_is_down_is_named(api: Api, site: TestClient) -> None:
    api.database_down = True
    assert "The database does not answer" in _text(site.get("/").text)


def test_an_api_that_never_answered_is_a_503_that_says_so(api: Api, site: TestClient) -> None:
    api.down = True
    answer = site.get("/")
    assert answer.status_code == 503
    assert answer.headers["Cache-Control"] == "no-store"
    assert "The analytics service does not answer" in _text(answer.text)
    assert "$" not in _text(answer.text)


def test_an_api_that_went_away_leaves_the_last_answer_with_its_time(api: Api, site: TestClient, clock: Clock) -> None:
    site.get("/")
    api.down = True
    clock.now = USABLE_SECONDS + 1
    shown = site.get("/")
    assert shown.status_code == 200
    assert f"{MINUS}$10.00" in shown.text
    assert re.search(r"does not answer , last answer \d\d:\d\d UTC", _text(shown.text))
    assert "Updated" not in _text(shown.text)
    api.down = False
    clock.now *= 2
    clock.now += 1
    assert "does not answer" not in site.get("/").text


def test_a_filter_that_was_never_read_shows_no_figures_of_another_one(api: Api, site: TestClient) -> None:
    site.get("/")
    api.down = True
    answer = site.get("/?city=CHI")
    assert answer.status_code == 503
    assert "DEMO" in answer.text
    assert f"{MINUS}$10.00" not in answer.text


def test_an_answer_in_another_form_counts_as_none(api: Api, site: TestClient) -> None:
    api.hero = {"total": 1}
    assert site.get("/").status_code == 503


def test_a_city_shows_its_trades_alone(site: TestClient) -> None:
    assert "No public trade in Chicago yet" in site.get("/?city=CHI").text
    assert "New York, Fri 20 Nov" in site.get("/?city=nyc").text


def test_what_is_on_no_list_counts_as_not_given() -> None:
    for query in ({"span": "century"}, {"city": "XYZ"}, {"span": "", "city": "<b>"}, {"days": "7"}):
        assert Overview.of(query) == Overview()
    assert Overview.of({"span": "week", "city": "chi"}) == Overview("week", "CHI")


def test_a_platform_without_a_tick_says_that_there_is_nothing_yet(api: Api, site: TestClient) -> None:
    api.hero |= {"mode": None, "total_pnl": "0.00", "win_rate": None}
    api.points, api.trades = [], []
    api.status |= {"mode": None, "trading_state": None, "last_tick_finished": None}
    shown = _text(site.get("/").text)
    assert "Nothing to show yet" in shown
    assert "Waiting for the first look" in shown


def test_a_platform_without_a_trade_shows_no_results(api: Api, site: TestClient) -> None:
    api.hero |= {"total_pnl": "0.00", "win_rate": None}
    api.points, api.trades = [], []
    shown = site.get("/").text
    assert "No result in this span" in shown
    assert "No public trade yet" in shown


def test_a_sale_is_said_to_be_one(api: Api, site: TestClient) -> None:
    api.trades = [{**TRADE, "action": "sell", "total_cost": "-3.83"}]
    assert "sold YES, 10 at 40¢; brought $4.00 less $0.17 fee" in site.get("/").text


def test_who_buys_no_reads_what_makes_it_right(api: Api, site: TestClient) -> None:
    api.trades = [{**TRADE, "side": "no", "price": "0.88"}]
    assert "bought NO, 10 at 88¢: right if it is anything but 60 or 61 °F" in site.get("/").text


def test_an_outer_bracket_is_said_with_its_direction(api: Api, site: TestClient) -> None:
    api.trades = [{**TRADE, "ticker": "KXHIGHNY-26NOV20-T61", **UPPER}]
    shown = site.get("/").text
    assert "New York, Fri 20 Nov: high 62 °F or more" in shown
    assert "tail" not in _text(shown)
    # The ticker is for those who ask for it.
    assert "KXHIGHNY" not in _text(shown)


def test_open_positions_are_priced_apart_from_the_equity(api: Api, site: TestClient) -> None:
    api.hero |= {"unrealized_pnl": "3.20", "unpriced_positions": 1}
    shown = site.get("/").text
    assert "+$3.20 if sold an hour ago, 1 without a buyer" in shown
    assert "an open position stands at what it cost" in _text(shown)


def test_overview_says_what_is_expected_of_each_city(site: TestClient) -> None:
    shown = site.get("/").text
    card = plain(shown.partition('<ul class="mb-cards">')[2].partition("</li>")[0])
    assert card == "New York 1 position High: 61 °F expected, 60.1 so far"
    assert 'href="/city/NYC"' in shown


def test_markup_in_an_answer_is_escaped(api: Api, site: TestClient) -> None:
    api.trades = [{**TRADE, "ticker": '"><script>alert(1)</script>', "city_code": "<b>"}]
    shown = site.get("/").text
    assert "<script>alert" not in shown
    assert "<b>," not in shown


def test_the_curve_and_its_numbers_say_the_same(api: Api, site: TestClient) -> None:
    api.points = [POINT, {**POINT, "date": "2026-11-20", "ending_equity": "1005.00", "daily_pnl": "15.00"}]
    shown = site.get("/").text
    table = shown.partition('<details id="numbers">')[2].partition("</details>")[0]
    assert re.findall(r"\$[\d.,]+", table) == ["$1,005.00", "$15.00", "$990.00", "$10.00"]


def _figures(markup: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]*)</dd>\s*<dd[^>]*>([^<]*)</dd>", markup)
    return {name: (value, note) for name, value, note in found}


def test_fees_the_worst_fall_and_the_number_of_markets_are_of_all_days(api: Api, site: TestClient) -> None:
    fall = {"date": "2026-11-05", "drawdown": "70.44", "drawdown_pct": "7.10", "high_water_mark": "992.10"}
    api.falls = [{**fall, "date": "2026-10-28", "drawdown": "0.00", "drawdown_pct": "0.00"}, fall]
    api.worst = fall
    results = {"trades": 1, "gross_pnl": "0.00", "net_pnl": "0.00", "win_rate": None, "volume": "1.00"}
    api.city_results = [
        {"city_code": code, "city_name": code, **results, "fees": fees, "wins": wins, "losses": losses}
        for code, fees, wins, losses in (("NYC", "10.15", 3, 1), ("CHI", "8.25", 1, 1300))
    ]
    shown = _figures(site.get("/").text)
    assert shown["Profit and loss"][1] == f"{MINUS}1.0% since Wed 28 Oct"
    assert shown["Win rate"][1] == "of 1,305 decided markets"
    assert shown["Worst fall"] == (f"{MINUS}7.1%", "below its high, Thu 5 Nov")
    assert shown["Fees"][0] == "$18.40"


def test_an_account_that_never_fell_says_so(site: TestClient) -> None:
    assert _figures(site.get("/").text)["Worst fall"] == ("0.0%", "never below its high")


def test_a_preview_has_an_image_of_this_server_where_its_address_is_set(
    site: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "og:image" not in site.get("/city/NYC").text
    monkeypatch.setenv("SITE_URL", "https://milkbot.test")
    settings.cache_clear()
    image = re.search(r'property="og:image" content="https://milkbot.test(/assets/[^"]+)"', site.get("/skill").text)
    assert image
    answer = site.get(image[1], headers={"Accept-Encoding": "identity"})
    assert (answer.headers["Content-Type"], answer.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert tuple(int.from_bytes(answer.content[at : at + 4]) for at in (16, 20)) == (1200, 630)


def test_the_source_is_linked_where_its_address_is_set(site: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ">Source<" not in site.get("/city/NYC").text
    monkeypatch.setenv("SOURCE_URL", "https://example.org/milkbot")
    settings.cache_clear()
    assert '<a href="https://example.org/milkbot" rel="noopener">Source</a>' in site.get("/skill").text


def test_a_page_is_asked_for_in_words_by_search_engines_and_previews(site: TestClient) -> None:
    head = site.get("/").text.partition("</head>")[0]
    assert "<title>Milkbot: trading the weather in the open</title>" in head
    for name in ('name="description"', 'property="og:title"', 'property="og:description"'):
        assert re.search(f'<meta {name} content="[^"]*(Milkbot|DEMO, no real money)', head), name


def test_the_explorer_has_a_title_and_a_description_of_its_own(site: TestClient) -> None:
    head = site.get("/explore").text.partition("</head>")[0]
    assert "<title>Milkbot: explore" in head
    assert 'name="description"' in head
    assert "service-desc" not in head


def test_the_policy_allows_nothing_inline(site: TestClient) -> None:
    answer = site.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?! src=)|<style|style=|\son\w+=", answer.text) == []


def test_an_unchanged_page_costs_no_bytes_and_says_when_it_was_made(site: TestClient, clock: Clock) -> None:
    first = site.get("/")
    clock.now = USABLE_SECONDS + 1
    again = site.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert datetime.fromisoformat(again.headers["X-Milkbot-Made"]) <= datetime.now(UTC)


def test_a_new_fact_changes_the_tag(api: Api, site: TestClient, clock: Clock) -> None:
    first = site.get("/").headers["ETag"]
    api.status["last_tick_finished"] = "2026-11-20T12:05:00Z"
    clock.now = USABLE_SECONDS + 1
    assert site.get("/").headers["ETag"] != first


def test_a_page_is_sent_compressed_to_who_takes_that(site: TestClient) -> None:
    plain = site.get("/", headers={"Accept-Encoding": "identity"})
    zipped = site.get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.text == plain.text
    assert int(zipped.headers["Content-Length"]) < 8000


def test_files_are_kept_for_good_by_their_hash(site: TestClient) -> None:
    for name in ("site.css", "live.js", "logo.svg"):
        answer = site.get(address(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert f'"{address(name)}"' in site.get("/").text


def test_a_page_of_another_release_gets_the_files_of_this_one(site: TestClient) -> None:
    answer = site.get("/assets/site-000000000000.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert site.get("/assets/site.css").status_code == 404
    assert site.get("/assets/other-000000000000.css").status_code == 404


def test_robots_and_icon_are_no_pages(site: TestClient) -> None:
    assert site.get("/robots.txt").headers["Content-Type"].startswith("text/plain")
    assert site.get("/favicon.ico").content.startswith(b"\x00\x00\x01\x00")


def test_javascript_is_at_most_five_kilobytes() -> None:
    assert len(read("live.js")) <= 5000
    assert len(gzip.compress(read("live.js"))) <= 2000


def test_a_hundred_visitors_ask_the_api_once(api: Api) -> None:
    answers = PageAnswers(analytics, 30, Clock())

    async def visit() -> list[Answer]:
        return await asyncio.gather(*(answers.answer(Overview()) for _ in range(100)))

    assert len(set(map(id, asyncio.run(visit())))) == 1
    assert api.asked.count("/v1/metrics/hero") == 1


def test_everybody_gets_the_old_answer_while_a_new_one_is_made(api: Api) -> None:
    clock = Clock()
    answers = PageAnswers(analytics, 30, clock)

    async def visit() -> tuple[Answer, Answer, Answer]:
        first = await answers.answer(Overview())
        api.trades = []
        clock.now = FRESH_SECONDS + 1
        during = await answers.answer(Overview())
        clock.now = USABLE_SECONDS + 1
        # Too old to be given: this one waits.
        late = await answers.answer(Overview())
        return first, during, late

    first, during, late = asyncio.run(visit())
    assert during is first
    assert late.etag != first.etag


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=119), "119 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(passed: timedelta, said: str) -> None:
    assert ago(passed) == said
