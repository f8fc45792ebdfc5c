"""Cancel every resting order; the exchange takes no order of the bot until `resume`."""

from __future__ import annotations

from collections.abc import Iterable

from milkbot.control.record import Acting
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.errors import DatabaseUnavailableError, MilkbotError, VenueUnavailableError
from milkbot.trader.clients import open_venue
from milkbot.trader.orders import order_group
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import CancelFailedError
from milkbot.venue.values import VenueOrder, VenueOrderStatus


def cancel_all(acting: Acting) -> None:
    """Cancel every resting order at the exchange, and say which ones could not be cancelled.

    Triggers the exchange-side order group too, where there is one. Raises MilkbotError for what may still rest.
    """
    before: list[VenueOrder] | None = None
    try:
        with open_venue(acting.settings, SystemClock()) as venue:
            _trigger_group(acting, venue)
            before = venue.orders(status=VenueOrderStatus.RESTING)
            if before:
                venue.cancel_all()
            left = venue.orders(status=VenueOrderStatus.RESTING)
    except (VenueUnavailableError, CancelFailedError):
        acting.warn(_perhaps_resting(acting, before))
        raise
    acting.say(f"{len(before) - len(left)} of {len(before)} resting orders canceled")
    if left:
        raise MilkbotError(f"still resting: {_named(left)}; cancel them on the exchange's site, or try again")


def _trigger_group(acting: Acting, venue: KalshiClient) -> None:
    """Trigger the group where that works: resting orders are canceled in either case."""
    reason = f"milkbot cancel-all by {acting.actor}"
    try:
        if order_group.trigger(acting.engine, venue, acting.mode, SystemClock().now(), reason):
            acting.say("the order group is triggered: trading is halted; resume with: milkbot resume --reason ...")
    except MilkbotError as error:
        acting.warn(f"the order group is not known to be triggered: {error}")


def _named(orders: Iterable[VenueOrder]) -> str:
    return ", ".join(f"{order.order_id} ({order.ticker})" for order in orders)


def _perhaps_resting(acting: Acting, seen: list[VenueOrder] | None) -> str:
    """What may still rest, as the exchange said before it failed, else as the ledger has it."""
    if seen is not None:
        return f"not known to be canceled: {_named(seen) or 'nothing'}"
    try:
        with transaction(acting.engine) as session:
            rows = order_rows.open_orders(session, acting.mode)
            names = ", ".join(f"{row.venue_order_id or row.client_order_id} ({row.ticker})" for row in rows)
    except DatabaseUnavailableError as error:
        return f"not known to be canceled: any resting order; the ledger cannot be read: {error}"
    return f"not known to be canceled, by the ledger: {names or 'nothing'}"
