"""What is not ours blocks what it touches; what is of another mode does not exist."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tests.exchange import Exchange
from tests.integration.trader import faults
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.db.state import single_writer
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.errors import LockHeldError
from milkbot.venue.values import VenueOrderStatus

EVENT = "KXHIGHNY-26AUG04"


def rest_an_order(stage: Stage, client_order_id: str) -> str:
    """Place an order in EVENT that nobody takes; returns the exchange's id."""
    with stage.venue() as venue:
        ticker = min(market.ticker for market in venue.event(EVENT).markets)
        placed = venue.create_order(
            OrderIntent(
                client_order_id=client_order_id,
                ticker=ticker,
                side=BookSide.BID,
                count=Count(Decimal(5)),
                price=Price(Decimal("0.01")),
                time_in_force=TimeInForce.GOOD_TILL_CANCELED,
                exchange_index=0,
                created_at=stage.exchange.now(),
            )
        )
    stage.wire.requests.clear()
    return placed.order_id


def events_traded(stage: Stage) -> set[str]:
    return {json.loads(request.content)["ticker"].rpartition("-")[0] for request in stage.wire.creates}


def notes(stage: Stage, kind: str) -> list[str]:
    rows = stage.rows("SELECT message FROM ops.risk_events WHERE event_type = :kind ORDER BY id", kind=kind)
    return [row["message"] for row in rows]


def test_order_placed_by_hand_blocks_its_event_and_is_left_alone(stage: Stage) -> None:
    order_id = rest_an_order(stage, "by-hand")
    report = stage.tick()
    assert notes(stage, "foreign_order") == [f"order {order_id} is not in our books"]
    assert EVENT not in events_traded(stage)
    assert len(events_traded(stage)) > 1
    assert report.counts["denied event_unresolved"] > 0
    assert stage.exchange.simulator.state.orders[order_id].status is VenueOrderStatus.RESTING


def test_order_of_ours_that_rests_without_a_row_is_canceled_and_frees_its_event(stage: Stage) -> None:
    order_id = rest_an_order(stage, "mb-of-a-book-that-was-lost")
    report = stage.tick()
    assert (report.counts["canceled"], report.counts["denied event_unresolved"]) == (1, 4)
    assert stage.exchange.simulator.state.orders[order_id].status is VenueOrderStatus.CANCELED
    stage.later(minutes=5)
    assert stage.tick().counts["denied event_unresolved"] == 0


def test_position_that_differs_from_the_exchanges_blocks_its_event(stage: Stage) -> None:
    stage.tick()
    row = stage.rows("SELECT ticker, event_ticker, signed_count FROM ops.positions ORDER BY ticker LIMIT 1")[0]
    stage.act("UPDATE ops.positions SET signed_count = signed_count + 1 WHERE ticker = :ticker", **row)
    stage.later(minutes=5)
    stage.wire.requests.clear()
    report = stage.tick()
    assert report.counts["mismatches"] == 1
    found = row["signed_count"]
    assert notes(stage, "position_mismatch") == [f"our fills fold to {found + 1}, the exchange holds {found}"]
    assert row["event_ticker"] not in events_traded(stage)


def test_trade_by_hand_is_booked_as_nobodys_order(stage: Stage) -> None:
    with stage.venue() as venue:
        ticker = "KXHIGHNY-26AUG03-T87"
        price = venue.order_books([ticker])[ticker].best_yes_ask
        assert price is not None
        venue.create_order(
            OrderIntent(
                client_order_id="by-hand",
                ticker=ticker,
                side=BookSide.BID,
                count=Count(Decimal(1)),
                price=price.price,
                time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
                exchange_index=0,
                created_at=stage.exchange.now(),
            )
        )
    assert stage.tick().counts["mismatches"] == 0
    assert stage.value("SELECT count(*) FROM ops.fills WHERE order_id IS NULL") == 1
    held = stage.value("SELECT signed_count FROM ops.positions WHERE ticker = :ticker", ticker=ticker)
    assert held == stage.exchange.account.holdings[ticker].position.signed_count


def test_lock_keeps_out_a_tick_of_the_same_books_and_no_other(stage: Stage) -> None:
    with single_writer(stage.engine, TradingMode.DEMO), pytest.raises(LockHeldError):
        stage.tick()
    assert stage.wire.requests == []
    assert stage.value("SELECT count(*) FROM ops.ticks") == 0
    with single_writer(stage.engine, TradingMode.SHADOW):
        stage.tick()
    assert stage.value("SELECT count(*) FROM ops.ticks") == 1


def test_books_of_another_mode_do_not_exist(stage: Stage, exchange: Exchange, database: TestDatabase) -> None:
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    stage.act("""
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
        VALUES ('demo', 'halted', 'test', 'test', now())
    """)
    demo = stage.rows("SELECT * FROM ops.orders ORDER BY id")
    held = stage.rows("SELECT * FROM ops.positions ORDER BY ticker")
    assert held, "the demo books must hold something to hide"
    with staged(exchange, database, TRADING_MODE="shadow") as shadow:
        report = shadow.tick()
    assert report.counts["denied event_unresolved"] == 0
    assert report.counts["denied trading_halted"] == 0
    assert report.counts["reason target_held"] == 0
    assert report.message is None
    assert stage.rows("SELECT * FROM ops.orders ORDER BY id") == demo
    assert stage.rows("SELECT * FROM ops.positions ORDER BY ticker") == held
