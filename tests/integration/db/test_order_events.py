"""The log of an order's events: nobody forgets to write it, nobody can change it, and whoever did is found out."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from tests.patience import PATIENCE
from tests.postgres import TestDatabase

from milkbot.db import order_events
from milkbot.db.migrate import alembic_config, downgrade
from milkbot.db.ops import Order
from milkbot.domain.modes import TradingMode

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMO = TradingMode.DEMO
# The statements of a release that knows of no events.
INSERT = """
INSERT INTO ops.orders (trading_mode, client_order_id, ticker, event_ticker, city_code, climate_day, strategy_name,
    side, price, count, time_in_force, exchange_index, attempt, state, created_at, updated_at)
VALUES (:mode, :name, 'KXHIGHNY-26NOV20-B60.5', 'KXHIGHNY-26NOV20', 'NYC', '2026-11-20', 's', 'bid',
    0.4, 10, 'good_till_canceled', 0, 1, 'pending', :now, :now)
"""
MOVE = "UPDATE ops.orders SET state = :state, state_reason = :reason, updated_at = :now WHERE client_order_id = :name"
TRADER = "milkbot_trader"
# What only whoever owns the server can do: switch the guards off, and write what they like.
TAMPERING = {
    "a reason was changed": ("UPDATE ops.order_events SET reason = 'another' WHERE seq = 2", "event 2, of order 1"),
    "a moment was changed": (
        "UPDATE ops.order_events SET happened_at = happened_at - interval '1 s' WHERE seq = 3",
        "event 3, of order 1",
    ),
    "an event was taken away": ("DELETE FROM ops.order_events WHERE seq = 2", "event 2 is missing: the next one is 3"),
    "a hash was made to fit": (
        """UPDATE ops.order_events AS it SET reason = 'another', hash = sha256(previous_hash || convert_to(
            ops.order_event_text((trading_mode, seq, order_id, client_order_id, event, old_state, new_state, terms,
            venue_order_id, 'another', happened_at, recorded_at, recorded_by, previous_hash, hash)), 'UTF8'))
        WHERE seq = 2""",
        "event 3 does not follow event 2: it names another hash",
    ),
}


def place(connection: Connection, name: str = "mb-1", mode: str = "demo") -> None:
    connection.execute(text(INSERT), {"name": name, "now": NOW, "mode": mode})


def move(connection: Connection, state: str, name: str = "mb-1", reason: str | None = None) -> None:
    connection.execute(text(MOVE), {"name": name, "now": NOW, "state": state, "reason": reason})


def life(engine: Engine) -> None:
    """An order's life, written as the release before does."""
    with engine.begin() as connection:
        place(connection)
    for state in ("unknown", "resting", "filled"):
        with engine.begin() as connection:
            move(connection, state, reason="listed")


def broken(engine: Engine) -> str | None:
    with Session(engine) as session:
        rows = order_events.events_after(session, DEMO, 0)
        return order_events.break_of(order_events.START, rows)[1]


def story(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT seq, event, old_state, new_state FROM ops.order_events ORDER BY seq"))
        return [tuple(row) for row in rows]


def test_changes_by_a_release_without_events_are_recorded_as_events(database: TestDatabase) -> None:
    life(database.engine(TRADER))
    assert story(database.engine()) == [
        (1, "committed", "new", "pending"),
        (2, "answer_lost", "pending", "unknown"),
        (3, "rested", "unknown", "resting"),
        (4, "filled", "resting", "filled"),
    ]
    assert broken(database.engine()) is None


def test_an_exchange_id_that_becomes_known_is_recorded_as_an_event(database: TestDatabase) -> None:
    with database.engine(TRADER).begin() as connection:
        place(connection)
        connection.execute(text("UPDATE ops.orders SET venue_order_id = 'v-1'"))
        connection.execute(text("UPDATE ops.orders SET venue_order_id = 'v-1', sent_at = :now"), {"now": NOW})
    assert story(database.engine())[1:] == [(2, "named", "pending", "pending")]


@pytest.mark.parametrize("role", [TRADER, "milkbot"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ops.order_events SET reason = 'x'",
        "DELETE FROM ops.order_events",
        "TRUNCATE ops.order_events",
        "INSERT INTO ops.order_events SELECT * FROM ops.order_events",
    ],
)
def test_no_event_can_be_changed_deleted_or_inserted(database: TestDatabase, role: str, statement: str) -> None:
    life(database.engine())
    with (
        database.engine(role).connect() as connection,
        pytest.raises(ProgrammingError, match=r"is written by changes of ops\.orders alone|permission denied"),
    ):
        connection.execute(text(statement))


@pytest.mark.parametrize("case", TAMPERING)
def test_tampering_behind_the_triggers_is_found(database: TestDatabase, case: str) -> None:
    life(database.engine())
    statement, said = TAMPERING[case]
    with database.engine("postgres").begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
    found = broken(database.engine())
    assert found is not None
    assert found.startswith(said)


@pytest.mark.parametrize("reason", ['"quoted" \\ back', "line\nand\ttab\x01\x7f", "größer als 88 °F  \U0001f600", ""])
def test_code_and_database_hash_the_same_text(database: TestDatabase, reason: str) -> None:
    with database.engine(TRADER).begin() as connection:
        place(connection)
        move(connection, "rejected", reason=reason)
    with Session(database.engine()) as session:
        told = session.scalars(text("SELECT ops.order_event_text(it) FROM ops.order_events AS it ORDER BY seq")).all()
        rows = order_events.events_after(session, DEMO, 0)
        assert [order_events.canonical(row) for row in rows] == told
        order = session.get_one(Order, rows[0].order_id)
        assert order_events.terms_of(order) == rows[0].terms
    assert broken(database.engine()) is None


def test_each_mode_has_a_chain_of_its_own(database: TestDatabase) -> None:
    life(database.engine())
    with database.engine(TRADER).begin() as connection:
        place(connection, "mb-shadow", "shadow")
    with Session(database.engine()) as session:
        (row,) = order_events.events_after(session, TradingMode.SHADOW, 0)
        assert (row.seq, row.previous_hash) == (1, order_events.BEGINNING)


def test_two_simultaneous_writers_never_fork_the_chain(database: TestDatabase) -> None:
    """The tick and a command of the operator's: the second waits until the first has committed."""
    engine = database.engine()
    failed: list[Exception] = []

    def write(writer: int) -> None:
        try:
            for number in range(20):
                with engine.begin() as connection:
                    place(connection, f"mb-{writer}-{number}")
                    move(connection, "rejected", f"mb-{writer}-{number}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says it
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE)
    assert failed == []
    assert len(story(engine)) == 3 * 20 * 2
    assert broken(engine) is None


def test_an_order_of_an_earlier_schema_begins_with_a_genesis_event(database: TestDatabase) -> None:
    engine = database.engine()
    downgrade(engine, "0008")
    life(engine)
    with engine.begin() as connection:
        place(connection, "mb-2")
    command.upgrade(alembic_config(engine), "head")
    assert story(engine) == [(1, "genesis", "new", "filled"), (2, "genesis", "new", "pending")]
    with database.engine(TRADER).begin() as connection:
        move(connection, "resting", "mb-2")
    assert story(engine)[2:] == [(3, "rested", "pending", "resting")]
    assert broken(engine) is None
