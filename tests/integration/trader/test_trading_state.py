"""What stops trading: the operator, a breaker, a pause of the exchange. It still observes, decides and records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from tests.exchange import MONDAY
from tests.facts import Facts, market
from tests.integration.trader import faults
from tests.integration.trader.stage import Stage

from milkbot.db import holds
from milkbot.domain.modes import TradingMode
from milkbot.venue.errors import VenueReadError


def set_state(stage: Stage, state: str, **more: Any) -> None:
    values = {"state": state, "since": stage.exchange.now(), "until": None, "who": None, **more}
    stage.act(
        """
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since, until, acknowledged_by)
        VALUES ('demo', :state, 'a test', 'test', :since, :until, :who)
        """,
        **values,
    )


def resume(stage: Stage) -> None:
    """What `milkbot resume` does at the exchange's present moment."""
    now = stage.exchange.now()
    with Session(stage.owner) as session, session.begin():
        in_force = holds.holds(session, TradingMode.DEMO, now)
        holds.resume(session, TradingMode.DEMO, in_force, by="operator", at=now, note="a test")


def denials(stage: Stage, tick_id: int) -> set[str]:
    query = "SELECT event_type FROM ops.risk_events WHERE tick_id = :tick AND event_type LIKE 'denied_%'"
    return {row["event_type"] for row in stage.rows(query, tick=tick_id)}


def lose(stage: Stage, cents: int, *, at: datetime = MONDAY - timedelta(hours=1), strike: str = "B1.5") -> None:
    """Book a loss: contracts bought at 40 cents that settled at nothing."""
    facts = Facts(stage.owner, prefix=strike)
    ticker = market("NYC", at.date(), strike)
    facts.fill(ticker, at, count=str(cents / 40), price="0.40", fee="0")
    facts.settle(ticker, at, yes=False)


def test_halted_trader_reconciles_and_decides_but_sends_nothing(stage: Stage) -> None:
    set_state(stage, "halted")
    report = stage.tick()
    assert (report.outcome, report.message) == ("completed", "trading state is halted")
    assert stage.wire.creates == []
    assert stage.value("SELECT count(*) FROM ops.signals") == 24
    assert denials(stage, report.tick_id) == {"denied_trading_halted"}
    assert stage.value("SELECT count(*) FROM ops.balance_snapshots") == 1


def test_halt_with_an_end_expires(stage: Stage) -> None:
    set_state(stage, "halted", until=MONDAY + timedelta(minutes=10))
    stage.tick()
    assert stage.wire.creates == []
    stage.later(minutes=10)
    stage.tick()
    assert stage.wire.creates


def test_daily_loss_stops_new_risk_for_a_day_and_is_stored_with_its_end(stage: Stage) -> None:
    lose(stage, 5000)
    report = stage.tick()
    assert stage.wire.creates == []
    assert report.message == "trading state is reducing"
    assert denials(stage, report.tick_id) == {"denied_only_reducing"}
    stored = stage.rows("SELECT state, reason, set_by, since, until FROM ops.trading_states")
    reason = "daily loss: 50.00 dollars lost since 2026-08-03 00:00 UTC, 50.00 allowed"
    assert stored == [
        {
            "state": "reducing",
            "reason": reason,
            "set_by": "breaker daily_loss",
            "since": MONDAY,
            "until": MONDAY + timedelta(hours=24),
        }
    ]
    alarm = stage.rows("SELECT severity, message FROM ops.risk_events WHERE event_type = 'breaker'")
    assert alarm == [{"severity": "critical", "message": reason}]

    stage.later(hours=23, minutes=59)
    stage.tick()
    assert stage.wire.creates == []
    stage.later(minutes=1)
    stage.tick()
    assert stage.wire.creates
    assert stage.value("SELECT count(*) FROM ops.trading_states") == 1


def test_loss_below_the_limit_does_not_stop_trading(stage: Stage) -> None:
    lose(stage, 4999)
    stage.tick()
    assert stage.wire.creates
    assert stage.value("SELECT count(*) FROM ops.trading_states") == 0


def test_after_resuming_only_a_new_loss_stops_trading_again(stage: Stage) -> None:
    lose(stage, 5000)
    stage.tick()
    stage.later(minutes=5)
    resume(stage)
    stage.later(minutes=1)
    stage.tick()
    assert stage.wire.creates, "the operator resumed, knowing of the loss"

    stage.wire.requests.clear()
    lose(stage, 5000, at=stage.exchange.now(), strike="B2.5")
    stage.later(minutes=1)
    stage.tick()
    assert stage.wire.creates == []
    newest = stage.rows("SELECT reason FROM ops.trading_states ORDER BY id DESC LIMIT 1")[0]["reason"]
    assert newest.endswith("dollars lost since 2026-08-03 15:05 UTC, 50.00 allowed")


def test_paused_exchange_is_not_queried_further(stage: Stage) -> None:
    stage.wire.always = faults.exchange_paused
    report = stage.tick()
    assert (report.outcome, report.message) == ("paused", "the exchange is paused")
    assert {request.url.path for request in stage.wire.requests} == {"/trade-api/v2/exchange/status"}


def test_trading_pause_only_reconciles(stage: Stage) -> None:
    stage.tick()
    stage.wire.requests.clear()
    stage.exchange.advance_to(datetime(2026, 8, 6, 7, 30, tzinfo=UTC))
    report = stage.tick()
    assert (report.outcome, report.message) == ("paused", "trading is paused at the exchange")
    assert stage.wire.creates == []
    assert report.counts.settlements


def test_silent_exchange_fails_the_tick_and_its_row_has_the_reason(stage: Stage) -> None:
    stage.wire.always = faults.exchange_down
    with pytest.raises(VenueReadError, match="did not answer"):
        stage.tick()
    row = stage.rows("SELECT outcome, message, finished_at FROM ops.ticks")[0]
    assert row["outcome"] == "failed"
    assert "did not answer" in row["message"]
    assert row["finished_at"] is not None
    health = stage.rows("SELECT status, last_ok FROM ops.component_health WHERE component_name = 'trader'")
    assert health == [{"status": "failed", "last_ok": None}]


def test_silent_weather_service_stops_trading_and_is_reported(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"nws_api_base": "http://127.0.0.1:1/nws"})
    report = stage.tick()
    assert report.counts.reasons["forecast_missing"] == 24
    assert stage.wire.creates == []
    health = stage.rows("SELECT status FROM ops.component_health WHERE component_name = 'nws_api'")
    assert health == [{"status": "degraded"}]
