"""What is not ours is taken into the ledger and left alone; what is of another mode does not exist."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session
from tests.exchange import Exchange
from tests.integration.trader import faults
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.db.state import single_writer
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import Cash, Count
from milkbot.errors import LockHeldError
from milkbot.trader.exposure import current_exposure
from milkbot.venue.values import VenueOrderStatus

EVENT = "KXHIGHNY-26AUG04"


def rest_an_order(stage: Stage, client_order_id: str) -> str:
    """Place an order in EVENT that nobody takes; returns the exchange's id."""
    with stage.venue() as venue:
        ticker = min(market.ticker for market in venue.event(EVENT).markets)
    placed = stage.rest_by_hand(ticker, client_order_id)
    stage.wire.requests.clear()
    return placed.order_id


def events_traded(stage: Stage) -> set[str]:
    return {json.loads(request.content)["ticker"].rpartition("-")[0] for request in stage.wire.creates}


def notes(stage: Stage, kind: str) -> list[str]:
    rows = stage.rows("SELECT message FROM ops.risk_events WHERE event_type = :kind ORDER BY id", kind=kind)
    return [row["message"] for row in rows]


def findings(stage: Stage) -> list[tuple[str, str, bool]]:
    rows = stage.rows("SELECT kind, effect, closed_at IS NULL AS is_open FROM ops.findings ORDER BY id")
    return [(row["kind"], row["effect"], row["is_open"]) for row in rows]


def close_all(stage: Stage) -> None:
    stage.act(
        "UPDATE ops.findings SET closed_at = opened_at, closed_by = 'tester', note = 'meant' WHERE closed_at IS NULL"
    )


def test_manual_order_is_adopted_and_its_event_not_traded(stage: Stage) -> None:
    order_id = rest_an_order(stage, "by-hand")
    stage.tick()
    assert findings(stage) == [("manual_order", "reducing", True)]
    assert notes(stage, "manual_order")[0].startswith(
        f"order {order_id} was not in our ledger; it was placed by somebody"
    )
    adopted = stage.rows("SELECT origin, state, state_event, venue_order_id, strategy_name FROM ops.orders")
    assert adopted == [
        {
            "origin": "manual",
            "state": "resting",
            "state_event": "rested",
            "venue_order_id": order_id,
            "strategy_name": "unknown",
        }
    ]
    assert events_traded(stage) == set(), "nothing new as long as nobody says that it was meant"
    stage.later(minutes=5)
    close_all(stage)
    stage.tick()
    assert len(events_traded(stage)) > 1
    assert stage.exchange.simulator.state.orders[order_id].status is VenueOrderStatus.RESTING
    assert findings(stage) == [("manual_order", "reducing", False)], "it is known now, and not found again"


def test_manual_order_counts_as_exposure(stage: Stage) -> None:
    rest_an_order(stage, "by-hand")
    stage.tick()
    with Session(stage.engine) as session:
        exposure = current_exposure(session, TradingMode.DEMO, Cash(Decimal(500)), frozenset())
    assert exposure.total == Decimal(5) * (Decimal("0.01") + Decimal("0.07") * Decimal("0.01") * Decimal("0.99"))


def test_order_missing_from_the_ledger_halts_trading_and_is_canceled(stage: Stage) -> None:
    order_id = rest_an_order(stage, "mb-of-a-book-that-was-lost")
    report = stage.tick()
    assert findings(stage) == [("lost_order", "halted", True)]
    assert events_traded(stage) == set()
    assert report.counts.canceled == 1, "what is ours and rests unwatched is taken away"
    assert stage.exchange.simulator.state.orders[order_id].status is VenueOrderStatus.CANCELED
    stage.later(minutes=5)
    report = stage.tick()
    assert findings(stage) == [("lost_order", "halted", False)], "adopted, and the exchange agrees"
    assert report.message == "trading state is halted", "the halt waits for the operator"
    assert stage.rows("SELECT origin, state FROM ops.orders") == [{"origin": "found", "state": "canceled"}]


def test_position_that_differs_from_the_exchanges_takes_no_new_risk(stage: Stage) -> None:
    stage.tick()
    row = stage.rows("SELECT ticker, event_ticker, signed_count FROM ops.positions ORDER BY ticker LIMIT 1")[0]
    stage.act("UPDATE ops.positions SET signed_count = signed_count + 1 WHERE ticker = :ticker", **row)
    stage.later(minutes=5)
    stage.wire.requests.clear()
    report = stage.tick()
    assert report.counts.mismatches == 1
    found, ticker = row["signed_count"], row["ticker"]
    said = [f"{ticker}: our fills fold to {found + 1}, the exchange holds {found}"]
    assert notes(stage, "position_mismatch") == said
    assert events_traded(stage) == set()
    sides = stage.rows("SELECT ours, theirs FROM ops.findings WHERE kind = 'position_mismatch'")
    assert sides == [{"ours": {"count": str(found + 1)}, "theirs": {"count": str(found)}}]
    stage.act("UPDATE ops.positions SET signed_count = signed_count - 1 WHERE ticker = :ticker", **row)
    stage.later(minutes=5)
    assert stage.tick().counts.mismatches == 0
    assert stage.value("SELECT count(*) FROM ops.findings WHERE closed_by IS DISTINCT FROM 'evidence'") == 0


def test_manual_trade_is_recorded_as_manual(stage: Stage) -> None:
    with stage.venue() as venue:
        books = venue.orderbooks([market.ticker for market in venue.event(EVENT).markets])
        ticker, price = next((name, book.best_yes_ask) for name, book in books.items() if book.best_yes_ask)
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
    assert stage.tick().counts.mismatches == 0
    booked = stage.rows(
        "SELECT placed.origin, placed.state FROM ops.fills JOIN ops.orders AS placed ON placed.id = order_id"
    )
    assert booked == [{"origin": "manual", "state": "filled"}]
    held = stage.value("SELECT signed_count FROM ops.positions WHERE ticker = :ticker", ticker=ticker)
    assert held == stage.exchange.account.holdings[ticker].position.signed_count


def test_lock_excludes_a_tick_of_the_same_mode_and_no_other(stage: Stage) -> None:
    with single_writer(stage.engine, TradingMode.DEMO), pytest.raises(LockHeldError):
        stage.tick()
    assert stage.wire.requests == []
    assert stage.value("SELECT count(*) FROM ops.ticks") == 0
    with single_writer(stage.engine, TradingMode.SHADOW):
        stage.tick()
    assert stage.value("SELECT count(*) FROM ops.ticks") == 1


def test_ledger_of_another_mode_has_no_effect(stage: Stage, exchange: Exchange, database: TestDatabase) -> None:
    stage.wire.faults = [faults.timeout_before_arrival]
    stage.tick()
    stage.act("""
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
        VALUES ('demo', 'halted', 'test', 'test', now())
    """)
    demo = stage.rows("SELECT * FROM ops.orders ORDER BY id")
    held = stage.rows("SELECT * FROM ops.positions ORDER BY ticker")
    assert held, "the demo ledger must hold something to hide"
    with staged(exchange, database, TRADING_MODE="shadow") as shadow:
        report = shadow.tick()
    assert report.counts.denied["event_unresolved"] == 0
    assert report.counts.denied["trading_halted"] == 0
    assert report.counts.reasons["target_held"] == 0
    assert report.message is None
    assert stage.rows("SELECT * FROM ops.orders ORDER BY id") == demo
    assert stage.rows("SELECT * FROM ops.positions ORDER BY ticker") == held
