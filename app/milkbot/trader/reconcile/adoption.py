"""Orders that the exchange has and our ledger has not: placed manually, or ours and lost with a database.

They are taken into the ledger, so that they count; one that is not ours is marked as such and never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from milkbot.db import orders as order_rows
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OURS, TimeInForce
from milkbot.domain.units import ZERO, Count
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.trader.strategies import NO_STRATEGY, NORMAL_BY_LEAD
from milkbot.trader.tickers import parse_ticker
from milkbot.venue.values import VenueOrder


class Origin(StrEnum):
    """Where an order came from that the ledger had not."""

    MANUAL = "manual"
    """Somebody else placed it: the operator, or another program."""
    FOUND = "found"
    """Ours, by its name: the ledger that knew it was lost."""


def origin_of(order: VenueOrder) -> Origin:
    """Whose an order is, by its name."""
    return Origin.FOUND if order.client_order_id.startswith(OURS) else Origin.MANUAL


def adopt(
    session: Session,
    mode: TradingMode,
    listed: Iterable[VenueOrder],
    at: datetime,
    strategy: str = NORMAL_BY_LEAD,
) -> list[Found]:
    """Take orders of our markets that are not in the ledger into it, as pending: evidence then says what they are.

    Of those that are over only the ones that were filled count. Ours are taken to be of `strategy`: their names do not
    tell. Returns a finding for each.
    """
    candidates = [order for order in listed if parse_ticker(order.ticker) is not None and _counts(order)]
    known = order_rows.known_venue_orders(
        session,
        mode,
        venue_ids=[order.order_id for order in candidates],
        client_ids=[order.client_order_id for order in candidates],
    )
    strangers = {order.order_id: order for order in candidates if not known & {order.order_id, order.client_order_id}}
    for order in strangers.values():
        _insert(session, mode, order, strategy, at)
    return [_found(order) for order in strangers.values()]


def unknown_fills(session: Session, mode: TradingMode, listed: Sequence[VenueOrder]) -> list[Found]:
    """Fills in the ledger whose order nobody knows, not even the exchange's lists."""
    explained = {order.order_id for order in listed}
    return [
        Found(
            FindingKind.UNKNOWN_FILL,
            fill.venue_fill_id,
            f"fill {fill.venue_fill_id} is of order {fill.venue_order_id}, which the exchange does not list",
            ours={"order": None},
            theirs={"fill": fill.venue_fill_id, "order_id": fill.venue_order_id, "count": str(fill.count)},
            ticker=fill.ticker,
        )
        for fill in order_rows.fills_without_order(session, mode)
        if fill.venue_order_id not in explained
    ]


def _counts(order: VenueOrder) -> bool:
    return order.remaining_count > ZERO or order.fill_count > ZERO


def _insert(session: Session, mode: TradingMode, order: VenueOrder, strategy: str, at: datetime) -> None:
    parsed = parse_ticker(order.ticker)
    if parsed is None:
        raise ValueError(f"{order.ticker} is of no series of ours")
    origin = origin_of(order)
    order_rows.adopt(
        session,
        mode=mode,
        # A name that another gave may be anything, also one that the ledger of another mode holds.
        client_order_id=order.client_order_id if origin is Origin.FOUND else f"hand-{mode}-{order.order_id}",
        venue_order_id=order.order_id,
        ticker=order.ticker,
        event_ticker=parsed.event_ticker,
        city_code=parsed.city.code,
        climate_day=parsed.climate_day,
        strategy=strategy if origin is Origin.FOUND else NO_STRATEGY,
        side=order.side,
        price=order.price,
        count=Count(max(order.initial_count, order.fill_count + order.remaining_count)),
        time_in_force=TimeInForce.GOOD_TILL_CANCELED,
        exchange_index=order.exchange_index,
        created_at=order.created_at or at,
        expires_at=order.expires_at,
        origin=origin,
        at=at,
    )


def _found(order: VenueOrder) -> Found:
    is_ours = origin_of(order) is Origin.FOUND
    whose = "is ours by its name" if is_ours else "was placed by somebody else"
    return Found(
        FindingKind.LOST_ORDER if is_ours else FindingKind.MANUAL_ORDER,
        order.order_id,
        f"order {order.order_id} was not in our ledger; it {whose} and is in it now",
        ours={"order": None},
        theirs={
            "order_id": order.order_id,
            "client_order_id": order.client_order_id or None,
            "ticker": order.ticker,
            "side": order.side,
            "price": str(order.price),
            "status": order.status,
            "fill_count": str(order.fill_count),
            "remaining_count": str(order.remaining_count),
        },
        ticker=order.ticker,
    )
