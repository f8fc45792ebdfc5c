"""What an answer or a listing proves about an order."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from milkbot.domain.orders import BookSide, OrderIntent, OrderState, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.trader.orders.manager import state_of_answer
from milkbot.trader.reconcile.evidence import state_of_listing
from milkbot.venue.values import PlacedOrder, VenueOrder, VenueOrderStatus

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
TICKER = "KXHIGHNY-26AUG03-B86.5"
TEN = Count(Decimal(10))
PRICE = Price(Decimal("0.40"))
IOC, GTC = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.GOOD_TILL_CANCELED


@pytest.mark.parametrize(
    ("time_in_force", "filled", "remaining", "state"),
    [
        (IOC, 10, 0, OrderState.FILLED),
        # The exchange reports nothing remaining for an order that may not rest: that does not mean filled.
        (IOC, 4, 0, OrderState.CANCELED),
        (IOC, 0, 0, OrderState.CANCELED),
        (GTC, 10, 0, OrderState.FILLED),
        (GTC, 4, 6, OrderState.PARTIALLY_FILLED),
        (GTC, 0, 10, OrderState.RESTING),
        (GTC, 0, 0, OrderState.CANCELED),
    ],
)
def test_the_answer_to_a_create_decides_the_state(
    time_in_force: TimeInForce, filled: int, remaining: int, state: OrderState
) -> None:
    intent = OrderIntent("mb-1", TICKER, BookSide.BID, TEN, PRICE, time_in_force, 0, NOW)
    placed = PlacedOrder("venue-1", "mb-1", Count(Decimal(filled)), Count(Decimal(remaining)), NOW)
    assert state_of_answer(intent, placed) is state


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        (VenueOrderStatus.EXECUTED, 10, OrderState.FILLED),
        (VenueOrderStatus.CANCELED, 4, OrderState.CANCELED),
        (VenueOrderStatus.RESTING, 4, OrderState.PARTIALLY_FILLED),
        (VenueOrderStatus.RESTING, 0, OrderState.RESTING),
    ],
)
def test_the_listing_of_an_order_decides_its_state(status: VenueOrderStatus, filled: int, state: OrderState) -> None:
    listed = VenueOrder(
        "venue-1", "mb-1", TICKER, BookSide.BID, status, PRICE, TEN, Count(Decimal(filled)), Count(TEN - filled), NOW
    )
    assert state_of_listing(listed) is state
