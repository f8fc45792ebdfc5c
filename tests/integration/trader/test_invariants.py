"""Each invariant of the ledger: broken on purpose, it is named, it binds, and it is reported."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.integration.trader.stage import Stage

from milkbot.trader.invariants import catalogue
from milkbot.trader.invariants.context import QueryContext

FIRST_ORDER = "(SELECT min(id) FROM ops.orders)"
HELD = "(SELECT min(ticker) FROM ops.positions WHERE NOT is_closed)"
# Each is done behind the triggers' backs, as a bug or a person with a client could.
BREAKS = {
    "cash-adds-up": "UPDATE ops.balance_snapshots SET cash = cash + 5",
    "equity-is-cash-and-positions": "UPDATE ops.cash_books SET traded = traded + 0.01 WHERE trading_mode = 'demo'",
    "exposure-under-limits": f"UPDATE ops.positions SET cost = cost + 90 WHERE ticker = {HELD}",
    "analytics-equals-ops": """
        INSERT INTO analytics.equity_curve_daily (trading_mode, date, starting_equity, ending_equity, daily_pnl,
            cumulative_pnl, drawdown, drawdown_pct, high_water_mark, computed_at)
        VALUES ('demo', '2026-08-02', 1000, 1001, 1, 1, 0, 0, 1001, now())
    """,
    "no-order-in-a-settled-market": f"""
        INSERT INTO ops.settlements (trading_mode, ticker, event_ticker, city_code, climate_day, result, yes_value,
            signed_count, cost, revenue, realized_pnl, settled_at, recorded_at)
        SELECT trading_mode, ticker, event_ticker, city_code, climate_day, 'yes', 1, 0, 0, 0, 0, now(), now()
        FROM ops.orders WHERE id = {FIRST_ORDER};
        UPDATE ops.orders SET state = 'resting' WHERE id = {FIRST_ORDER}
    """,
    "fill-has-its-order": f"UPDATE ops.fills SET order_id = NULL WHERE order_id = {FIRST_ORDER}",
    "one-live-order": f"""
        UPDATE ops.orders SET state = 'resting', ticker = (SELECT ticker FROM ops.orders WHERE id = {FIRST_ORDER})
        WHERE id <= {FIRST_ORDER} + 1
    """,
    "no-more-than-ordered": f"UPDATE ops.orders SET count = 1 WHERE id = {FIRST_ORDER}",
    "position-is-its-fills": f"UPDATE ops.positions SET signed_count = signed_count + 1 WHERE ticker = {HELD}",
    "settled-is-closed": f"""
        INSERT INTO ops.settlements (trading_mode, ticker, event_ticker, city_code, climate_day, result, yes_value,
            signed_count, cost, revenue, realized_pnl, settled_at, recorded_at)
        SELECT trading_mode, ticker, event_ticker, city_code, climate_day, 'yes', 1, signed_count, cost, 0, 0, now(),
            now() FROM ops.positions WHERE ticker = {HELD}
    """,
    "resting-order-expires": f"UPDATE ops.orders SET state = 'resting' WHERE id = {FIRST_ORDER}",
    "state-is-its-events": f"UPDATE ops.orders SET state = 'unknown' WHERE id = {FIRST_ORDER}",
    "chain-is-whole": "UPDATE ops.order_events SET reason = 'another' WHERE seq = 1",
}


def broken(stage: Stage, *, thorough: bool = True) -> set[str]:
    with Session(stage.engine) as session:
        context = QueryContext(stage.settings, stage.exchange.now(), thorough=thorough)
        return {answer.invariant.name for answer in catalogue.check(session, context) if answer.problems}


def tamper(stage: Stage, statement: str) -> None:
    with stage.database.engine("postgres").begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        for one in statement.split(";"):
            connection.execute(text(one))


def test_every_invariant_has_a_test() -> None:
    assert set(BREAKS) == {invariant.name for invariant in catalogue.INVARIANTS}


def test_a_healthy_ledger_breaks_no_invariant(stage: Stage) -> None:
    stage.tick()
    assert broken(stage) == set()
    stage.later(hours=16)
    stage.tick()
    assert broken(stage) == set()


@pytest.mark.parametrize("name", BREAKS)
def test_every_broken_invariant_is_named(stage: Stage, name: str) -> None:
    stage.tick()
    tamper(stage, BREAKS[name])
    assert name in broken(stage)


def test_a_broken_invariant_stops_trading(stage: Stage) -> None:
    stage.tick()
    tamper(stage, BREAKS["state-is-its-events"].replace("'unknown'", "'rejected'"))
    # An order that is over is checked again only when something happens to it; this one is new since the mark.
    tamper(stage, "DELETE FROM ops.chain_marks")
    stage.later(minutes=30)
    stage.wire.requests.clear()
    report = stage.tick()
    assert report.counts.invariants_broken == 1
    assert stage.wire.creates == []
    (told,) = stage.rows("SELECT severity, message FROM ops.risk_events WHERE event_type = 'invariant'")
    assert told["severity"] == "critical"
    assert "is rejected, its events say filled" in told["message"]
    assert report.message == "trading state is halted"


def test_a_tick_verifies_only_the_new_part_of_the_chain(stage: Stage) -> None:
    """It begins where the last one ended: what was changed before that, `milkbot audit` finds."""
    stage.tick()
    stage.later(minutes=5)
    stage.tick()
    mark = stage.value("SELECT seq FROM ops.chain_marks WHERE trading_mode = 'demo'")
    assert mark == stage.value(
        "SELECT max(seq) FROM ops.order_events WHERE happened_at < :now", now=stage.exchange.now()
    )
    tamper(stage, "UPDATE ops.order_events SET reason = 'another' WHERE seq = 1")
    assert "chain-is-whole" not in broken(stage, thorough=False)
    assert "chain-is-whole" in broken(stage)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM ops.order_events WHERE seq = {last}", "UPDATE ops.order_events SET hash = 'x' WHERE seq = {last}"],
)
def test_a_truncated_or_forged_end_of_the_chain_is_found(stage: Stage, statement: str) -> None:
    stage.tick()
    stage.later(minutes=5)
    stage.tick()
    last = stage.value("SELECT seq FROM ops.chain_marks WHERE trading_mode = 'demo'")
    tamper(stage, statement.format(last=last))
    assert "chain-is-whole" in broken(stage, thorough=False)


def test_settled_days_keep_the_equity_curve_equal_to_the_ledger(stage: Stage) -> None:
    assert stage.exchange.now() < datetime.now(UTC), "the rollups show what is an hour old by the wall clock"
    stage.tick()
    assert "analytics-equals-ops" not in broken(stage)
