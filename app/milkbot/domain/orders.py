"""Orders: what is sent, and how it is named. Their states are in `order_states`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import (
    OPEN,
    TERMINAL,
    TRANSITIONS,
    UNRESOLVED,
    IllegalTransitionError,
    OrderEvent,
    OrderState,
    event_of,
)
from milkbot.domain.units import Count, Price, complement

__all__ = [
    "OPEN",
    "OURS",
    "TERMINAL",
    "TRANSITIONS",
    "UNRESOLVED",
    "BookSide",
    "IllegalTransitionError",
    "Leg",
    "OrderEvent",
    "OrderIntent",
    "OrderState",
    "TimeInForce",
    "client_order_id",
    "event_of",
    "leg_of",
    "side_of",
]

OURS = "mb-"
"""How every client order id of ours begins, and none of another's."""


class BookSide(StrEnum):
    """Side of the YES leg's order book: the exchange knows no other (V2 orders)."""

    BID = "bid"
    ASK = "ask"


class Leg(StrEnum):
    """The outcome that is bought or held."""

    YES = "yes"
    NO = "no"


def leg_of(side: str) -> Leg:
    """The leg that an order of that side buys: a bid buys YES, an ask buys NO."""
    return Leg.YES if side == BookSide.BID else Leg.NO


def side_of(leg: Leg) -> BookSide:
    """The side of the order that buys that leg."""
    return BookSide.BID if leg is Leg.YES else BookSide.ASK


class TimeInForce(StrEnum):
    """How long an order may wait."""

    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as it is committed before it is sent. `price` is of the YES leg whatever `leg` is bought.

    The exchange itself cancels what is left of it at `expires_at`; it counts into the group `order_group_id`. With
    `reduce_only` it closes what is held at the exchange, and never more; such an order may not rest.
    """

    client_order_id: str
    ticker: str
    side: BookSide
    count: Count
    price: Price
    time_in_force: TimeInForce
    exchange_index: int
    created_at: datetime
    reduce_only: bool = False
    post_only: bool = False
    expires_at: datetime | None = None
    order_group_id: str | None = None

    @property
    def leg(self) -> Leg:
        """The leg that this order buys."""
        return leg_of(self.side)

    @property
    def leg_price(self) -> Price:
        """Dollars paid for one contract of the leg that is bought."""
        return self.price if self.side is BookSide.BID else complement(self.price)


def client_order_id(mode: TradingMode, ticker: str, strategy: str, decided_at: datetime, attempt: int) -> str:
    """The order's own name, at most 64 characters: the same decision and attempt always give the same name.

    `attempt` grows only when the earlier one is proved dead; so a resend can never double a position.
    """
    text = "|".join((mode, ticker, strategy, decided_at.astimezone(UTC).isoformat(), str(attempt)))
    return f"{OURS}{hashlib.sha256(text.encode()).hexdigest()[:40]}"
