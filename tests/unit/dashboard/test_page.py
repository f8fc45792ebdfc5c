"""The page from the API's answers, without a browser and without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from tests.patience import PATIENCE

import milkbot.dashboard
from milkbot.dashboard.configured import analytics, settings
from milkbot.dashboard.wording import MINUS

PAGE = Path(milkbot.dashboard.__file__).with_name("page.py")
AS_OF = "2026-11-20T12:00:00Z"
POINT = {
    "date": "2026-11-19",
    "starting_equity": "1000.00",
    "ending_equity": "990.00",
    "daily_pnl": "-10.00",
    "cumulative_pnl": "-10.00",
    "drawdown": "10.00",
    "drawdown_pct": "1.00",
    "high_water_mark": "1000.00",
}
TRADE = {
    "ticker": "KXHIGHNY-26NOV20-B60.5",
    "city_code": "NYC",
    "climate_day": "2026-11-20",
    "side": "yes",
    "action": "buy",
    "quantity": "10.00",
    "price": "0.40",
    "fees": "0.17",
    "total_cost": "4.17",
    "realized_pnl": None,
    "trade_time": "2026-11-20T10:00:00Z",
    "strategy_name": "normal_brackets",
}
OK = {"status": "ok", "last_seen": AS_OF, "age_seconds": 1}


class Api:
    """Answers as the service gives them; a test changes what it wants to differ."""

    def __init__(self) -> None:
        self.down = False
        self.hero: dict[str, Any] = {
            "mode": "demo",
            "total_pnl": "-10.00",
            "win_rate": "0.25",
            "trades_today": 3,
            "active_positions": 1,
            "as_of": AS_OF,
        }
        self.points = [POINT]
        self.trades = [TRADE]
        self.trading_state = "active"
        self.trader: dict[str, Any] = OK

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("refused")
        city = request.url.params.get("city")
        answers: dict[str, Any] = {
            "/v1/metrics/hero": self.hero,
            "/v1/performance/equity": {"mode": "demo", "as_of": AS_OF, "points": self.points},
            "/v1/trades/recent": {
                "mode": "demo",
                "as_of": AS_OF,
                "delay_minutes": 60,
                "trades": [trade for trade in self.trades if city in {None, trade["city_code"]}],
            },
            "/v1/health": {
                "status": "ok",
                "release": "dev",
                "trading_state": self.trading_state,
                "components": {"database": OK, "trader": self.trader, "rollups": OK},
            },
        }
        return httpx2.Response(200, json=answers[request.url.path])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An API in the page's own process."""
    answering = Api()
    client = httpx2.Client

    def connected(**options: Any) -> httpx2.Client:
        return client(**{**options, "transport": httpx2.MockTransport(answering)})

    monkeypatch.setattr(httpx2, "Client", connected)
    monkeypatch.setenv("ANALYTICS_API_URL", "http://api.test")
    settings.cache_clear()
    analytics.cache_clear()
    yield answering
    st.cache_data.clear()
    settings.cache_clear()
    analytics.cache_clear()


@pytest.fixture
def visit(api: Api) -> Callable[[], AppTest]:
    """Opens the page."""
    del api
    return lambda: AppTest.from_file(str(PAGE), default_timeout=PATIENCE).run()


def _markup(page: AppTest) -> str:
    assert not page.exception
    return "".join(part.proto.body for part in page.get("html"))


def test_page_shows_the_figures_of_the_api(visit: Callable[[], AppTest]) -> None:
    shown = _markup(visit())
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


@pytest.mark.parametrize("mode", ["shadow", "demo", "live"])
def test_page_names_the_mode_at_the_top(api: Api, visit: Callable[[], AppTest], mode: str) -> None:
    api.hero["mode"] = mode
    assert f'<div class="mb-mode {mode}"><b>{mode.upper()}</b>' in _markup(visit())


def test_page_says_that_trading_is_halted(api: Api, visit: Callable[[], AppTest]) -> None:
    api.trading_state = "halted"
    assert "Trading halted" in _markup(visit())


def test_page_says_that_the_trader_is_late(api: Api, visit: Callable[[], AppTest]) -> None:
    api.trader = {**OK, "status": "degraded"}
    assert "Trader is late" in _markup(visit())


def test_a_sale_is_marked_as_one(api: Api, visit: Callable[[], AppTest]) -> None:
    api.trades = [{**TRADE, "action": "sell", "total_cost": "-3.83"}, {**TRADE, "side": "no"}]
    shown = _markup(visit())
    assert '<span class="mb-leg yes">YES</span><small class="mb-sold">sold</small></td>' in shown
    assert '<span class="mb-leg no">NO</span></td>' in shown


def test_city_filter_shows_that_city_alone(visit: Callable[[], AppTest]) -> None:
    page = visit()
    page.selectbox(key="city").select("CHI").run()
    assert "No public trade in Chicago yet" in _markup(page)
    page.selectbox(key="city").select("NYC").run()
    assert "KXHIGHNY-26NOV20-B60.5" in _markup(page)


def test_page_without_an_answer_of_the_api_shows_one_plain_sentence(api: Api, visit: Callable[[], AppTest]) -> None:
    api.down = True
    page = visit()
    assert "does not answer" in page.warning[0].value
    assert "Updated" not in _markup(page)


def test_page_keeps_the_last_figures_when_the_api_becomes_unreachable(api: Api, visit: Callable[[], AppTest]) -> None:
    page = visit()
    api.down = True
    st.cache_data.clear()
    page.run()
    assert "Below is what it said last" in page.warning[0].value
    assert f"{MINUS}$10.00" in _markup(page)
    assert "Analytics not reachable" in _markup(page)


def test_answer_in_another_form_counts_as_no_answer(api: Api, visit: Callable[[], AppTest]) -> None:
    api.hero = {"total": 1}
    assert "does not answer" in visit().warning[0].value


def test_page_without_trades_shows_no_results(api: Api, visit: Callable[[], AppTest]) -> None:
    api.hero |= {"total_pnl": "0.00", "win_rate": None}
    api.points, api.trades = [], []
    shown = _markup(visit())
    assert "No result in this span" in shown
    assert "No public trade yet" in shown


def test_markup_in_an_answer_is_escaped(api: Api, visit: Callable[[], AppTest]) -> None:
    api.trades = [{**TRADE, "ticker": '"><script>alert(1)</script>', "city_code": "<b>"}]
    assert "<script>" not in _markup(visit())
    assert "<b>NYC" not in _markup(visit())
