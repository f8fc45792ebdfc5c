"""`milkbot positions` and `milkbot pnl`: what is held, and what was won and lost, as the database has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import Cell, show
from milkbot.db import ledger, marks
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.profit import total_unrealized, unrealized
from milkbot.settings import LEDGER_SETTINGS

# An average has as many digits as a price of the exchange.
_AVERAGE = Decimal("0.0001")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def positions(as_json: Json = False) -> None:
    """Show what is held in this mode, as the fills fold to it. `bid` is what a contract could last be sold for."""
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    with open_database(settings, "positions") as engine, transaction(engine) as session:
        found = ledger.held_positions(session, settings.trading_mode)
        seen = marks.newest_marks(session, settings.trading_mode, found)
        rows = []
        for row in found:
            position = ledger.to_position(row)
            count = abs(row.signed_count)
            rows.append(
                (
                    row.ticker,
                    "YES" if row.signed_count > 0 else "NO",
                    count,
                    (row.cost / count).quantize(_AVERAGE) if count else None,
                    row.cost,
                    row.fees,
                    row.realized_pnl,
                    seen.get(row.ticker),
                    unrealized(position, seen.get(row.ticker)),
                )
            )
    columns = ("ticker", "leg", "count", "average cost", "cost", "fees", "realized", "bid", "unrealized")
    below = ("fees", "realized", "cost")
    show(f"Positions, {settings.trading_mode}", columns, rows, as_json=as_json, below=below)


def pnl(as_json: Json = False) -> None:
    """Show what was won and lost in this mode: by fills that closed, by settlements, less fees; and what is open.

    Days are UTC. What is open counts at the best bid that was last seen; without one it is not known, and left empty.
    """
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    mode, now = settings.trading_mode, SystemClock().now()
    with open_database(settings, "pnl") as engine, transaction(engine) as session:
        rows: list[tuple[Cell, ...]] = []
        for name, since in _periods(now):
            made = marks.made_since(session, mode, since)
            rows.append((name, since, made.closed, made.settled, made.fees, made.net, None))
        held = ledger.held_positions(session, mode)
        seen = marks.newest_marks(session, mode, held)
        still, unmarked = total_unrealized((ledger.to_position(row), seen.get(row.ticker)) for row in held)
    missing = ", ".join(unmarked)
    rows.append(("open", None, None, None, None, None, None if missing else still))
    columns = ("period", "since", "closed", "settled", "fees", "net", "unrealized")
    show(f"Profit and loss, {mode}", columns, rows, as_json=as_json, below=("fees", "since"))
    if missing:
        typer.echo(f"no bid was seen for {missing}: what they are worth is not known", err=True)


def _periods(now: datetime) -> list[tuple[str, datetime | None]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        ("today", midnight),
        ("7 days", midnight - timedelta(days=6)),
        ("30 days", midnight - timedelta(days=29)),
        ("all", None),
    ]
