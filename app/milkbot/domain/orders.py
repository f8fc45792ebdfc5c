"""Orders: what is sent, how it is named, and the one table by which its state may change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from milkbot.domain.modes import TradingMode
from milkbot.domain.units import Count, Price, complement


class BookSide(StrEnum):
    """Side of the YES leg's book: the exchange knows no other (V2 orders)."""

    BID = "bid"
    ASK = "ask"


class Leg(StrEnum):
    """The outcome that is bought or held."""

    YES = "yes"
    NO = "no"


class OrderState(StrEnum):
    """Where an order stands in our books."""

    PENDING = "pending"
    """The intent is committed; whether a socket was touched is not known yet."""
    UNKNOWN = "unknown"
    """It was sent and the outcome is not known. Counts at its worst case, blocks new risk in its event."""
    RESTING = "resting"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


TRANSITIONS: frozenset[tuple[OrderState, OrderState]] = frozenset(
    {
        (OrderState.PENDING, OrderState.RESTING),
        (OrderState.PENDING, OrderState.PARTIALLY_FILLED),
        (OrderState.PENDING, OrderState.FILLED),
        (OrderState.PENDING, OrderState.CANCELED),
        (OrderState.PENDING, OrderState.REJECTED),
        (OrderState.PENDING, OrderState.UNKNOWN),
        (OrderState.UNKNOWN, OrderState.RESTING),
        (OrderState.UNKNOWN, OrderState.PARTIALLY_FILLED),
        (OrderState.UNKNOWN, OrderState.FILLED),
        (OrderState.UNKNOWN, OrderState.CANCELED),
        (OrderState.UNKNOWN, OrderState.REJECTED),
        (OrderState.RESTING, OrderState.PARTIALLY_FILLED),
        (OrderState.RESTING, OrderState.FILLED),
        (OrderState.RESTING, OrderState.CANCELED),
        (OrderState.PARTIALLY_FILLED, OrderState.FILLED),
        (OrderState.PARTIALLY_FILLED, OrderState.CANCELED),
    }
)
"""Every change of state that may happen; the database enforces the same table by a trigger."""

TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED})
UNRESOLVED = frozenset({OrderState.PENDING, OrderState.UNKNOWN})
OPEN = frozenset(OrderState) - TERMINAL


class IllegalTransitionError(ValueError):
    """A change of state that TRANSITIONS does not hold."""


def transition(old: OrderState, new: OrderState) -> OrderState:
    """The new state, if the table allows it or nothing changes. Raises IllegalTransitionError otherwise."""
    if old is not new and (old, new) not in TRANSITIONS:
        raise IllegalTransitionError(f"an order that is {old} cannot become {new}")
    return new


class TimeInForce(StrEnum):
    """How long an order may wait."""

    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as it is committed before it is sent. `price` is of the YES leg whatever `leg` is bought.

    The exchange itself cancels what is left of it at `expires_at`; it counts into the group `order_group_id`.
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
        """The leg that this order buys: a bid buys YES, an ask buys NO."""
        return Leg.YES if self.side is BookSide.BID else Leg.NO

    @property
    def leg_price(self) -> Price:
        """Dollars paid for one contract of the leg that is bought."""
        return self.price if self.side is BookSide.BID else complement(self.price)


def client_order_id(mode: TradingMode, ticker: str, strategy: str, decided_at: datetime, attempt: int) -> str:
    """The order's own name, at most 64 characters: the same decision and attempt always give the same name.

    `attempt` grows only when the earlier one is proved dead; so a resend can never double a position.
    """
    text = "|".join((mode, ticker, strategy, decided_at.astimezone(UTC).isoformat(), str(attempt)))
    return f"mb-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
