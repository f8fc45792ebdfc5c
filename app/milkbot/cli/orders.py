"""`milkbot orders`: the ledger's orders, the events of one, and the operator's ruling on its outcome."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import order_events, state, ticks
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import RULINGS, UNRESOLVED, OrderEvent, OrderState
from milkbot.errors import MilkbotError, NotPermittedError
from milkbot.settings import LEDGER_SETTINGS
from milkbot.venue.refusals import stored_refusal

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]
Open = Annotated[bool, typer.Option("--open", help="Only those that are not over.")]
Id = Annotated[int, typer.Argument(help="The order's number, as `milkbot orders` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="How you know; it is stored and shown.")]


class Ruling(StrEnum):
    """What an order of unknown outcome may be said to be."""

    REJECTED = OrderState.REJECTED.value
    CANCELED = OrderState.CANCELED.value
    FILLED = OrderState.FILLED.value


As = Annotated[Ruling, typer.Option("--as", help="What it is: it never existed, it is over, it was filled whole.")]

orders = typer.Typer(help="Show orders, and what happened to them.")


@orders.callback(invoke_without_command=True)
def listed(context: typer.Context, limit: Limit = 30, only_open: Open = False, as_json: Json = False) -> None:
    """Show the newest orders of this mode with their states."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    with open_database(settings, "orders") as engine, transaction(engine) as session:
        mode = settings.trading_mode
        found = order_rows.open_orders(session, mode) if only_open else order_rows.recent_orders(session, mode, limit)
        rows = [
            (
                row.id,
                row.created_at,
                row.ticker,
                row.side,
                row.count,
                row.price,
                "yes" if row.reduce_only else None,
                row.state,
                row.state_reason,
                row.origin or "trader",
                row.expires_at,
                row.client_order_id,
            )
            for row in found
        ]
    columns = (
        "id",
        "created",
        "ticker",
        "side",
        "count",
        "yes price",
        "reduces",
        "state",
        "reason",
        "placed by",
        "expires",
        "client order id",
    )
    below = ("client order id", "reduces", "reason", "expires", "placed by", "created")
    show(f"Orders, {settings.trading_mode}", columns, rows, as_json=as_json, below=below)


@orders.command("show")
def show_one(order_id: Id, as_json: Json = False) -> None:
    """Show what happened to one order, from its first event on, and what it means if it was refused."""
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    with open_database(settings, "orders") as engine, transaction(engine) as session:
        order = _order(session, settings.trading_mode, order_id)
        rows = [
            (row.seq, row.happened_at, row.event, row.old_state, row.new_state, row.reason, row.recorded_by)
            for row in order_events.events_of(session, order.id)
        ]
        meaning = _meaning(order)
    columns = ("number", "when", "event", "from", "to", "reason", "written by")
    show(f"Order {order.id}, {order.client_order_id}", columns, rows, as_json=as_json, below=("reason", "written by"))
    if meaning and not as_json:
        typer.echo(meaning)


@orders.command()
def resolve(order_id: Id, ruling: As, reason: Reason) -> None:
    """Record the outcome of an order where it is not known. Check the exchange's own site first.

    Quantities are not yours to say: they come from fills. Should the exchange show the order after all, it wins.
    """
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    if not reason.strip():
        raise MilkbotError("--reason is empty; say how you know, it is the record of this act")
    mode, who, now = settings.trading_mode, acting_user(), SystemClock().now()
    new = OrderState(ruling)
    event = next(event for event, state_ in RULINGS.items() if state_ is new)
    with (
        open_database(settings, "orders resolve") as engine,
        state.single_writer(engine, mode) as writer,
        writer.transaction() as session,
    ):
        order = _order(session, mode, order_id)
        old = OrderState(order.state)
        if old not in UNRESOLVED:
            raise NotPermittedError(
                f"order {order_id} is {old}; only one that is {' or '.join(sorted(UNRESOLVED))} can be resolved"
            )
        order_rows.move(session, order, new, at=now, reason=f"{who}: {reason}", event=event)
        ticks.save_risk_event(
            session,
            trading_mode=mode,
            event_type="operator",
            severity="info",
            message=f"{who} resolved order {order.id} ({order.client_order_id}), {old}, as {new}: {reason}",
            city_code=order.city_code,
            ticker=order.ticker,
            event_time=now,
        )
    typer.echo(f"order {order_id} was {old} and is {new}")


def _meaning(order: Order) -> str:
    """What the table of refusals says of an order; nothing where it was not refused, or the operator ruled on it."""
    if order.state != OrderState.REJECTED or order.state_event == OrderEvent.RULED_REJECTED:
        return ""
    return stored_refusal(order.state_reason or "").meaning


def _order(session: Session, mode: TradingMode, order_id: int) -> Order:
    found = order_rows.orders_by_ids(session, [order_id])
    if not found or found[0].trading_mode != mode:
        raise MilkbotError(f"there is no order {order_id} in mode {mode}; milkbot orders shows those that there are")
    return found[0]
