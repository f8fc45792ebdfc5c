"""A candlestick that shows another price than was traded would teach a strategy something false."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.simulator.api import Api, served
from tests.unit.simulator.scripted import LOW, MIDDLE, OPENS, PLAN, ScriptedWorld

PATH = f"/series/KXHIGHNY/markets/{MIDDLE}/candlesticks"
OPEN = int(OPENS.timestamp())
HOUR, DAY = 3600, 86_400


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Two hours in which 3 contracts trade at 50 cents, then 1 at 41; the quotes rise in the second hour."""
    world = ScriptedWorld()
    world.house.quote(MIDDLE, OPENS, 40, 50)
    world.house.quote(MIDDLE, OPENS + timedelta(minutes=90), 41, 60)
    with served(tmp_path, world, OPENS) as api:
        api.tick(minutes=10)
        take(api, "bid", "0.5000", "3.00")
        api.tick(minutes=90)
        take(api, "ask", "0.4100", "1.00")
        api.tick(minutes=70)
        yield api


def take(api: Api, side: str, price: str, count: str) -> None:
    named = {"client_order_id": f"{side}-{price}", "time_in_force": "immediate_or_cancel"}
    reply = api.order(ticker=MIDDLE, side=side, price=price, count=count, **named).json()
    assert reply["fill_count"] == count


def candles(api: Api, path: str = PATH, start: int = OPEN, end: int = OPEN + 10 * HOUR, minutes: int = 60) -> Any:
    return api.get(path, start_ts=start, end_ts=end, period_interval=minutes)


def extremes(first: str, high: str, low: str, last: str) -> dict[str, str]:
    return {"open_dollars": first, "high_dollars": high, "low_dollars": low, "close_dollars": last}


def test_an_hour_has_its_trades_and_quotes(api: Api) -> None:
    first, second = candles(api)["candlesticks"]
    assert first == {
        "end_period_ts": OPEN + HOUR,
        "yes_bid": extremes("0.4000", "0.4000", "0.4000", "0.4000"),
        "yes_ask": extremes("0.5000", "0.5000", "0.5000", "0.5000"),
        "price": {**extremes("0.5000", "0.5000", "0.5000", "0.5000"), "mean_dollars": "0.5000"},
        "volume_fp": "3.00",
        "open_interest_fp": "3.00",
    }
    assert second == {
        "end_period_ts": OPEN + 2 * HOUR,
        "yes_bid": extremes("0.4000", "0.4100", "0.4000", "0.4100"),
        "yes_ask": extremes("0.5000", "0.6000", "0.5000", "0.6000"),
        "price": {
            **extremes("0.4100", "0.4100", "0.4100", "0.4100"),
            "mean_dollars": "0.4100",
            "previous_dollars": "0.5000",
        },
        "volume_fp": "1.00",
        "open_interest_fp": "2.00",
    }


def test_a_day_ends_at_midnight_in_new_york(api: Api) -> None:
    api.tick(hours=24)
    (day,) = candles(api, end=OPEN + 2 * DAY, minutes=1440)["candlesticks"]
    assert day["end_period_ts"] == OPEN + 14 * HOUR
    assert (day["volume_fp"], day["price"]["mean_dollars"]) == ("4.00", "0.4775")
    assert (day["price"]["high_dollars"], day["price"]["low_dollars"]) == ("0.5000", "0.4100")


def test_only_periods_that_end_within_the_bounds_and_have_ended_are_shown(api: Api) -> None:
    ends = [OPEN + HOUR, OPEN + 2 * HOUR]
    asked = {"all": (OPEN, OPEN + 10 * HOUR), "exact": (ends[0], ends[1]), "late": (ends[0] + 1, ends[1])}
    found = {
        name: [row["end_period_ts"] for row in candles(api, start=start, end=end)["candlesticks"]]
        for name, (start, end) in asked.items()
    }
    assert found == {"all": ends, "exact": ends, "late": ends[1:]}


