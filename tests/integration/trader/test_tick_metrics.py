"""The metrics file of real ticks: it says what the ledger says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange import Exchange
from tests.integration.trader import faults
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.integration.trader.test_trading_state import lose, set_state
from tests.metrics import samples
from tests.postgres import TestDatabase

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.trader import metrics
from milkbot.venue.errors import VenueReadError


@pytest.fixture
def stage(exchange: Exchange, database: TestDatabase, tmp_path: Path) -> Iterator[Stage]:
    """A trader of two cities in mode demo that writes metrics."""
    (tmp_path / "metrics").mkdir()
    with staged(
        exchange, database, TRADING_SERIES=SERIES, MILKBOT_METRICS_DIRECTORY=str(tmp_path / "metrics")
    ) as ready:
        yield ready


def _metrics(stage: Stage) -> dict[str, float]:
    """What the newest tick wrote. All of it is of mode demo, so that is left out."""
    directory = stage.settings.milkbot_metrics_directory
    assert directory is not None
    found = samples((directory / metrics.FILE).read_text("utf-8"))
    assert all('mode="demo"' in name for name in found)
    return {re.sub(r'\{mode="demo"\}|mode="demo",|,mode="demo"', "", name): value for name, value in found.items()}


def test_the_metrics_equal_the_ledger(stage: Stage) -> None:
    report = stage.tick()
    found = _metrics(stage)
    filled = stage.value("SELECT count(*) FROM ops.orders WHERE state = 'filled'")
    assert filled > 0
    assert found['milkbot_orders_total{state="filled"}'] == filled
    assert found['milkbot_orders_total{state="unknown"}'] == 0
    assert found["milkbot_fills_total"] == stage.value("SELECT count(*) FROM ops.fills")
    assert found["milkbot_positions"] == stage.value("SELECT count(*) FROM ops.positions WHERE NOT is_closed")
    assert found['milkbot_risk_dollars{limit="open_risk"}'] == pytest.approx(_worst(stage))
    assert found['milkbot_risk_limit_dollars{limit="open_risk"}'] == 100
    assert found["milkbot_cash_dollars"] == float(stage.value("SELECT cash FROM ops.balance_snapshots"))
    assert found["milkbot_tick_events"] == report.counts.events
    decided = sum(value for name, value in found.items() if name.startswith("milkbot_tick_decisions{"))
    assert decided == stage.value("SELECT count(*) FROM ops.signals")
    fees = float(stage.value("SELECT sum(fee) FROM ops.fills"))
    assert found["milkbot_realized_today_dollars"] == pytest.approx(-fees)
    assert found['milkbot_tick_outcome{outcome="completed"}'] == 1
    assert found['milkbot_trading_state{state="active"}'] == 1
    issued = stage.rows("SELECT city_code, min(issued_at) AS issued FROM ops.weather_snapshots GROUP BY city_code")
    assert {row["city_code"] for row in issued} == {"NYC", "CHI"}
    for row in issued:
        name = f'milkbot_forecast_issued_timestamp_seconds{{city="{row["city_code"]}"}}'
        assert _metrics(stage)[name] == row["issued"].timestamp()


def test_an_order_of_unknown_outcome_is_counted(stage: Stage) -> None:
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    found = _metrics(stage)
    assert found['milkbot_orders_total{state="unknown"}'] == 1
    assert found['milkbot_open_orders{state="unknown"}'] == 1
    stage.later(minutes=2)
    stage.tick()
    after = _metrics(stage)
    assert after['milkbot_orders_total{state="unknown"}'] == 1
    assert after['milkbot_open_orders{state="unknown"}'] == 0


def test_a_tick_without_an_exchange_is_counted_as_failed(stage: Stage) -> None:
    stage.tick()
    before = _metrics(stage)
    stage.later(minutes=5)
    stage.wire.always = faults.exchange_down
    with pytest.raises(VenueReadError):
        stage.tick()
    after = _metrics(stage)
    assert after["milkbot_tick_finished_timestamp_seconds"] > before["milkbot_tick_finished_timestamp_seconds"]
    assert after['milkbot_tick_outcome{outcome="failed"}'] == 1
    assert after['milkbot_ticks_total{outcome="failed"}'] == 1
    assert after['milkbot_ticks_total{outcome="completed"}'] == 1
    assert _metrics(stage)['milkbot_tick_exchange_requests{answer="none"}'] == 4
    assert after["milkbot_positions"] == before["milkbot_positions"]


def test_a_killed_tick_is_counted(stage: Stage) -> None:
    stage.tick()
    assert _metrics(stage)['milkbot_ticks_total{outcome="killed"}'] == 0
    stage.act("UPDATE ops.ticks SET outcome = NULL, finished_at = NULL")
    stage.later(minutes=5)
    stage.tick()
    assert _metrics(stage)['milkbot_ticks_total{outcome="killed"}'] == 1


def test_a_halt_and_its_denials_are_counted(stage: Stage) -> None:
    set_state(stage, "halted")
    report = stage.tick()
    found = _metrics(stage)
    assert found['milkbot_trading_state{state="halted"}'] == 1
    assert found['milkbot_trading_state{state="active"}'] == 0
    assert report.counts.denied["trading_halted"] > 0
    assert _metrics(stage)['milkbot_denials_total{code="trading_halted"}'] == (report.counts.denied["trading_halted"])


def test_a_loss_of_the_day_is_shown_against_its_limit(stage: Stage) -> None:
    lose(stage, 3000)
    set_state(stage, "halted")
    stage.tick()
    found = _metrics(stage)
    assert found['milkbot_risk_dollars{limit="daily_loss"}'] == pytest.approx(30)
    assert found['milkbot_risk_limit_dollars{limit="daily_loss"}'] == 50
    assert found["milkbot_realized_today_dollars"] == pytest.approx(-30)


def test_a_tick_reads_its_rate_limits_once_before_the_account(stage: Stage) -> None:
    stage.tick()
    asked = [request.url.path.removeprefix("/trade-api/v2") for request in stage.wire.requests]
    assert asked[:2] == ["/exchange/status", "/account/limits"]
    assert asked.count("/account/limits") == 1


def test_an_unknown_field_of_a_reply_is_counted_and_stops_no_tick(stage: Stage) -> None:
    stage.exchange.simulator.faults.arm(rule(FaultKind.SCHEMA_DRIFT, call="balance"))
    assert stage.tick().outcome == "completed"
    assert _metrics(stage)['milkbot_tick_exchange_unknown_fields{field="Balance.field_of_next_month"}'] == 1


def _worst(stage: Stage) -> float:
    """What may be lost at most: in each event the bracket that wins where that hurts most, one that is not held too."""
    held = stage.rows("SELECT event_ticker, ticker, signed_count, cost FROM ops.positions WHERE NOT is_closed")
    lost = 0.0
    for event in {row["event_ticker"] for row in held}:
        rows = [row for row in held if row["event_ticker"] == event]
        assert len(rows) < 6, "this world must leave a bracket of each event alone"
        results = [
            sum(
                (abs(row["signed_count"]) if (row["signed_count"] > 0) == (row["ticker"] == winner) else 0)
                - row["cost"]
                for row in rows
            )
            for winner in [None, *(row["ticker"] for row in rows)]
        ]
        lost += max(0.0, float(-min(results)))
    return lost
