"""What the exchange tells us, as plain values. The wire's own forms stay in `wire`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from milkbot.domain.orders import BookSide
from milkbot.domain.units import Cash, Count, Price


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """In a trading pause cancels work and orders do not; in an exchange pause nothing does."""

    exchange_active: bool
    trading_active: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """Dollars that are free, and what the positions are worth by the exchange's own marks."""

    cash: Cash
    portfolio_value: Cash
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """The exchange's view of what is held in a market: a check on our fold of fills, never its source."""

    ticker: str
    signed_count: Count
    exposure: Cash
    realized: Cash
    fees: Cash


class VenueOrderStatus(StrEnum):
    """An order's status in the exchange's words."""

    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange lists it. `price` is of the YES leg."""

    order_id: str
    client_order_id: str
    ticker: str
    side: BookSide
    status: VenueOrderStatus
    price: Price
    initial_count: Count
    fill_count: Count
    remaining_count: Count
    created_at: datetime | None
    exchange_index: int = 0


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A create that the exchange accepted: it has an order id. `remaining_count` 0 does not mean filled for IOC."""

    order_id: str
    client_order_id: str
    fill_count: Count
    remaining_count: Count
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class VenueSettlement:
    """How a market that we held was settled. `yes_value` is what one YES paid, in dollars."""

    ticker: str
    event_ticker: str
    result: str
    yes_value: Price
    yes_count: Count
    no_count: Count
    yes_cost: Cash
    no_cost: Cash
    revenue: Cash
    fees: Cash
    settled_at: datetime
