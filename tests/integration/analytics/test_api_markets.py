"""What the service says of markets and forecasts, and pages that follow each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.facts import Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.analytics.service.market_schemas import Today
from milkbot.analytics.service.schemas import decimal_text
from milkbot.domain.chances import mid
from milkbot.domain.cities import Extreme, all_series, cities
from milkbot.domain.orders import BookSide

DAY = date(2026, 11, 20)


@pytest.fixture
def facts(database: TestDatabase) -> Facts:
    """A writer of demo facts, of a trader that has ticked."""
    facts = Facts(database.engine())
    facts.tick(hours_ago(0), finished=hours_ago(0), outcome="completed")
    return facts


def _pages(client: TestClient, path: str, rows: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list; fails where they never end."""
    for _ in range(50):
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page[rows]
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]
    pytest.fail("the pages never end")


def _today(client: TestClient, code: str) -> date:
    """The climate day of the city at the moment that the service answers for."""
    city = next(city for city in cities() if city.code == code)
    return city.climate_day_at(datetime.fromisoformat(client.get("/v1/metrics/hero").json()["as_of"]))


def _event(code: str, day: date) -> str:
    return market(code, day).rsplit("-", 1)[0]


def test_a_trade_says_what_it_is_about(client: TestClient, facts: Facts) -> None:
    facts.snapshot(market("NYC", DAY, "T49"), hours_ago(9), "0.10", "0.20")
    facts.fill(market("NYC", DAY, "T49"), hours_ago(8))
    (trade,) = client.get("/v1/trades/recent").json()["trades"]
    shown = {name: trade[name] for name in ("measure", "strike_type", "floor_strike", "cap_strike")}
    assert shown == {"measure": "high", "strike_type": "greater", "floor_strike": 49, "cap_strike": None}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("city", ["", "NYC"])
def test_pages_of_trades_show_each_trade_once_newest_first(
    client: TestClient, facts: Facts, limit: int, city: str
) -> None:
    minute = hours_ago(5).replace(second=0, microsecond=0)
    for number, minutes in enumerate((0, 0, 0, 1, 2, 2)):
        at = minute + timedelta(minutes=minutes, seconds=number)
        facts.fill(market("NYC", DAY), at, count=str(number + 1))
        facts.fill(market("CHI", DAY), at, count=str(number + 1))
    pages = list(_pages(client, "/v1/trades/recent", "trades", limit=limit, city=city))
    shown = [trade for page in pages for trade in page]
    assert {len(page) for page in pages[:-1]} <= {limit}
    times = [trade["trade_time"] for trade in shown]
    assert times == sorted(times, reverse=True)
    each = sorted((trade["city_code"], trade["quantity"]) for trade in shown)
    wanted = ["NYC"] if city else ["CHI", "NYC"]
    assert each == [(code, f"{number}.00") for code in wanted for number in range(1, 7)]


def test_pages_of_markets_show_each_market_once_newest_day_first(client: TestClient, facts: Facts) -> None:
    for ago in range(3):
        for strike in ("B60.5", "B62.5"):
            facts.fill(market("NYC", DAY - timedelta(days=ago), strike), hours_ago(30))
    facts.fill(market("CHI", DAY), hours_ago(30))
    pages = list(_pages(client, "/v1/markets/recent", "markets", limit=2, city="NYC"))
    assert [row["ticker"] for page in pages for row in page] == [
        market("NYC", DAY - timedelta(days=ago), strike) for ago in range(3) for strike in ("B60.5", "B62.5")
    ]
    assert len(client.get("/v1/markets/recent").json()["markets"]) == 7


