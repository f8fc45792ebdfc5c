"""The database allows the changes of an order's state that the domain allows, and no other."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError
from tests.facts import Facts, hours_ago, market
from tests.postgres import TestDatabase

from milkbot.domain.order_states import NEW as BEGINNING
from milkbot.domain.order_states import PLAIN, RULES, TERMINAL, TRANSITIONS, OrderEvent, OrderState, event_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
INSERT = """
INSERT INTO ops.orders (trading_mode, client_order_id, ticker, event_ticker, city_code, climate_day, strategy_name,
    side, price, count, time_in_force, exchange_index, attempt, state, created_at, updated_at)
VALUES ('demo', :name, 'KXHIGHNY-26NOV20-B60.5', 'KXHIGHNY-26NOV20', 'NYC', '2026-11-20', 's', 'bid',
    0.4, 10, 'good_till_canceled', 0, 1, :state, :now, :now)
"""
# The shortest way from pending to each state.
PATHS: dict[OrderState, tuple[OrderState, ...]] = {
    state: () if state is OrderState.PENDING else (state,) for state in OrderState
}


def _bring(connection: Connection, state: OrderState) -> str:
    name = f"mb-{state}"
    connection.execute(text(INSERT), {"name": name, "state": "pending", "now": NOW})
    for step in PATHS[state]:
        _move(connection, name, step)
    return name


def _move(connection: Connection, name: str, state: OrderState, event: OrderEvent | None = None) -> None:
    connection.execute(
        text(
            "UPDATE ops.orders SET state = :state, state_event = COALESCE(:e, state_event) WHERE client_order_id = :n"
        ),
        {"state": state, "n": name, "e": event},
    )


def test_trigger_and_domain_allow_the_same_changes(database: TestDatabase) -> None:
    """Of a writer that names no event, as every one did before there were any."""
    plain = {(old, new) for old, _, new in PLAIN}
    with database.engine().connect() as connection:
        for old, new in itertools.permutations(OrderState, 2):
            connection.begin()
            name = _bring(connection, old)
            if (old, new) in plain:
                _move(connection, name, new)
                event = connection.scalar(text("SELECT state_event FROM ops.orders"))
                assert event == event_of(old, new)
            else:
                with pytest.raises(IntegrityError, match=f"is {old} and cannot become {new}"):
                    _move(connection, name, new)
            connection.rollback()


def test_trigger_and_domain_allow_the_same_events(database: TestDatabase) -> None:
    with database.engine().connect() as connection:
        for old, event, new in itertools.product(OrderState, OrderEvent, OrderState):
            connection.begin()
            name = _bring(connection, old)
            # One that names the event before once more has named none; that is another test's.
            if old is not new and connection.scalar(text("SELECT state_event FROM ops.orders")) != event:
                if (old, event, new) in RULES:
                    _move(connection, name, new, event)
                else:
                    with pytest.raises(IntegrityError, match=f"{event} does not lead from {old} to {new}"):
                        _move(connection, name, new, event)
            connection.rollback()


def test_every_order_begins_as_pending(database: TestDatabase) -> None:
    with database.engine().connect() as connection:
        for state in set(OrderState) - {OrderState.PENDING}:
            with pytest.raises(IntegrityError, match=f"begins as pending, not as {state}"):
                connection.execute(text(INSERT), {"name": "mb-x", "state": state, "now": NOW})
            connection.rollback()


def test_tables_of_states_and_changes_equal_those_of_the_domain(database: TestDatabase) -> None:
    with database.engine().connect() as connection:
        states = {tuple(row) for row in connection.execute(text("SELECT state, terminal FROM ops.order_states"))}
        changes = {
            tuple(row) for row in connection.execute(text("SELECT old_state, new_state FROM ops.order_transitions"))
        }
        rules = {
            (row.old_state, row.event, row.new_state, row.is_plain)
            for row in connection.execute(text("SELECT * FROM ops.order_rules"))
        }
    assert rules == {
        (str(old or BEGINNING), str(event), str(new), (old, event, new) in PLAIN) for old, event, new in RULES
    }
    assert states == {(str(state), state in TERMINAL) for state in OrderState}
    assert changes == {(str(old), str(new)) for old, new in TRANSITIONS}


def test_one_fill_of_the_exchange_is_stored_once(database: TestDatabase) -> None:
    facts = Facts(database.engine())
    facts.fill(market("NYC", date(2026, 11, 20)), hours_ago(2))
    again = Facts(database.engine())
    with pytest.raises(IntegrityError):
        again.fill(market("NYC", date(2026, 11, 20)), hours_ago(2))
