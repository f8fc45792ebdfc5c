"""Three virtual days at a simulator process: after every tick's work the ledger says what the exchange says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.exchange import START_CASH, TRADER, Keys, environment, simulator_process
from tests.postgres import Cluster, TestDatabase

from milkbot.analytics.rollups import run_rollups
from milkbot.load_settings import load_settings
from milkbot.simulator.virtual_clock import SimulatorClock
from milkbot.trader.clients import open_trading_loop, open_venue
from milkbot.venue.client import KalshiClient

# A Wednesday, 10:00 in New York; the tick at 08:00 UTC on Thursday falls into the exchange's weekly pause.
WEDNESDAY = datetime(2026, 8, 5, 14, 0, tzinfo=UTC)
STEP = timedelta(hours=3)
TICKS = 26
PAUSED_TICK = 7


@dataclass(frozen=True, slots=True)
class Days:
    """What three days left: our ledger, and the exchange, still serving."""

    database: TestDatabase
    venue: KalshiClient

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What the database holds."""
        with self.database.engine().connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def value(self, query: str) -> Any:
        """The one value of a query."""
        with self.database.engine().connect() as connection:
            return connection.execute(text(query)).scalar_one()


@pytest.fixture(scope="module")
def days(cluster: Cluster, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """The walk: a tick every three hours as the database's role milkbot_trader."""
    directory = tmp_path_factory.mktemp("days")
    with cluster.database() as database, simulator_process(directory, keys, start=WEDNESDAY) as origin:
        settings = load_settings(environment(origin, keys, database, TRADING_SERIES="KXHIGHNY,KXHIGHCHI"))
        with closing(SimulatorClock.of_exchange(settings.kalshi_api_base)) as clock:
            with open_trading_loop(settings, database.engine(TRADER), clock) as loop:
                for number in range(TICKS):
                    clock.advance_to(max(clock.now(), WEDNESDAY + number * STEP))
                    loop.run_once()
            with open_venue(settings, clock) as venue:
                yield Days(database, venue)


def test_every_market_of_every_tick_has_a_decision_with_its_reasons(days: Days) -> None:
    assert days.value("SELECT count(*) FROM ops.signals") > 20 * 12
    undecided = """
        SELECT * FROM ops.market_snapshots AS seen WHERE NOT EXISTS (
            SELECT FROM ops.signals WHERE tick_id = seen.tick_id AND ticker = seen.ticker
              AND market_snapshot_id = seen.id AND weather_snapshot_id IS NOT NULL)
    """
    assert days.rows(undecided) == []
    assert days.rows("SELECT * FROM ops.signals WHERE jsonb_array_length(reasons->'codes') = 0") == []


def test_every_order_at_the_exchange_is_in_the_ledger_with_its_decision(days: Days) -> None:
    ours = {
        row["venue_order_id"]: (row["client_order_id"], row["ticker"], row["count"])
        for row in days.rows("SELECT * FROM ops.orders WHERE venue_order_id IS NOT NULL")
    }
    theirs = {
        order.order_id: (order.client_order_id, order.ticker, order.initial_count) for order in days.venue.orders()
    }
    assert len(ours) > 10
    assert ours == theirs
    wrong = """
        SELECT * FROM ops.orders JOIN ops.signals ON signals.id = orders.signal_id
        WHERE signals.ticker <> orders.ticker OR signals.count <> orders.count
          OR signals.decision <> CASE WHEN reduce_only THEN 'sell_' ELSE 'buy_' END
            || CASE WHEN (side = 'bid') = reduce_only THEN 'no' ELSE 'yes' END
    """
    assert days.rows(wrong) == []
    assert days.value("SELECT count(*) FROM ops.orders WHERE signal_id IS NULL") == 0


def test_fills_positions_and_settlements_equal_the_exchanges(days: Days) -> None:
    fills = {row["venue_fill_id"]: row["count"] for row in days.rows("SELECT * FROM ops.fills")}
    assert fills == {fill.fill_id: fill.count for fill in days.venue.fills()}
    held = {row["ticker"]: row["signed_count"] for row in days.rows("SELECT * FROM ops.positions WHERE NOT is_closed")}
    assert held == {row.ticker: row.signed_count for row in days.venue.positions() if row.signed_count}
    settled = {row["ticker"]: (row["result"], row["revenue"]) for row in days.rows("SELECT * FROM ops.settlements")}
    assert settled == {row.ticker: (row.result, row.revenue) for row in days.venue.settlements()}
    assert {result for result, _ in settled.values()} == {"yes", "no"}
    assert days.value("SELECT count(*) FROM ops.risk_events WHERE event_type = 'position_mismatch'") == 0


def test_cash_at_the_exchange_equals_the_ledger(days: Days) -> None:
    realized = days.value("SELECT sum(realized_pnl) FROM ops.fills") + days.value(
        "SELECT sum(realized_pnl) FROM ops.settlements"
    )
    fees = days.value("SELECT sum(fee) FROM ops.fills")
    open_cost = days.value("SELECT coalesce(sum(cost), 0) FROM ops.positions WHERE NOT is_closed")
    assert fees > 0
    assert days.venue.balance().cash == Decimal(START_CASH) + realized - fees - open_cost
    last = days.value("SELECT cash FROM ops.balance_snapshots ORDER BY id DESC LIMIT 1")
    spent_since = days.value("""
        SELECT coalesce(sum(fee + fills.count * (
            CASE fills.side WHEN 'bid' THEN fills.price ELSE 1 - fills.price END
            - CASE WHEN reduce_only THEN 1 ELSE 0 END)), 0)
        FROM ops.fills JOIN ops.orders ON orders.id = fills.order_id JOIN ops.signals ON signals.id = signal_id
        WHERE tick_id = (SELECT max(id) FROM ops.ticks)
    """)
    assert days.venue.balance().cash == last - spent_since


def test_no_tick_fails_and_none_sends_into_the_weekly_pause(days: Days) -> None:
    ticks = days.rows("SELECT * FROM ops.ticks ORDER BY id")
    assert len(ticks) == TICKS
    assert [row["id"] for row in ticks if row["outcome"] != "completed"] == [PAUSED_TICK]
    paused = ticks[PAUSED_TICK - 1]
    assert (paused["outcome"], paused["message"]) == ("paused", "trading is paused at the exchange")
    assert paused["started_at"] == datetime(2026, 8, 6, 8, 0, tzinfo=UTC)
    assert days.value(f"SELECT count(*) FROM ops.balance_snapshots WHERE tick_id = {PAUSED_TICK}") == 1
    assert days.value(f"SELECT count(*) FROM ops.signals WHERE tick_id = {PAUSED_TICK}") == 0


def test_every_fact_marked_its_rollup(days: Days) -> None:
    untouched = """
        SELECT 'city' AS bucket, city_code AS key, climate_day AS day FROM ops.fills
        UNION SELECT 'city', city_code, climate_day FROM ops.settlements
        UNION SELECT 'strategy', strategy_name, climate_day FROM ops.signals
        UNION SELECT 'equity', '', (filled_at AT TIME ZONE 'UTC')::date FROM ops.fills
        UNION SELECT 'equity', '', (settled_at AT TIME ZONE 'UTC')::date FROM ops.settlements
        EXCEPT SELECT bucket, key, day FROM ops.rollup_touched
    """
    assert days.rows(untouched) == []


def test_rollups_add_up_to_the_exchanges_cash(days: Days) -> None:
    touched = days.rows("SELECT * FROM ops.rollup_touched")
    run_rollups(days.database.engine("milkbot_rollups"), bankroll=Decimal(START_CASH))
    net = days.value("SELECT sum(net_pnl) FROM analytics.city_metrics_daily")
    open_cost = days.value("SELECT coalesce(sum(cost), 0) FROM ops.positions WHERE NOT is_closed")
    assert touched
    assert days.venue.balance().cash == Decimal(START_CASH) + net - open_cost
    assert days.value("SELECT sum(net_pnl) FROM analytics.strategy_metrics_daily") == net