def test_a_market_is_its_trades_folded(client: TestClient, facts: Facts) -> None:
    ticker = market("NYC", DAY)
    facts.snapshot(ticker, hours_ago(31), "0.38", "0.42")
    facts.fill(ticker, hours_ago(30), side=BookSide.ASK, count="10", price="0.40")
    facts.fill(ticker, hours_ago(29), side=BookSide.ASK, count="5", price="0.34")
    facts.settle(ticker, hours_ago(2), yes=False)
    facts.result(ticker, hours_ago(2), "no", "63.00")
    (row,) = client.get("/v1/markets/recent").json()["markets"]
    times = {name: row.pop(name) for name in ("first_trade_time", "last_trade_time", "settled_at")}
    assert row == {
        "ticker": ticker,
        "event_ticker": _event("NYC", DAY),
        "city_code": "NYC",
        "climate_day": "2026-11-20",
        "measure": "high",
        "strike_type": "between",
        "floor_strike": 60,
        "cap_strike": 61,
        "first_leg": "no",
        "trades": 2,
        "bought": "15.00",
        "sold": "0.00",
        "held_leg": "no",
        "held": "15.00",
        "cost": "9.30",
        "fees": "0.34",
        "is_open": False,
        "result": "no",
        "official_value": "63.00",
        "realized_pnl": "5.36",
        "unrealized_pnl": None,
        "marked_at": None,
    }
    assert all(datetime.fromisoformat(time).second == 0 for time in times.values())


def test_a_result_is_shown_with_its_report_whether_it_was_held_or_not(client: TestClient, facts: Facts) -> None:
    held, other, corrected = market("NYC", DAY), market("NYC", DAY, "T61"), hours_ago(2)
    facts.fill(held, hours_ago(30))
    facts.snapshot(other, hours_ago(31), "0.38", "0.42")
    facts.result(held, hours_ago(9), "yes", "61.00")
    facts.result(other, hours_ago(9), "no", "61.00")
    facts.result(held, corrected, "no", "62.00")
    first, second = client.get("/v1/results/recent", params={"city": "NYC"}).json()["results"]
    assert [first[name] for name in ("ticker", "result", "official_value")] == [held, "no", "62.00"]
    assert (first["first_result"], first["first_official_value"]) == ("yes", "61.00")
    assert datetime.fromisoformat(first["corrected_at"]) == corrected.replace(second=0, microsecond=0)
    assert datetime.fromisoformat(second.pop("settled_at")).second == 0
    assert second == {
        "ticker": other,
        "measure": "high",
        "strike_type": "greater",
        "floor_strike": 61,
        "cap_strike": None,
        "event_ticker": _event("NYC", DAY),
        "city_code": "NYC",
        "climate_day": "2026-11-20",
        "result": "no",
        "official_value": "61.00",
        "source": "CLINYC",
        "first_result": None,
        "first_official_value": None,
        "corrected_at": None,
    }


@pytest.mark.parametrize("degrees", ["", "61 or so", "1e3"])
def test_an_official_value_that_is_no_temperature_is_left_out(client: TestClient, facts: Facts, degrees: str) -> None:
    facts.result(market("NYC", DAY), hours_ago(9), "yes", degrees)
    (row,) = client.get("/v1/results/recent").json()["results"]
    assert (row["result"], row["official_value"]) == ("yes", None)


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("city", ["", "NYC"])
def test_pages_of_results_show_each_market_once_newest_day_first(
    client: TestClient, facts: Facts, limit: int, city: str
) -> None:
    low = next(one.ticker for one in all_series() if one.city.code == "NYC" and one.extreme is Extreme.LOW)
    wanted: dict[str, list[str]] = {"NYC": [], "": []}
    for ago in range(3):
        day = DAY - timedelta(days=ago)
        for strike in ("B60.5", "B62.5"):
            high = market("NYC", day, strike)
            of_city = [high, f"{low}-{high.partition('-')[2]}"]
            wanted["NYC"] += of_city
            wanted[""] += [*of_city, market("CHI", day, strike)]
    for ticker in wanted[""]:
        facts.result(ticker, hours_ago(30), "no", "70.00")
        facts.result(ticker, hours_ago(29), "yes", "70.00")
    pages = list(_pages(client, "/v1/results/recent", "results", limit=limit, city=city))
    shown = [(row["climate_day"], row["ticker"]) for page in pages for row in page]
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert shown == sorted(shown, key=lambda row: (-date.fromisoformat(row[0]).toordinal(), row[1]))
    assert sorted(ticker for _, ticker in shown) == sorted(wanted[city])


