"""Rollups: right, the same when run again or rebuilt, and nothing younger than an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from tests.facts import STRATEGY, Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.analytics.rebuild import rebuild
from milkbot.analytics.rollups import RollupReport, run_rollups
from milkbot.domain.orders import BookSide

BANKROLL = Decimal("992.10")
DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
MORNING_AFTER = datetime(2026, 11, 19, 13, tzinfo=UTC)
TABLES = ("city_metrics_daily", "strategy_metrics_daily", "equity_curve_daily", "result_totals")


def _run(database: TestDatabase) -> RollupReport:
    return run_rollups(database.engine("milkbot_rollups"), bankroll=BANKROLL)


def _rebuild(database: TestDatabase, first: date | None = None, last: date | None = None) -> RollupReport:
    return rebuild(database.engine("milkbot_rollups"), bankroll=BANKROLL, first=first, last=last)


def _rows(database: TestDatabase, table: str) -> list[dict[str, Any]]:
    with database.engine("milkbot_api").connect() as connection:
        rows = connection.execute(text(f"SELECT * FROM analytics.{table} ORDER BY 1, 2, 3")).mappings()
        return [{name: value for name, value in row.items() if name != "computed_at"} for row in rows]


def _state(database: TestDatabase) -> dict[str, list[dict[str, Any]]]:
    return {table: _rows(database, table) for table in TABLES}


def _touched(database: TestDatabase) -> int:
    with database.engine().connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM ops.rollup_touched")) or 0)


@pytest.fixture
def facts(database: TestDatabase) -> Facts:
    """A writer of demo facts."""
    return Facts(database.engine())


def _a_day(facts: Facts) -> None:
    """New York won, Chicago lost, Miami was turned around before it lost."""
    facts.fill(market("NYC", DAY), NOON, count="10", price="0.40", fee="0.17")
    facts.settle(market("NYC", DAY), MORNING_AFTER, yes=True)
    facts.fill(market("CHI", DAY), NOON, count="5", price="0.30", fee="0.08")
    facts.settle(market("CHI", DAY), MORNING_AFTER, yes=False)
    facts.fill(market("MIA", DAY), NOON, count="10", price="0.50", fee="0.18")
    facts.fill(market("MIA", DAY), NOON + timedelta(hours=1), side=BookSide.ASK, count="4", price="0.60", fee="0.07")
    facts.settle(market("MIA", DAY), MORNING_AFTER, yes=False)


def test_city_day_adds_up_trades_results_and_fees(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    _run(database)
    city = {row["city_code"]: row for row in _rows(database, "city_metrics_daily")}
    assert city["NYC"] == {
        "trading_mode": "demo",
        "city_code": "NYC",
        "date": DAY,
        "trade_count": 1,
        "volume": Decimal(10),
        "gross_pnl": Decimal(6),
        "net_pnl": Decimal("5.83"),
        "fees": Decimal("0.17"),
        "win_count": 1,
        "loss_count": 0,
        "avg_position_size": Decimal(10),
        "max_position_size": Decimal(10),
    }
    # 4 of 10 sold 0.10 higher, the other 6 lost at 0.50 each.
    assert (city["MIA"]["gross_pnl"], city["MIA"]["net_pnl"]) == (Decimal("-2.6"), Decimal("-2.85"))
    assert (city["MIA"]["trade_count"], city["MIA"]["loss_count"]) == (2, 1)


def test_market_that_pays_less_than_its_fees_counts_as_lost(database: TestDatabase, facts: Facts) -> None:
    facts.fill(market("NYC", DAY), NOON, count="1", price="0.99", fee="0.02")
    facts.settle(market("NYC", DAY), MORNING_AFTER, yes=True)
    _run(database)
    assert [(row["win_count"], row["loss_count"]) for row in _rows(database, "city_metrics_daily")] == [(0, 1)]


def test_strategies_add_up_to_the_cities(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    facts.fill(market("LAX", DAY), NOON, strategy="another")
    facts.settle(market("LAX", DAY), MORNING_AFTER, yes=True)
    _run(database)
    cities, strategies = _rows(database, "city_metrics_daily"), _rows(database, "strategy_metrics_daily")
    assert {row["strategy_name"] for row in strategies} == {STRATEGY, "another"}
    for figure in ("trade_count", "gross_pnl", "net_pnl", "fees", "win_count", "loss_count"):
        assert sum(row[figure] for row in cities) == sum(row[figure] for row in strategies), figure


def test_strategy_counts_all_decisions_and_averages_the_edge_of_trades(database: TestDatabase, facts: Facts) -> None:
    facts.signal("NYC", DAY, NOON, edge="0.05", count=10)
    facts.signal("CHI", DAY, NOON, edge="0.07", count=2)
    facts.signal("MIA", DAY, NOON, edge="-0.30")
    facts.signal("LAX", DAY, NOON, edge=None)
    _run(database)
    (row,) = _rows(database, "strategy_metrics_daily")
    assert (row["signal_count"], row["avg_edge"], row["trade_count"]) == (4, Decimal("0.06"), 0)


def test_equity_counts_fees_when_paid_and_results_when_settled(database: TestDatabase, facts: Facts) -> None:
    facts.balance("1000", NOON - timedelta(days=1))
    _a_day(facts)
    _run(database)
    first, second = _rows(database, "equity_curve_daily")
    # On the day of trading: the fees, and what selling 4 of Miami's earned.
    assert (first["date"], first["daily_pnl"], first["starting_equity"]) == (DAY, Decimal("-0.10"), Decimal(1000))
    assert (second["daily_pnl"], second["ending_equity"]) == (Decimal("1.5"), Decimal("1001.4"))
    net = sum(row["net_pnl"] for row in _rows(database, "city_metrics_daily"))
    assert second["cumulative_pnl"] == net


def test_without_a_balance_the_curve_begins_at_the_bankroll(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    _run(database)
    assert _rows(database, "equity_curve_daily")[0]["starting_equity"] == BANKROLL


def test_late_fill_moves_its_day_and_the_days_after_it(database: TestDatabase, facts: Facts) -> None:
    for number in range(4):
        ticker = market("NYC", DAY + timedelta(days=number))
        facts.fill(ticker, NOON + timedelta(days=number))
        facts.settle(ticker, MORNING_AFTER + timedelta(days=number), yes=number % 2 == 0)
    _run(database)
    before = _rows(database, "equity_curve_daily")
    facts.fill(market("CHI", DAY), NOON + timedelta(days=2), fee="1")
    _run(database)
    after = _rows(database, "equity_curve_daily")
    moved = [new["ending_equity"] - old["ending_equity"] for old, new in zip(before, after, strict=True)]
    assert moved == [0, 0, -1, -1, -1]


def test_a_second_run_recomputes_nothing(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    assert _run(database) == RollupReport(cities=3, strategies=1, equity_days=2, markouts=0)
    assert _touched(database) == 0
    first = _state(database)
    assert _run(database) == RollupReport(cities=0, strategies=0, equity_days=0, markouts=0)
    assert _state(database) == first


def test_rebuild_equals_the_result_of_incremental_runs(database: TestDatabase, facts: Facts) -> None:
    for number in range(3):
        ticker = market("NYC", DAY + timedelta(days=number))
        facts.fill(ticker, NOON + timedelta(days=number))
        _run(database)
        facts.settle(ticker, MORNING_AFTER + timedelta(days=number), yes=number != 1)
        _run(database)
    first = _state(database)
    _rebuild(database)
    assert _state(database) == first
    with database.engine().begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM analytics.{table}"))
    _rebuild(database)
    assert _state(database) == first


def test_one_day_can_be_rebuilt_alone(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    _run(database)
    first = _state(database)
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE analytics.city_metrics_daily SET net_pnl = 77"))
        connection.execute(text("UPDATE analytics.equity_curve_daily SET daily_pnl = 77, ending_equity = 77"))
    _rebuild(database, DAY, DAY)
    _rebuild(database, DAY + timedelta(days=1), DAY + timedelta(days=1))
    assert _state(database) == first


def test_bucket_without_facts_is_emptied(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    _run(database)
    with database.engine().begin() as connection:
        for table in ("fills", "settlements"):
            connection.execute(text(f"DELETE FROM ops.{table}"))
    _rebuild(database)
    no_results = [{"trading_mode": "demo", "win_count": 0, "loss_count": 0}]
    assert _state(database) == {**{table: [] for table in TABLES}, "result_totals": no_results}


def test_facts_of_the_last_hour_are_delayed_and_then_included(database: TestDatabase, facts: Facts) -> None:
    day = hours_ago(2).date()
    facts.fill(market("NYC", day), hours_ago(1.5))
    facts.fill(market("NYC", day), hours_ago(0.5))
    _run(database)
    assert [row["trade_count"] for row in _rows(database, "city_metrics_daily")] == [1]
    assert [row["fees"] for row in _rows(database, "strategy_metrics_daily")] == [Decimal("0.17")]
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE ops.fills SET filled_at = filled_at - interval '31 minutes'"))
    _run(database)
    assert [row["trade_count"] for row in _rows(database, "city_metrics_daily")] == [2]
    assert _touched(database) == 0


def test_waiting_keys_do_not_accumulate(database: TestDatabase, facts: Facts) -> None:
    for _ in range(5):
        facts.fill(market("NYC", hours_ago(0).date()), hours_ago(0.1))
    assert _touched(database) == 15
    _run(database)
    assert _touched(database) == 3


def test_ledgers_of_different_modes_never_mix(database: TestDatabase, facts: Facts) -> None:
    _a_day(facts)
    _run(database)
    demo = _state(database)
    live = Facts(database.engine(), mode="live", prefix="live-")
    live.fill(market("NYC", DAY), NOON)
    _run(database)
    everything = _state(database)
    for table in TABLES:
        assert [row for row in everything[table] if row["trading_mode"] == "demo"] == demo[table]
        assert [row["trading_mode"] for row in everything[table]].count("live") == 1


def test_messages_of_components_are_not_public(database: TestDatabase) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.component_health (component_name, status, last_check, message) "
                "VALUES ('exchange', 'ok', now(), 'key 1234')"
            )
        )
    _run(database)
    _run(database)
    rows = _rows(database, "v_current_health")
    assert [(row["component_name"], row["status"], row["message"]) for row in rows] == [
        ("exchange", "ok", None),
        ("rollups", "ok", None),
    ]
