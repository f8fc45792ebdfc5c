"""What check-restored.py finds in a database that was restored, on a real one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.postgres import TestDatabase
from tests.roles.backups import restored

from milkbot.db.migrate import alembic_config, downgrade, head_revision
from milkbot.db.ops import FillRow, Order, PositionRow, SettlementRow

AT = datetime(2026, 11, 24, 15, tzinfo=UTC)
PLACE = {
    "trading_mode": "demo",
    "ticker": "KXHIGHNY-26NOV24-B51.5",
    "event_ticker": "KXHIGHNY-26NOV24",
    "city_code": "NY",
    "climate_day": date(2026, 11, 24),
}


@pytest.fixture(autouse=True)
def _books(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that was filled in two parts, the position that it left, and how it was settled."""
    monkeypatch.setenv("PGHOST", str(database.socket_directory))
    monkeypatch.setenv("PGUSER", "postgres")
    common: dict[str, Any] = {**PLACE, "side": "bid", "price": Decimal("0.41")}
    order = Order(
        **common,
        client_order_id="mb-1",
        venue_order_id="v-1",
        strategy_name="edge",
        count=Decimal(5),
        attempt=1,
        time_in_force="good_till_canceled",
        exchange_index=0,
        state="pending",
        created_at=AT,
        updated_at=AT,
    )
    with Session(database.engine()) as session:
        session.add(order)
        session.flush()
        order.state = "filled"
        for number, count in enumerate((2, 3)):
            session.add(
                FillRow(
                    **common,
                    venue_fill_id=f"f-{number}",
                    venue_order_id="v-1",
                    order_id=order.id,
                    count=Decimal(count),
                    fee=Decimal("0.03"),
                    realized_pnl=Decimal(0),
                    is_taker=True,
                    filled_at=AT,
                    recorded_at=AT,
                )
            )
        held = {"signed_count": Decimal(5), "cost": Decimal("2.05")}
        session.add(
            PositionRow(
                **PLACE,
                **held,
                fees=Decimal("0.06"),
                realized_pnl=Decimal(0),
                is_closed=True,
                opened_at=AT,
                updated_at=AT,
            )
        )
        session.add(
            SettlementRow(
                **PLACE,
                **held,
                result="yes",
                yes_value=Decimal(1),
                revenue=Decimal(5),
                realized_pnl=Decimal("2.95"),
                settled_at=AT,
                recorded_at=AT,
            )
        )
        session.commit()


def _do(database: TestDatabase, *statements: str) -> None:
    with database.engine("postgres").begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def _facts(database: TestDatabase) -> dict[str, Any]:
    counted, _ = restored.count_tables(database.name)
    return {"schema": head_revision(alembic_config(None)), "tables": counted}


def test_a_complete_database_is_accepted(database: TestDatabase) -> None:
    facts = _facts(database)
    assert facts["tables"]["ops.fills"] == 2
    assert list(restored.problems(database.name, facts)) == []
    assert list(restored.broken_invariants(database.name)) == []
    extensions = restored.ask("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck';", database.name)
    assert extensions == [["0"]]


# What a crash in the middle of a write to a disk that lies leaves: a row that one of its indexes does not know.
INTO_THE_TABLE_ALONE = """
UPDATE pg_index SET indisready = false, indislive = false WHERE indexrelid = 'ops.ix_fills_mode_day'::regclass;
INSERT INTO ops.fills (
    trading_mode, venue_fill_id, venue_order_id, ticker, event_ticker, city_code, climate_day, side, count, price, fee,
    realized_pnl, is_taker, filled_at, recorded_at
)
SELECT trading_mode, 'f-9', 'v-9', ticker, event_ticker, city_code, climate_day, side, count, price, fee,
    realized_pnl, is_taker, filled_at, recorded_at
FROM ops.fills LIMIT 1;
UPDATE pg_index SET indisready = true, indislive = true WHERE indexrelid = 'ops.ix_fills_mode_day'::regclass
"""
TWO_MORE_ORDERS = """
INSERT INTO ops.orders (
    trading_mode, client_order_id, ticker, event_ticker, city_code, climate_day, strategy_name, side, price, count,
    time_in_force, exchange_index, attempt, state, created_at, updated_at
)
SELECT trading_mode, 'mb-' || number, ticker, event_ticker, city_code, climate_day, strategy_name, side, price, count,
    time_in_force, exchange_index, number, 'pending', created_at, updated_at
FROM ops.orders, generate_series(2, 3) AS number
"""
SIGNAL_FOR_ANOTHER = """
WITH tick AS (
    INSERT INTO ops.ticks (trading_mode, started_at, release, config_hash) VALUES ('demo', now(), 'r', 'c') RETURNING id
), asked AS (
    INSERT INTO ops.signals (
        trading_mode, tick_id, ticker, event_ticker, city_code, climate_day, strategy_name, decision, count, reasons,
        created_at
    )
    SELECT 'demo', id, 'other', 'e', 'NY', now(), 's', 'buy', 1, '{}', now() FROM tick RETURNING id
)
UPDATE ops.orders SET signal_id = asked.id FROM asked
"""

