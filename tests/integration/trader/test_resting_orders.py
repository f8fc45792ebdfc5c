"""Orders that rest: one in a market, each with an end, taken away by rule, and none left by a trader that died."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.exchange import Exchange
from tests.integration.trader import faults
from tests.integration.trader.conftest import SERIES
from tests.integration.trader.stage import Stage, staged
from tests.postgres import TestDatabase

from milkbot.simulator.engine.records import Order
from milkbot.venue.values import VenueOrderStatus


@pytest.fixture
def quoting(exchange: Exchange, database: TestDatabase) -> Iterator[Stage]:
    """A trader that lets its orders rest."""
    with staged(exchange, database, TRADING_SERIES=SERIES, ORDER_STYLE="resting") as ready:
        yield ready


def resting(stage: Stage) -> list[Order]:
    return [o for o in stage.exchange.simulator.state.orders.values() if o.status is VenueOrderStatus.RESTING]


def ours(stage: Stage, columns: str = "state, state_event, state_reason") -> list[dict[str, Any]]:
    return stage.rows(f"SELECT {columns} FROM ops.orders ORDER BY id")


def test_every_resting_order_expires_at_the_exchange(quoting: Stage) -> None:
    quoting.tick()
    sent = [json.loads(request.content) for request in quoting.wire.creates]
    assert sent, "this world must offer something to bid for"
    for body in sent:
        assert (body["time_in_force"], body["post_only"]) == ("good_till_canceled", True)
    until = quoting.exchange.now() + timedelta(seconds=900)
    assert {order.expires_at for order in resting(quoting)} == {until}
    assert {row["expires_at"] for row in ours(quoting, "expires_at")} == {until}


def test_orders_of_a_dead_trader_expire(exchange: Exchange, database: TestDatabase) -> None:
    with staged(exchange, database, TRADING_SERIES=SERIES, ORDER_STYLE="resting", QUOTE_EXPIRY_SEC="60") as quoting:
        quoting.tick()
        assert resting(quoting)
        quoting.later(seconds=61)
        assert resting(quoting) == []
        quoting.tick()
        over = [row["state_event"] for row in ours(quoting) if row["state"] == "canceled"]
        assert over
        assert set(over) == {"expired"}


def test_a_market_has_at_most_one_resting_order(quoting: Stage) -> None:
    quoting.tick()
    for _ in range(6):
        quoting.later(minutes=4)
        quoting.tick()
        live = [order.ticker for order in resting(quoting)]
        assert len(live) == len(set(live))
    assert quoting.value("SELECT count(*) FROM ops.findings WHERE kind = 'invariant'") == 0
    assert quoting.value("SELECT count(*) FROM ops.findings") == 0


def test_unlisted_resting_order_is_not_sent_again(quoting: Stage) -> None:
    """Its answer was lost, and the lists claim to be fresh and lack it: the queue is the witness."""
    quoting.wire.faults = [faults.reply_lost]
    quoting.tick()
    (lost,) = [row for row in ours(quoting, "ticker, state, client_order_id") if row["state"] == "unknown"]
    quoting.wire.always = faults.unlisted(lost["client_order_id"])
    quoting.later(minutes=3)
    quoting.tick()
    assert {row["client_order_id"]: row["state"] for row in ours(quoting, "client_order_id, state")}[
        lost["client_order_id"]
    ] == "unknown"
    assert lost["ticker"] not in [json.loads(sent.content)["ticker"] for sent in quoting.wire.creates[1:]]
    quoting.wire.always = None
    quoting.later(minutes=1)
    quoting.tick()
    found = [row for row in ours(quoting, "ticker, state") if row["ticker"] == lost["ticker"]]
    assert [row["state"] for row in found] == ["resting"]


def test_old_order_without_an_answer_is_found_as_expired(exchange: Exchange, database: TestDatabase) -> None:
    """Nothing ran for days: the list of all orders since then is not read any more, that of its market is."""
    with staged(exchange, database, TRADING_SERIES=SERIES, ORDER_STYLE="resting", QUOTE_EXPIRY_SEC="60") as quoting:
        quoting.wire.faults = [faults.reply_lost]
        quoting.tick()
        (lost,) = [row for row in ours(quoting, "client_order_id, state") if row["state"] == "unknown"]
        quoting.later(seconds=61)
        there = {order.client_order_id: order for order in exchange.simulator.state.orders.values()}
        assert there[lost["client_order_id"]].filled_lots == 0, "a fill would show its order"
        quoting.later(days=3)
        quoting.tick()
        found = ours(quoting, "client_order_id, state, state_event, venue_order_id")
    (row,) = [row for row in found if row["client_order_id"] == lost["client_order_id"]]
    assert (row["state"], row["state_event"]) == ("canceled", "expired")
    assert row["venue_order_id"] == there[lost["client_order_id"]].order_id


def test_stale_quote_is_renewed_in_the_tick_after_its_cancel(exchange: Exchange, database: TestDatabase) -> None:
    """Before its fills were read nobody knows how much is still wanted."""
    with staged(exchange, database, TRADING_SERIES=SERIES, ORDER_STYLE="resting", QUOTE_MAX_AGE_SEC="30") as quoting:
        quoting.tick()
        quoting.later(seconds=31)
        quoting.wire.requests.clear()
        report = quoting.tick()
        assert report.counts.canceled
        gone = [row for row in ours(quoting, "ticker, state, state_reason") if row["state_reason"] == "quote_stale"]
        assert gone
        again = {json.loads(request.content)["ticker"] for request in quoting.wire.creates}
        assert not again & {row["ticker"] for row in gone}
        quoting.later(seconds=5)
        quoting.tick()
        renewed = {json.loads(request.content)["ticker"] for request in quoting.wire.creates}
        assert renewed & {row["ticker"] for row in gone}


def test_a_manual_order_is_not_canceled_with_those_of_the_trader(quoting: Stage) -> None:
    """It is in the ledger, marked; its finding reduces trading, and our own orders are taken away."""
    quoting.tick()
    ticker = resting(quoting)[0].ticker
    by_hand = quoting.rest_by_hand(ticker)
    for _ in range(2):
        quoting.later(minutes=1)
        quoting.tick()
    assert quoting.value("SELECT origin FROM ops.orders WHERE venue_order_id = :id", id=by_hand.order_id) == "manual"
    assert [order.client_order_id for order in resting(quoting)] == ["by-hand"]


def test_halted_trader_cancels_its_resting_orders(quoting: Stage) -> None:
    quoting.tick()
    assert resting(quoting)
    quoting.act("""
        INSERT INTO ops.trading_states (trading_mode, state, reason, set_by, since)
        VALUES ('demo', 'halted', 'a test', 'tester', now())
    """)
    quoting.later(minutes=1)
    quoting.tick()
    assert resting(quoting) == []


def test_change_to_immediate_orders_cancels_the_resting_ones(quoting: Stage) -> None:
    quoting.tick()
    assert resting(quoting)
    with staged(quoting.exchange, quoting.database, TRADING_SERIES=SERIES) as immediate:
        immediate.later(minutes=1)
        assert immediate.tick().counts.canceled
        assert [o for o in resting(immediate) if o.created_at < immediate.exchange.now()] == []


def test_no_order_rests_through_the_close(quoting: Stage) -> None:
    """The markets of that day close at 05:00 UTC, local standard midnight in New York."""
    quoting.later(hours=13, minutes=35)
    quoting.tick()
    closing = [order for order in resting(quoting) if "26AUG03" in order.ticker and "NY" in order.ticker]
    assert closing == []


def test_fills_of_a_resting_order_are_recorded(quoting: Stage) -> None:
    for _ in range(8):
        quoting.tick()
        quoting.later(minutes=7)
    quoting.tick()
    held = quoting.rows("SELECT ticker, signed_count FROM ops.positions WHERE signed_count <> 0")
    account = quoting.exchange.account.holdings
    assert {row["ticker"]: row["signed_count"] for row in held} == {
        ticker: h.position.signed_count for ticker, h in account.items() if h.position.signed_count
    }
    assert quoting.value("SELECT count(*) FROM ops.findings WHERE closed_at IS NULL") == 0
