"""A tick that sees less than is due at its hour is not healthy, and says so wherever health is read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from tests.exchange import MONDAY, Exchange
from tests.fakes import reply
from tests.integration.trader.stage import Send, Stage, staged
from tests.postgres import TestDatabase

NY = "KXHIGHNY"


def without_events(series: str) -> Any:
    """The exchange lists no open event of a series."""

    def play(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.url.path.endswith("/events") and request.url.params.get("series_ticker") in (series, None):
            return reply({"events": [], "cursor": ""})
        return send(request)

    return play


def alerts(stage: Stage) -> list[str]:
    rows = stage.rows("SELECT message FROM ops.risk_events WHERE event_type = 'markets_missing' ORDER BY id")
    return [row["message"] for row in rows]


def component(stage: Stage) -> tuple[str, str | None]:
    (row,) = stage.rows("SELECT status, message FROM ops.component_health WHERE component_name = 'kalshi_api'")
    return row["status"], row["message"]


def test_a_tick_that_sees_what_is_due_is_healthy(stage: Stage) -> None:
    stage.exchange.advance_to(MONDAY + timedelta(hours=2))
    report = stage.tick()
    assert (report.counts.expected, report.counts.missing, report.message) == (24, {}, None)
    assert component(stage) == ("ok", None)


def test_a_series_without_open_events_is_alerted_once_and_the_other_is_traded(stage: Stage) -> None:
    stage.wire.always = without_events(NY)
    orders = 0
    for number in range(5):
        report = stage.tick()
        assert (report.outcome, report.counts.missing) == ("completed", {NY: 6})
        assert report.message == f"{NY}: 6 of 6 markets are missing (1 events)"
        assert component(stage) == ("degraded", report.message)
        assert len(alerts(stage)) == int(number >= 2)
        orders += sum(report.counts.orders.values())
        stage.later(minutes=5)
    assert orders > 0
    assert stage.value("SELECT count(*) FROM ops.trading_holds") == 0
    # Once it has been back, its next lack is news.
    stage.wire.always = None
    assert not stage.tick().counts.missing
    stage.wire.always = without_events(NY)
    for _ in range(3):
        stage.later(minutes=5)
        stage.tick()
    assert len(alerts(stage)) == 2


def test_a_trader_that_sees_no_event_at_all_reduces(exchange: Exchange, database: TestDatabase) -> None:
    with staged(exchange, database, TRADING_SERIES=NY) as stage:
        stage.wire.always = without_events(NY)
        for _ in range(3):
            assert stage.tick().counts.events == 0
            stage.later(minutes=5)
        report = stage.tick()
        assert report.message is not None
        assert "reducing" in report.message
        (hold,) = stage.rows("SELECT source, effect FROM ops.trading_holds")
        assert (hold["source"], hold["effect"]) == ("breaker unseen", "reducing")
        # The exchange shows them again: the hold ends half an hour after it was set.
        stage.wire.always = None
        stage.later(minutes=5)
        assert not stage.tick().counts.orders
        stage.later(minutes=26)
        assert sum(stage.tick().counts.orders.values()) > 0


@pytest.mark.parametrize("override", [{"fee_multiplier_override": 2}, {"fee_type_override": "flat"}])
def test_a_fee_override_that_nobody_can_price_is_missed(stage: Stage, override: dict[str, object]) -> None:
    def overridden(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        if not request.url.path.endswith("/events"):
            return answer
        body = answer.json()
        return reply({**body, "events": [{**event, **override} for event in body["events"]]})

    stage.wire.always = overridden
    report = stage.tick()
    assert (report.counts.events, report.counts.expected, report.counts.unread) == (0, 12, {"event": 4})
    assert report.counts.missing == {NY: 12, "KXHIGHCHI": 12}
    assert "overrides the fees of its series" in str(component(stage)[1])


def test_a_pause_of_the_exchange_is_no_lack(stage: Stage) -> None:
    stage.exchange.advance_to(MONDAY + timedelta(days=2, hours=17))  # Thursday, 04:00 in New York
    report = stage.tick()
    assert (report.outcome, report.counts.expected, report.counts.missing) == ("paused", None, {})