DAMAGES = {
    "a row is missing": ("DELETE FROM ops.settlements", "ops.settlements has 0 rows, expected 1 rows"),
    "a table is missing": ("DROP TABLE ops.live_armings", "ops.live_armings has no such table, expected 0 rows"),
    "another schema": ("UPDATE ops.alembic_version SET version_num = '0001'", "its schema is 0001, expected"),
    "a constraint was never checked": (
        "ALTER TABLE ops.fills ADD CONSTRAINT later CHECK (count > 0) NOT VALID",
        "the constraint later of ops.fills is not validated",
    ),
    "an index is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ops.ix_fills_mode_day'::regclass",
        "the index ops.ix_fills_mode_day is not valid",
    ),
    "an index lacks a row": (
        INTO_THE_TABLE_ALONE,
        "pg_amcheck found damage",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_database_that_differs_from_its_backup_is_refused(database: TestDatabase, damage: str) -> None:
    statement, sentence = DAMAGES[damage]
    facts = _facts(database)
    _do(database, statement)
    found = list(restored.problems(database.name, facts))
    assert [line for line in found if sentence in line], found


UNGUARDED = "SET session_replication_role = replica"
BREAKS = {
    "fill-of-its-order": "UPDATE ops.fills SET side = 'ask' WHERE venue_fill_id = 'f-0'",
    "fill-without-its-order": "UPDATE ops.fills SET order_id = NULL WHERE venue_fill_id = 'f-0'",
    "no-more-than-ordered": "UPDATE ops.fills SET count = 4",
    "filled-at-the-exchange": "UPDATE ops.orders SET venue_order_id = NULL",
    "one-live-order": TWO_MORE_ORDERS,
    "order-of-its-signal": SIGNAL_FOR_ANOTHER,
    "position-is-its-fills": "DELETE FROM ops.positions",
    "nothing-held-nothing-paid": "UPDATE ops.positions SET cost = -1",
    "settled-is-closed": "UPDATE ops.positions SET is_closed = false",
    "prices-are-prices": "UPDATE ops.fills SET price = 1",
    "state-is-its-events": f"{UNGUARDED}; UPDATE ops.orders SET state = 'canceled'",
    "events-follow": f"{UNGUARDED}; UPDATE ops.order_events SET old_state = 'unknown' WHERE seq = 2",
    "chain-is-whole": f"{UNGUARDED}; UPDATE ops.order_events SET reason = 'another' WHERE seq = 1",
    "equity-is-cash-and-positions": "UPDATE ops.cash_books SET traded = traded + 1 WHERE trading_mode = 'demo'",
}


def test_every_invariant_has_a_case(database: TestDatabase) -> None:
    assert {found.name for found in restored.invariants(database.name)} == BREAKS.keys()


def test_a_backup_from_before_order_events_can_be_checked(database: TestDatabase) -> None:
    engine = database.engine()
    downgrade(engine, "0008")
    engine.dispose()
    assert list(restored.broken_invariants(database.name)) == []


@pytest.mark.parametrize("name", BREAKS)
def test_an_inconsistent_ledger_fails_the_drill(database: TestDatabase, name: str) -> None:
    _do(database, BREAKS[name])
    found = list(restored.broken_invariants(database.name))
    assert [line for line in found if f"the ledger breaks '{name}'" in line], found
