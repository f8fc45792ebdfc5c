"""The exchange's answers as plain values. The wire's own forms are in `wire`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from milkbot.domain.orders import BookSide
from milkbot.domain.units import Cash, Count, Price
from milkbot.venue.rate_limits import Limit


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """In a trading pause cancels work and orders do not; in an exchange pause nothing does."""

    exchange_active: bool
    trading_active: bool
    resumes_at: datetime | None = None


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
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    order_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A create that the exchange accepted: it has an order id. `remaining_count` 0 does not mean filled for IOC."""

    order_id: str
    client_order_id: str
    fill_count: Count
    remaining_count: Count
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """A group of orders with a limit on contracts traded in any 15 seconds. One that was triggered takes no order.

    `is_active` is the exchange's `is_auto_cancel_enabled`. That it goes off with a trigger and on with a reset is our
    reading of its name: no document says so. A create that is refused for its group is the proof.
    """

    group_id: str
    contracts_limit: Count | None
    is_active: bool
    order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """The account's tier and what it may ask, in tokens."""

    tier: str
    read: Limit
    write: Limit


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