def test_results_are_given_as_a_table(client: TestClient, facts: Facts) -> None:
    facts.result(market("NYC", DAY), hours_ago(9), "yes", "61.00")
    head, row, _ = client.get("/v1/results/recent?format=csv").text.split("\r\n")
    shown = dict(zip(head.split(","), row.split(","), strict=True))
    assert (shown["ticker"], shown["official_value"], shown["corrected_at"]) == (market("NYC", DAY), "61.00", "")


def test_today_shows_each_event_once_with_the_forecast_and_the_market(client: TestClient, facts: Facts) -> None:
    day = _today(client, "NYC")
    event = _event("NYC", day)
    facts.forecast(event, hours_ago(2), {"T61": 0.5, "B60.5": 0.5})
    facts.fill(f"{event}-T61", hours_ago(2), side=BookSide.ASK)
    weather = {"forecast_high_f": 60.5, "observed_max_f": 58.3, "forecast_low_f": 40.0, "observed_min_f": 41.0}
    facts.forecast(event, hours_ago(1.1), {"T61": 0.25, "L60": 0.15, "B60.5": 0.6}, weather=weather)
    facts.forecast(event, hours_ago(0.9), {"T61": 0.99, "L60": 0.0, "B60.5": 0.01}, weather=weather)
    facts.forecast(_event("CHI", _today(client, "CHI")), hours_ago(1.5), None)
    written = client.get("/v1/forecast/today").text
    # A whole number of degrees has no decimals.
    assert json.loads(Today.model_validate_json(written).model_dump_json()) == json.loads(written)
    answer = json.loads(written)
    assert [(one["city_code"], one["measure"]) for one in answer["events"]] == [("NYC", "high"), ("CHI", "high")]
    newyork, chicago = answer["events"]
    assert (newyork["climate_day"], newyork["forecast_f"], newyork["observed_f"]) == (str(day), 60.5, 58.3)
    brackets = newyork["brackets"]
    assert [(row["strike_type"], row["probability"], row["mid"]) for row in brackets] == [
        ("less", 0.15, "0.40"),
        ("between", 0.6, "0.40"),
        ("greater", 0.25, "0.40"),
    ]
    assert [row["market_probability"] for row in brackets] == [0.333333] * 3
    assert [(row["held_leg"], row["held"]) for row in brackets] == [(None, "0.00"), (None, "0.00"), ("no", "10.00")]
    assert (chicago["reason"], chicago["brackets"][0]["probability"]) == ("forecast_stale", None)


_PRICES = [None, *(Decimal(cents) / 100 for cents in (1, 37, 50, 99)), Decimal("0.005")]


@pytest.mark.parametrize("unpriced", [False, True])
def test_the_market_next_to_a_forecast_is_the_mid_of_the_domain_as_a_share_of_all(
    client: TestClient, facts: Facts, *, unpriced: bool
) -> None:
    event = _event("NYC", _today(client, "NYC"))
    pairs = [(bid, ask) for bid in _PRICES for ask in _PRICES if unpriced or (bid, ask) != (None, None)]
    quotes = {f"B{number}.5": pair for number, pair in enumerate(pairs)}
    facts.forecast(event, hours_ago(2), dict.fromkeys(quotes, 1 / len(quotes)), quotes=quotes)
    (shown,) = client.get("/v1/forecast/today").json()["events"]
    mids = [mid(bid, ask) for bid, ask in pairs]
    assert [row["mid"] for row in shown["brackets"]] == [price and decimal_text(price) for price in mids]
    known = [price for price in mids if price is not None]
    shares = (
        [None] * len(pairs) if unpriced else [pytest.approx(float(price / sum(known)), abs=6e-7) for price in known]
    )
    assert [row["market_probability"] for row in shown["brackets"]] == shares


