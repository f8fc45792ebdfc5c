"""`milkbot cancel-all`: cancels every resting order; the exchange takes no order of the bot until `resume`."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.errors import DatabaseUnavailableError, MilkbotError, VenueUnavailableError
from milkbot.settings import ACCOUNT_SETTINGS, Settings
from milkbot.trader.clients import open_venue
from milkbot.trader.orders import order_group
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import CancelFailedError
from milkbot.venue.values import VenueOrder, VenueOrderStatus


def cancel_all() -> None:
    """Cancel every resting order at the exchange, and say which ones could not be cancelled.

    Triggers the exchange-side order group too, where there is one: trading is halted then until `milkbot resume`.
    """
    settings = settings_of_host("cli", quiet=True, needed=ACCOUNT_SETTINGS)
    before: list[VenueOrder] | None = None
    try:
        with open_venue(settings, SystemClock()) as venue:
            _trigger_group(settings, venue)
            before = venue.orders(status=VenueOrderStatus.RESTING)
            if before:
                venue.cancel_all()
            left = venue.orders(status=VenueOrderStatus.RESTING)
    except (VenueUnavailableError, CancelFailedError):
        typer.echo(_perhaps_resting(settings, before), err=True)
        raise
    typer.echo(f"{len(before) - len(left)} of {len(before)} resting orders canceled")
    if left:
        raise MilkbotError(f"still resting: {_named(left)}; cancel them on the exchange's site, or try again")


def _trigger_group(settings: Settings, venue: KalshiClient) -> None:
    """Trigger the group where that works: resting orders are canceled in either case."""
    reason = f"milkbot cancel-all by {acting_user()}"
    try:
        with open_database(settings, "cancel-all") as engine:
            if order_group.trigger(engine, venue, settings.trading_mode, SystemClock().now(), reason):
                typer.echo("the order group is triggered: trading is halted; resume with: milkbot resume --reason ...")
    except MilkbotError as error:
        typer.echo(f"the order group is not known to be triggered: {error}", err=True)


def _named(orders: Iterable[VenueOrder]) -> str:
    return ", ".join(f"{order.order_id} ({order.ticker})" for order in orders)


def _perhaps_resting(settings: Settings, seen: list[VenueOrder] | None) -> str:
    """What may still rest, as the exchange said before it failed, else as the ledger has it."""
    if seen is not None:
        return f"not known to be canceled: {_named(seen) or 'nothing'}"
    try:
        with open_database(settings, "cancel-all") as engine, transaction(engine) as session:
            rows = order_rows.open_orders(session, settings.trading_mode)
            names = ", ".join(f"{row.venue_order_id or row.client_order_id} ({row.ticker})" for row in rows)
    except DatabaseUnavailableError as error:
        return f"not known to be canceled: any resting order; the ledger cannot be read: {error}"
    return f"not known to be canceled, by the ledger: {names or 'nothing'}"
