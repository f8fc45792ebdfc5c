"""An order as it is asked for, checked for everything that needs no book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.units import COUNT_STEP, ZERO
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.rejects import invalid_order, invalid_price, invalid_size, moment_of
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT

TICK = Decimal("0.01")
LOWEST, HIGHEST = Decimal("0.01"), Decimal("0.99")
LARGEST_COUNT = Decimal(1_000_000)
LONGEST_CLIENT_ID = 64


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A create as it comes off the wire."""

    ticker: str
    client_order_id: str
    side: BookSide
    count: Decimal
    price: Decimal
    time_in_force: TimeInForce
    self_trade: SelfTrade
    expiration_time: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    order_group_id: str = ""

    @property
    def is_bid(self) -> bool:
        """Whether it buys YES."""
        return self.side is BookSide.BID

    @property
    def lots(self) -> int:
        """Hundredths of a contract."""
        return int(self.count * LOTS_PER_CONTRACT)

    @property
    def cents(self) -> int:
        """The YES leg's price."""
        return int(self.price / TICK)

    @property
    def expires_at(self) -> datetime | None:
        """When a resting order lapses."""
        return None if self.expiration_time is None else moment_of(self.expiration_time)


def check(request: OrderRequest, now: datetime) -> None:
    """Raise RejectError for a size, price or combination that no market takes."""
    check_size_and_price(request.count, request.price)
    if len(request.client_order_id) > LONGEST_CLIENT_ID:
        raise invalid_order(f"client_order_id is longer than {LONGEST_CLIENT_ID} characters")
    resting = request.time_in_force is TimeInForce.GOOD_TILL_CANCELED
    if request.expiration_time is not None:
        if not resting:
            raise invalid_order("expiration_time needs good_till_canceled")
        check_expiry(request.expiration_time, now)
    if request.post_only and not resting:
        raise invalid_order("post_only needs good_till_canceled")
    if request.reduce_only and request.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
        raise invalid_order("reduce_only needs immediate_or_cancel")


def check_size_and_price(count: Decimal, price: Decimal) -> None:
    """Raise RejectError for a count or a price off the grid."""
    if not ZERO < count <= LARGEST_COUNT or count % COUNT_STEP != ZERO:
        raise invalid_size(f"count {count} is not a positive multiple of 0.01")
    if price % TICK != ZERO or not LOWEST <= price <= HIGHEST:
        raise invalid_price(f"price {price} is not on the grid 0.01 to 0.99 in steps of 0.01")


def check_expiry(expiration_time: int, now: datetime) -> None:
    """Raise RejectError for an expiry in unix seconds that has passed."""
    if moment_of(expiration_time) <= now:
        raise invalid_order("expiration_time is in the past")
