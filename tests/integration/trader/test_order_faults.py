"""An order whose answer is lost: known as unknown, counted at its worst, found by evidence, and never sent twice."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from tests.integration.trader import faults
from tests.integration.trader.stage import Fault, Send, Stage, cut_off, reconnect
from tests.postgres import Cluster

from milkbot.domain.modes import TradingMode
from milkbot.domain.units import Cash
from milkbot.errors import DatabaseUnavailableError
from milkbot.trader.exposure import current_exposure
from milkbot.venue.errors import VenueReadError

ARRIVED = [
    faults.reply_lost,
    faults.server_error_after_accepting,
    faults.success_without_order_id,
    faults.conflict,
]


def first_order(stage: Stage) -> dict[str, Any]:
    return stage.rows("SELECT * FROM ops.orders ORDER BY id LIMIT 1")[0]


def sent_ids(stage: Stage) -> list[str]:
    return [json.loads(request.content)["client_order_id"] for request in stage.wire.creates]


def creates_in(stage: Stage, event_ticker: str) -> int:
    return sum(json.loads(request.content)["ticker"].startswith(event_ticker) for request in stage.wire.creates)


def held_at_exchange(stage: Stage) -> dict[str, Decimal]:
    holdings = stage.exchange.account.holdings
    return {ticker: held.position.signed_count for ticker, held in holdings.items() if held.position.signed_count}


def held_in_ledger(stage: Stage) -> dict[str, Decimal]:
    rows = stage.rows("SELECT ticker, signed_count FROM ops.positions WHERE NOT is_closed")
    return {row["ticker"]: row["signed_count"] for row in rows}


@pytest.mark.parametrize("fault", ARRIVED)
def test_order_that_arrived_without_a_clear_answer_is_unknown_and_then_found(stage: Stage, fault: Fault) -> None:
    stage.wire.faults = [fault]
    stage.tick()
    order = first_order(stage)
    assert (order["state"], order["venue_order_id"]) == ("unknown", None)

    stage.later(seconds=30)
    stage.tick()
    found = first_order(stage)
    assert (found["state"], found["state_reason"]) == ("filled", "listed")
    assert found["venue_order_id"] in stage.exchange.simulator.state.orders
    assert held_in_ledger(stage) == held_at_exchange(stage)
    assert len(sent_ids(stage)) == len(set(sent_ids(stage)))


def test_fill_reported_before_its_order_is_assigned_to_it_later(stage: Stage) -> None:
    stage.wire.faults = [faults.reply_lost]
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.fills WHERE order_id IS NULL") == 1
    stage.later(seconds=30)
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.fills WHERE order_id IS NULL") == 0


def test_order_that_never_arrived_blocks_its_event_until_its_absence_is_proved(stage: Stage) -> None:
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    order = first_order(stage)
    assert order["state"] == "unknown"

    stage.later(seconds=30)
    before = creates_in(stage, order["event_ticker"])
    stage.tick()
    assert first_order(stage)["state"] == "unknown"
    assert creates_in(stage, order["event_ticker"]) == before
    notes = stage.rows("SELECT ticker, message FROM ops.risk_events WHERE event_type = 'order_unresolved'")
    assert [note["ticker"] for note in notes] == [order["ticker"]]
    assert order["client_order_id"] in notes[0]["message"]

    stage.later(seconds=31)
    stage.tick()
    proved = first_order(stage)
    assert proved["state"] == "rejected"
    assert proved["state_reason"].startswith("absent at the exchange as of 2026-08-03T15:01:01")
    assert creates_in(stage, order["event_ticker"]) > before, "the event must be free again"
    assert order["client_order_id"] not in sent_ids(stage)[1:]


def test_order_of_unknown_outcome_counts_at_its_worst_case(stage: Stage) -> None:
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    order = first_order(stage)
    leg_price = order["price"] if order["side"] == "bid" else 1 - order["price"]
    worst = order["count"] * (leg_price + Decimal("0.07") * order["price"] * (1 - order["price"]))
    with Session(stage.engine) as session:
        exposure = current_exposure(session, TradingMode.DEMO, Cash(Decimal(500)), frozenset())
    assert exposure.by_event[order["event_ticker"]] == worst
    assert exposure.cash == 500 - worst


def test_unknown_outcome_stops_its_event_for_the_rest_of_the_tick(stage_without_limits: Stage) -> None:
    stage = stage_without_limits
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    sent = [json.loads(request.content)["ticker"] for request in stage.wire.creates]
    lost_event = first_order(stage)["event_ticker"]
    assert [ticker for ticker in sent if ticker.startswith(lost_event)] == sent[:1]
    assert len(sent) > 1, "other events go on"
    denied = stage.rows("SELECT ticker FROM ops.risk_events WHERE event_type = 'denied_event_unresolved'")
    assert denied, "this world must offer several orders in one event"
    assert all(row["ticker"].startswith(lost_event) for row in denied)


@pytest.mark.parametrize(
    ("fault", "reason"), [(faults.connection_refused, "not_sent"), (faults.too_many_requests, "too_many_requests")]
)
def test_proved_rejection_frees_the_event_at_once(stage: Stage, fault: Fault, reason: str) -> None:
    stage.exchange.hold_prices()
    stage.wire.faults = [fault]
    stage.tick()
    order = first_order(stage)
    assert (order["state"], order["state_reason"]) == ("rejected", reason)
    stage.later(minutes=5)
    stage.tick()
    assert stage.value("SELECT count(*) FROM ops.orders WHERE state = 'unknown'") == 0
    again = stage.rows("SELECT * FROM ops.orders WHERE ticker = :ticker AND id > :id", **order)
    assert [row["state"] for row in again] == ["filled"]
    assert again[0]["client_order_id"] != order["client_order_id"]


def test_order_that_is_not_at_the_socket_in_time_is_never_sent(stage: Stage) -> None:
    def stand_still(request: httpx2.Request, send: Send) -> httpx2.Response:
        stage.later(seconds=21)
        return send(request)

    stage.wire.faults = [stand_still]
    report = stage.tick()
    order = first_order(stage)
    assert (order["state"], order["state_event"], order["state_reason"]) == ("rejected", "refused", "too_late")
    assert report.counts.too_late == 1
    assert order["client_order_id"] not in {
        placed.client_order_id for placed in stage.exchange.simulator.state.orders.values()
    }
    assert held_in_ledger(stage) == held_at_exchange(stage)


def test_intent_is_committed_before_its_order_is_sent(stage: Stage) -> None:
    seen: list[tuple[str, str]] = []

    def record(request: httpx2.Request, send: Send) -> httpx2.Response:
        name = json.loads(request.content)["client_order_id"]
        seen.append((name, stage.value("SELECT state FROM ops.orders WHERE client_order_id = :name", name=name)))
        return send(request)

    stage.wire.faults = [record, record, record]
    stage.tick()
    assert len(seen) == 3
    assert {state for _, state in seen} == {"pending"}


def test_database_lost_after_the_send_stops_further_orders_until_recovered(stage: Stage, cluster: Cluster) -> None:
    def lose_database(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        cut_off(cluster, stage.database)
        return answer

    stage.wire.faults = [lose_database]
    with pytest.raises(DatabaseUnavailableError):
        stage.tick()
    reconnect(cluster, stage.database)
    assert len(stage.wire.creates) == 1
    order = first_order(stage)
    assert order["state"] == "pending"
    assert stage.rows("SELECT finished_at, outcome FROM ops.ticks") == [{"finished_at": None, "outcome": None}]

    stage.later(seconds=30)
    stage.tick()
    assert first_order(stage)["state"] == "filled"
    assert held_in_ledger(stage) == held_at_exchange(stage)


def test_lock_lost_between_two_orders_sends_no_second_one(stage: Stage, cluster: Cluster) -> None:
    """Without its lock another tick may be running on the same ledger."""

    def lose_lock(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        with cluster.admin.connect() as connection:
            ended = connection.scalars(
                text("""
                    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                    WHERE locktype = 'advisory' AND datname = :name
                """),
                {"name": stage.database.name},
            )
            assert list(ended) == [True]
        return answer

    stage.wire.faults = [lose_lock]
    with pytest.raises(DatabaseUnavailableError, match="the lock was lost with its connection"):
        stage.tick()
    assert len(stage.wire.creates) == 1
    assert first_order(stage)["state"] == "pending", "who has no lock writes nothing about an order"
    assert stage.value("SELECT outcome FROM ops.ticks") == "failed"

    stage.later(seconds=30)
    stage.tick()
    assert first_order(stage)["state"] == "filled"
    assert held_in_ledger(stage) == held_at_exchange(stage)


def test_exchange_lost_after_the_orders_fails_the_tick_and_loses_no_fill(stage: Stage) -> None:
    def last_words(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        stage.wire.always = faults.exchange_down
        return answer

    stage.wire.faults = [last_words]
    with pytest.raises(VenueReadError):
        stage.tick()
    assert first_order(stage)["state"] == "filled"
    assert stage.value("SELECT outcome FROM ops.ticks") == "failed"
    stage.wire.always = None
    stage.tick()
    assert held_in_ledger(stage) == held_at_exchange(stage)


def test_unexpected_error_is_stored_in_the_row_and_the_order_is_found_later(stage: Stage) -> None:
    def explode(request: httpx2.Request, send: Send) -> httpx2.Response:
        send(request)
        raise RuntimeError("out of the blue")

    stage.wire.faults = [explode]
    with pytest.raises(RuntimeError):
        stage.tick()
    assert stage.rows("SELECT outcome, message FROM ops.ticks") == [{"outcome": "failed", "message": "out of the blue"}]
    assert first_order(stage)["state"] == "pending"
    stage.later(seconds=30)
    stage.tick()
    assert first_order(stage)["state"] == "filled"