def test_today_can_be_limited_to_one_city_and_leaves_out_days_that_are_over(client: TestClient, facts: Facts) -> None:
    for code, ahead in (("NYC", 0), ("NYC", 1), ("NYC", -1), ("CHI", 0)):
        facts.forecast(_event(code, _today(client, code) + timedelta(days=ahead)), hours_ago(2), {"B60.5": 1.0})
    events = client.get("/v1/forecast/today", params={"city": "nyc"}).json()["events"]
    today = _today(client, "NYC")
    assert [one["climate_day"] for one in events] == [str(today), str(today + timedelta(days=1))]


@pytest.mark.parametrize(
    ("path", "cursor"),
    [
        ("trades", "20261199T1200-1"),
        ("trades", "20261120T1200-12345"),
        ("trades", "20261120-KXHIGHNY-26NOV20-B60.5"),
        ("markets", "20261199-KXHIGHNY-26NOV20-B60.5"),
        ("markets", "20261120T1200-1"),
    ],
)
def test_a_cursor_that_no_answer_gave_is_refused(client: TestClient, path: str, cursor: str) -> None:
    answer = client.get(f"/v1/{path}/recent", params={"cursor": cursor})
    assert answer.status_code == 422
    assert f"cursor is '{cursor}'" in answer.json()["detail"]


PUBLIC = (
    "/v1/metrics/hero",
    "/v1/metrics/cities?days=3650",
    "/v1/metrics/strategies?days=3650",
    "/v1/metrics/execution?newest=200",
    "/v1/trades/recent?limit=100",
    "/v1/trades/recent?limit=100&city=NYC",
    "/v1/trades/recent?cursor=20990101T0000-0",
    "/v1/trades/recent?format=csv",
    "/v1/markets/recent?limit=100",
    "/v1/markets/recent?cursor=20990101-KXHIGHNY-99JAN01-B60.5",
    "/v1/results/recent?limit=100",
    "/v1/results/recent?limit=100&city=NYC",
    "/v1/results/recent?cursor=20990101-KXHIGHNY-99JAN01-B60.5",
    "/v1/results/recent?format=csv",
    "/v1/performance/equity?days=3650",
    "/v1/performance/drawdown?days=3650",
    "/v1/performance/daily?days=3650",
    "/v1/forecast/today",
    "/v1/forecast/today?city=NYC",
)


def test_nothing_of_the_last_hour_changes_an_answer(client: TestClient, database: TestDatabase, facts: Facts) -> None:
    day = _today(client, "NYC")
    event = _event("NYC", day)

    def happen(at: datetime, strike: str, chance: float) -> None:
        facts.forecast(event, at, {"L60": chance, "B60.5": 1 - chance}, weather={"forecast_high_f": 60.0})
        facts.fill(f"{event}-{strike}", at, price="0.30")
        facts.fill(f"{event}-B60.5", at, price="0.50")
        facts.snapshot(f"{event}-B60.5", at, "0.60", "0.70")
        facts.settle(f"{event}-{strike}", at, yes=True)
        facts.result(f"{event}-{strike}", at, "yes", "60.00")
        facts.result(f"{event}-B60.5", at, "no", f"{60 + chance:.2f}")
        run_rollups(database.engine("milkbot_rollups"), bankroll=Decimal(1000))

    def shown() -> dict[str, str]:
        return {path: re.sub(r'"as_of":"[^"]+"', "", client.get(path).text) for path in PUBLIC}

    happen(hours_ago(1.5), "L60", 0.25)
    before = shown()
    assert all("B60.5" in before[path] for path in PUBLIC if "recent" in path or "today" in path)
    happen(hours_ago(0.9), "T61", 0.5)
    assert shown() == before
