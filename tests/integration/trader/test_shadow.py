"""Mode shadow decides everything, sends nothing, and needs no key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from tests.exchange import Exchange
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

NO_KEY = {"TRADING_MODE": "shadow", "KALSHI_API_KEY_ID": "", "KALSHI_PRIVATE_KEY_PATH": ""}


@pytest.fixture
def shadow(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A watcher of one city, without a key."""
    with staged(exchange, database, TRADING_SERIES="KXHIGHNY", **NO_KEY) as ready:
        yield ready


def test_shadow_sends_nothing_and_reads_no_account(shadow: Stage) -> None:
    report = shadow.tick()
    assert report.counts.reasons["edge"] > 0, "a world without an edge would prove nothing"
    assert {request.method for request in shadow.wire.requests} == {"GET"}
    assert [request.url.path for request in shadow.wire.requests if "/portfolio/" in request.url.path] == []
    assert not any(name.startswith("kalshi-access") for request in shadow.wire.requests for name in request.headers)
    assert shadow.exchange.order_count() == 0
    assert shadow.value("SELECT count(*) FROM ops.orders") == 0


def test_shadow_stores_a_decision_for_every_market(shadow: Stage) -> None:
    shadow.tick()
    assert shadow.value("SELECT count(*) FROM ops.signals WHERE trading_mode = 'shadow'") == 12
    assert shadow.value("SELECT count(*) FROM ops.signals WHERE decision LIKE 'buy_%' AND count > 0") > 0


def test_decisions_without_trades_mark_their_rollup(shadow: Stage) -> None:
    shadow.tick()
    days = shadow.rows("SELECT DISTINCT key, day FROM ops.rollup_touched WHERE bucket = 'strategy' ORDER BY day")
    assert days == [
        {"key": "normal-by-lead", "day": date(2026, 8, 3)},
        {"key": "normal-by-lead", "day": date(2026, 8, 4)},
    ]
