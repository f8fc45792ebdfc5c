"""The pages over an API that a test decides, in the pages' own process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from milkbot.dashboard.configured import analytics, settings, views

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
        self.asked: list[str] = []
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
        self.rollups: dict[str, Any] = OK
        self.database: dict[str, Any] = OK

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            raise httpx2.ConnectError("refused")
        self.asked.append(request.url.path)
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
                "components": {"database": self.database, "trader": self.trader, "rollups": self.rollups},
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
    for shared in (settings, analytics, views):
        shared.cache_clear()
    yield answering
    for shared in (settings, analytics, views):
        shared.cache_clear()
