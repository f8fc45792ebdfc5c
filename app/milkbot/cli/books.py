"""`milkbot orders` and `milkbot positions`: the books as the database has them."""

from __future__ import annotations

from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import books
from milkbot.db import orders as order_rows
from milkbot.db.session import transaction

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]


def orders(limit: Limit = 30, as_json: Json = False) -> None:
    """Show the newest orders of this mode with their states."""
    settings = settings_of_host("cli", quiet=True)
    with open_database(settings, "orders") as engine, transaction(engine) as session:
        found = order_rows.recent_orders(session, settings.trading_mode, limit)
        rows = [
            (
                row.created_at,
                row.ticker,
                row.side,
                row.count,
                row.price,
                row.state,
                row.state_reason,
                row.client_order_id,
            )
            for row in found
        ]
    columns = ("created", "ticker", "side", "count", "yes price", "state", "reason", "client order id")
    show(f"Orders, {settings.trading_mode}", columns, rows, as_json=as_json)


def positions(as_json: Json = False) -> None:
    """Show what is held in this mode, as the fills fold to it."""
    settings = settings_of_host("cli", quiet=True)
    with open_database(settings, "positions") as engine, transaction(engine) as session:
        found = books.held_positions(session, settings.trading_mode)
        rows = [
            (
                row.ticker,
                "YES" if row.signed_count > 0 else "NO",
                abs(row.signed_count),
                row.cost,
                row.fees,
                row.realized_pnl,
            )
            for row in found
        ]
    columns = ("ticker", "leg", "count", "cost", "fees", "realized")
    show(f"Positions, {settings.trading_mode}", columns, rows, as_json=as_json)