def test_a_market_without_quotes_or_trades_has_candlesticks_without_prices(api: Api) -> None:
    (first, _) = candles(api, f"/series/KXHIGHNY/markets/{LOW}/candlesticks")["candlesticks"]
    assert first["price"] == {}
    assert (first["yes_bid"]["high_dollars"], first["yes_ask"]["low_dollars"]) == ("0.0000", "1.0000")
    assert (first["volume_fp"], first["open_interest_fp"]) == ("0.00", "0.00")


def test_an_event_and_a_list_of_markets_give_the_same_candlesticks(api: Api) -> None:
    expected = candles(api)["candlesticks"]
    event = candles(api, f"/series/KXHIGHNY/events/{PLAN.ticker}/candlesticks")
    assert dict(zip(event["market_tickers"], event["market_candlesticks"], strict=True))[MIDDLE] == expected
    many = api.get(
        "/markets/candlesticks",
        market_tickers=f"{MIDDLE},unknown",
        start_ts=OPEN,
        end_ts=OPEN + 10 * HOUR,
        period_interval=60,
    )
    assert many == {"markets": [{"market_ticker": MIDDLE, "candlesticks": expected}]}


def test_a_market_long_settled_is_in_the_historical_tier_alone(api: Api) -> None:
    live = candles(api)["candlesticks"]
    assert api.ask("GET", f"/historical/markets/{MIDDLE}").status_code == 404
    api.tick(days=100)
    past = candles(api, f"/historical/markets/{MIDDLE}/candlesticks", end=OPEN + 2 * HOUR)["candlesticks"]
    assert past[1]["price"]["previous"] == live[1]["price"]["previous_dollars"]
    assert past[0]["price"]["previous"] is None
    assert [row["volume"] for row in past] == [row["volume_fp"] for row in live]
    assert api.get(f"/historical/markets/{MIDDLE}")["market"]["status"] == "finalized"
    assert api.ask("GET", f"/markets/{MIDDLE}").status_code == 404
    assert api.get("/markets")["markets"] == []
    assert api.get(f"/events/{PLAN.ticker}")["markets"] == []
    assert {row["ticker"] for row in api.get("/historical/markets", series_ticker="KXHIGHNY")["markets"]} >= {MIDDLE}
    assert len(api.get("/historical/trades", ticker=MIDDLE)["trades"]) == 2
    assert api.get("/markets/trades")["trades"] == []


def test_percentiles_are_where_the_prices_of_the_brackets_add_up(api: Api) -> None:
    path = f"/series/KXHIGHNY/events/{PLAN.ticker}/forecast_percentile_history"
    asked = {"percentiles": [0, 2000, 5000, 9999], "start_ts": OPEN, "end_ts": OPEN + HOUR, "period_interval": 60}
    (point,) = api.get(path, **asked)["forecast_history"]

    # The tails have no quotes, which is a price of 50 cents; the middle one stands at 45. In all 145.
    found = {row["percentile"]: row["raw_numerical_forecast"] for row in point["percentile_points"]}
    assert point["end_period_ts"] == OPEN + HOUR
    assert found == pytest.approx({0: 77.5, 2000: 78.66, 5000: 80.5, 9999: 83.4994}, abs=1e-3)
    assert point["percentile_points"][2] == {
        "percentile": 5000,
        "raw_numerical_forecast": pytest.approx(80.5),
        "numerical_forecast": 80,
        "formatted_forecast": "80°",
    }
    assert api.ask("GET", path, params=asked, signed=False).status_code == 401
    assert api.ask("GET", path, params={**asked, "percentiles": [10_000]}).status_code == 400


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        (PATH, {"period_interval": 5}, 400),
        (PATH, {"end_ts": OPEN - 1}, 400),
        (PATH, {"start_ts": "soon"}, 400),
        (f"/series/KXHIGHCHI/markets/{MIDDLE}/candlesticks", {}, 404),
        (f"/series/KXHIGHCHI/events/{PLAN.ticker}/candlesticks", {}, 404),
        ("/markets/candlesticks", {"market_tickers": ""}, 400),
    ],
)
def test_a_wrong_question_is_refused(api: Api, path: str, change: dict[str, Any], status: int) -> None:
    params = {"start_ts": OPEN, "end_ts": OPEN + HOUR, "period_interval": 60, **change}
    assert api.ask("GET", path, params=params).status_code == status
