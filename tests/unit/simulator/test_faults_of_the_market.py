"""A market that stops, closes, is disputed or paid out twice: what the exchange then does, and the account shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.exchange import Keys
from tests.in_process import Venue, opened_venue
from tests.unit.simulator.intents import resting, taking
from tests.unit.simulator.scripted import CLOSES, DETERMINED, HIGH, LOW, MIDDLE, OPENS, PLAN, ScriptedWorld

from milkbot.domain.markets import MarketStatus
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import rule
from milkbot.venue.errors import CancelFailedError, OrderRejectedError

PAID = DETERMINED + timedelta(hours=1)


def strike(venue: Venue, fault: FaultKind, **what: object) -> None:
    """Let a fault happen: at the next request, which reads the status."""
    venue.simulator.faults.arm(rule(fault, **what))
    venue.client.exchange_status()


def status(venue: Venue, ticker: str = MIDDLE) -> MarketStatus:
    return next(market.status for market in venue.client.event(PLAN.ticker).markets if market.ticker == ticker)


def test_a_stopped_market_refuses_orders_and_accepts_cancels(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    strike(venue, FaultKind.MARKET_DEACTIVATED, ticker=MIDDLE)
    assert (status(venue), status(venue, LOW)) == (MarketStatus.INACTIVE, MarketStatus.ACTIVE)
    with pytest.raises(OrderRejectedError, match="trading_is_paused"):
        venue.client.create_order(resting("mb-2"))
    assert venue.orders[0].status == "resting"
    assert venue.client.cancel_order(placed.order_id, 0) == 4


def test_a_resumed_market_has_no_resting_orders(venue: Venue) -> None:
    venue.client.create_order(resting())
    strike(venue, FaultKind.MARKET_DEACTIVATED, ticker=MIDDLE, seconds=600)
    venue.sleep(601)
    assert status(venue) is MarketStatus.ACTIVE
    assert [order.status for order in venue.client.orders()] == ["canceled"]
    assert venue.client.create_order(resting("mb-2")).remaining_count == 4


def test_nothing_trades_in_a_stopped_market(venue: Venue) -> None:
    venue.client.create_order(resting())
    strike(venue, FaultKind.MARKET_DEACTIVATED, ticker=MIDDLE)
    venue.simulator.world.house.quote(MIDDLE, venue.now() + timedelta(minutes=1), 20, 30)  # type: ignore[attr-defined]
    venue.sleep(120)
    assert venue.client.fills() == []


def test_a_market_that_closes_early_cancels_orders_and_accepts_none(venue: Venue) -> None:
    venue.client.create_order(taking())
    placed = venue.client.create_order(resting("mb-2"))
    strike(venue, FaultKind.MARKET_CLOSED_EARLY)
    assert (status(venue), status(venue, LOW)) == (MarketStatus.CLOSED, MarketStatus.ACTIVE)
    assert venue.orders[1].status == "canceled"
    assert venue.client.cancel_order(placed.order_id, 0) == 0
    with pytest.raises(OrderRejectedError, match="market_closed"):
        venue.client.create_order(resting("mb-3"))
    book = venue.client.orderbooks([MIDDLE])[MIDDLE]
    assert (book.yes_bids, book.no_bids) == ((), ())
    venue.advance_to(PAID)
    assert [settled.result for settled in venue.client.settlements()] == ["yes"]


def test_a_dispute_delays_the_payout_and_restarts_its_timer(venue: Venue) -> None:
    venue.client.create_order(taking())
    venue.advance_to(DETERMINED + timedelta(minutes=10))
    strike(venue, FaultKind.MARKET_DISPUTED, seconds=7200)
    assert {status(venue, ticker) for ticker in (LOW, MIDDLE, HIGH)} == {MarketStatus.DISPUTED}
    venue.sleep(7201)
    assert status(venue) is MarketStatus.AMENDED
    assert venue.client.settlements() == []
    venue.sleep(3600)
    assert status(venue) is MarketStatus.FINALIZED
    assert [(settled.result, settled.revenue) for settled in venue.client.settlements()] == [("yes", Decimal(4))]


def test_a_dispute_can_end_with_another_winner(venue: Venue) -> None:
    venue.client.create_order(taking())
    strike(venue, FaultKind.MARKET_DISPUTED, seconds=600, high=83)
    venue.advance_to(PAID + timedelta(hours=2))
    assert [(settled.result, settled.revenue) for settled in venue.client.settlements()] == [("no", Decimal(0))]
    markets = {market.ticker: market for market in venue.client.event(PLAN.ticker).markets}
    assert {ticker: market.result for ticker, market in markets.items()} == {LOW: "no", MIDDLE: "no", HIGH: "yes"}
    assert markets[HIGH].expiration_value == "83.00"


def test_a_corrected_settlement_moves_cash_and_is_listed_at_its_new_time(venue: Venue) -> None:
    venue.client.create_order(taking())
    venue.advance_to(PAID)
    (paid,) = venue.client.settlements()
    rich = venue.client.balance().cash
    venue.sleep(86_400)
    strike(venue, FaultKind.MARKET_RESETTLED, high=79)

    (corrected,) = venue.client.settlements(since=venue.now() - timedelta(hours=1))
    assert (paid.result, paid.revenue, corrected.result, corrected.revenue) == ("yes", Decimal(4), "no", Decimal(0))
    assert (corrected.yes_value, corrected.settled_at) == (Decimal(0), venue.now())
    assert venue.client.balance().cash == rich - 4
    assert venue.account.holdings[MIDDLE].position.realized == Decimal(-2)
    assert len(venue.client.settlements()) == 1
    assert (status(venue), status(venue, LOW)) == (MarketStatus.FINALIZED, MarketStatus.FINALIZED)


def test_a_correction_without_a_high_reverses_the_accounts_result(venue: Venue) -> None:
    venue.client.create_order(taking())
    venue.advance_to(PAID)
    strike(venue, FaultKind.MARKET_RESETTLED)
    assert [settled.result for settled in venue.client.settlements()] == ["no"]
    results = [market.result for market in venue.client.event(PLAN.ticker).markets]
    assert sorted(results) == ["no", "no", "yes"]


def test_a_trading_pause_accepts_cancels_and_refuses_orders(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    by_hand = venue.simulator.state.orders[placed.order_id]
    by_hand.cancel_on_pause = False
    venue.client.create_order(resting("mb-2"))
    strike(venue, FaultKind.MAINTENANCE_PAUSE, seconds=600)
    said = venue.client.exchange_status()
    assert (said.exchange_active, said.trading_active) == (True, False)
    assert said.resumes_at == venue.now() + timedelta(seconds=600)
    with pytest.raises(OrderRejectedError, match="trading_is_paused"):
        venue.client.create_order(resting("mb-3"))
    assert [order.status for order in venue.orders] == ["resting", "canceled"]
    assert venue.client.cancel_order(placed.order_id, 0) == 4
    venue.sleep(600)
    assert venue.client.exchange_status().trading_active
    assert venue.client.create_order(resting("mb-3")).remaining_count == 4


def test_an_exchange_pause_refuses_even_cancels(venue: Venue) -> None:
    placed = venue.client.create_order(resting())
    venue.simulator.state.orders[placed.order_id].cancel_on_pause = False
    strike(venue, FaultKind.MAINTENANCE_PAUSE, whole_exchange=True)
    assert not venue.client.exchange_status().exchange_active
    with pytest.raises(CancelFailedError, match="exchange_is_paused"):
        venue.client.cancel_order(placed.order_id, 0)
    with pytest.raises(CancelFailedError, match="exchange_is_paused"):
        venue.client.cancel_all()
    assert venue.orders[0].status == "resting"


def test_a_market_that_a_fault_cannot_hit_is_unchanged(venue: Venue) -> None:
    strike(venue, FaultKind.MARKET_RESETTLED, ticker=MIDDLE)
    strike(venue, FaultKind.MARKET_DEACTIVATED, ticker="KXHIGHNY-99JAN01-B1.5")
    assert status(venue) is MarketStatus.ACTIVE
    venue.advance_to(CLOSES + timedelta(minutes=1))
    strike(venue, FaultKind.MARKET_CLOSED_EARLY, ticker=MIDDLE)
    assert status(venue) is MarketStatus.CLOSED


def test_faults_of_markets_and_exchange_survive_a_restart(tmp_path: Path, keys: Keys) -> None:
    world = ScriptedWorld()
    with opened_venue(tmp_path, keys, world, OPENS) as first:
        strike(first, FaultKind.MARKET_DISPUTED, seconds=600, high=83)
        strike(first, FaultKind.MAINTENANCE_PAUSE, seconds=900)
        odd = first.simulator.state.markets[MIDDLE].irregular
    with opened_venue(tmp_path, keys, world, OPENS) as second:
        assert not second.client.exchange_status().trading_active
        assert second.simulator.state.markets[MIDDLE].irregular == odd
        second.advance_to(PAID + timedelta(hours=2))
        assert [market.result for market in second.client.event(PLAN.ticker).markets] == ["no", "no", "yes"]
