"""What the exchange's own lists prove about the orders in our ledger, and nothing beyond it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import TRANSITIONS, UNRESOLVED, OrderEvent, OrderState
from milkbot.domain.units import ZERO
from milkbot.trader.reconcile.bookkeeping import adopt_fills
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.venue.refusals import absence
from milkbot.venue.values import VenueOrder, VenueOrderStatus

ABSENCE_PROOF: Final = timedelta(seconds=60)
"""The exchange's portfolio views lag its engine. An order that they do not show this long after it was sent, by their
own account of how fresh they are, does not exist."""

_FOUND: Final = {
    OrderState.RESTING: OrderEvent.FOUND_RESTING,
    OrderState.PARTIALLY_FILLED: OrderEvent.FOUND_FILLED_IN_PART,
    OrderState.FILLED: OrderEvent.FOUND_FILLED,
    OrderState.CANCELED: OrderEvent.FOUND_CANCELED,
}


@dataclass(slots=True)
class Evidence:
    """What the lists left open: orders that they do not explain, and what has to be reported."""

    unresolved: list[Order] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Listing:
    """Orders as the exchange listed them, how fresh its lists are, and when they were read.

    No order is given up in a market of `unlisted`: an order stands in its queue that may be the one.
    """

    orders: Sequence[VenueOrder]
    as_of: datetime
    at: datetime
    unlisted: frozenset[str] = frozenset()


def absence_is_due(order: Order, as_of: datetime) -> bool:
    """Whether lists that are this fresh would show the order, if it were at the exchange."""
    return OrderState(order.state) in UNRESOLVED and as_of - (order.sent_at or order.created_at) >= ABSENCE_PROOF


def apply(session: Session, mode: TradingMode, listing: Listing, deadline: timedelta) -> Evidence:
    """Move each order to what the lists prove; what they do not explain for `deadline` is found overdue."""
    evidence = Evidence()
    by_client_id = {order.client_order_id: order for order in listing.orders if order.client_order_id}
    by_venue_id = {order.order_id: order for order in listing.orders}
    still_open = order_rows.open_orders(session, mode)
    for order in still_open:
        seen = by_venue_id.get(order.venue_order_id or "") or by_client_id.get(order.client_order_id)
        if seen is not None:
            _follow(session, mode, order, seen, listing.at)
        elif absence_is_due(order, listing.as_of) and order.ticker not in listing.unlisted:
            reason = absence(listing.as_of, order.state_reason)
            order_rows.move(session, order, OrderState.REJECTED, at=listing.at, reason=reason, event=OrderEvent.ABSENT)
        else:
            evidence.unresolved.append(order)
            if listing.at - order.updated_at >= deadline:
                evidence.found.append(_overdue(order, listing))
    over = set(by_client_id) - {order.client_order_id for order in still_open}
    for order in order_rows.orders_of_client_ids(session, mode, over):
        evidence.found += _contradiction(session, mode, order, by_client_id[order.client_order_id], listing)
    return evidence


def state_of_listing(order: VenueOrder) -> OrderState:
    """The state that the exchange's listing of an order proves."""
    if order.status is VenueOrderStatus.EXECUTED:
        return OrderState.FILLED
    if order.status is VenueOrderStatus.CANCELED:
        return OrderState.CANCELED
    return OrderState.PARTIALLY_FILLED if order.fill_count > ZERO else OrderState.RESTING


def _follow(session: Session, mode: TradingMode, order: Order, seen: VenueOrder, at: datetime) -> None:
    old, new = OrderState(order.state), state_of_listing(seen)
    if old is not new and (old, new) not in TRANSITIONS:
        # The list is older than what we know: it says less, and nothing new.
        new = old
    event = None
    if new is OrderState.CANCELED and old is not new and _ended_by_expiry(order, seen, at):
        event = OrderEvent.EXPIRED
    reason = "listed" if old is not new else order.state_reason
    order_rows.move(session, order, new, at=at, reason=reason, venue_order_id=seen.order_id, event=event)
    adopt_fills(session, mode, order)


def _ended_by_expiry(order: Order, seen: VenueOrder, at: datetime) -> bool:
    return order.expires_at is not None and (seen.updated_at or at) >= order.expires_at


def _contradiction(
    session: Session, mode: TradingMode, order: Order, seen: VenueOrder, listing: Listing
) -> Iterable[Found]:
    """An order that is over in our ledger: the exchange's list wins, where it is fresh enough to know."""
    old, new = OrderState(order.state), state_of_listing(seen)
    if old is new or (old, new) not in TRANSITIONS or listing.as_of - order.updated_at < ABSENCE_PROOF:
        return
    message = f"order {order.client_order_id} was {old} in our ledger, and the exchange says {new}"
    ours = {"state": old, "since": order.updated_at.isoformat(), "reason": order.state_reason}
    order_rows.move(session, order, new, at=listing.at, reason="found", venue_order_id=seen.order_id, event=_FOUND[new])
    adopt_fills(session, mode, order)
    if new is not OrderState.CANCELED or seen.fill_count > ZERO:
        yield Found(
            FindingKind.ORDER_STATE,
            order.client_order_id,
            message,
            ours=ours,
            theirs={"status": seen.status, "order_id": seen.order_id, "fill_count": str(seen.fill_count)},
            ticker=order.ticker,
        )


def _overdue(order: Order, listing: Listing) -> Found:
    return Found(
        FindingKind.ORDER_OVERDUE,
        order.client_order_id,
        f"order {order.client_order_id} is {order.state} since {order.updated_at.isoformat()} and the exchange does "
        f"not list it; if you know what became of it: milkbot orders resolve {order.id} --as ... --reason ...",
        ours={"state": order.state, "since": order.updated_at.isoformat(), "reason": order.state_reason},
        theirs={"listed": "no", "as_of": listing.as_of.isoformat()},
        ticker=order.ticker,
    )
