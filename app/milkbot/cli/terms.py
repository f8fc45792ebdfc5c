"""`milkbot terms`: fees and rules of a series that changed, and the operator's acceptance of them."""

from __future__ import annotations

from typing import Annotated

import typer

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import terms as rows
from milkbot.db import ticks
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.errors import MilkbotError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is stored and shown.")]
Fingerprints = Annotated[list[str], typer.Argument(help="What is accepted, as `milkbot terms list` shows it.")]

terms = typer.Typer(help="Fees and rules that changed since they were first seen: nothing new is bought under them.")


@terms.command("list")
def list_pending(as_json: Json = False) -> None:
    """Show the terms that nobody has accepted yet, with their text. Nothing listed: all is traded as it was."""
    settings = settings_of_host("cli", quiet=True)
    with open_database(settings, "terms") as engine, transaction(engine) as session:
        found = [
            (row.fingerprint, row.series_ticker, row.kind, row.seen_at, row.terms)
            for row in rows.pending(session, settings.trading_mode)
        ]
    columns = ("fingerprint", "series", "kind", "first seen", "terms")
    show(f"Terms to be read, {settings.trading_mode}", columns, found, as_json=as_json)


@terms.command()
def accept(fingerprints: Fingerprints, reason: Reason) -> None:
    """Accept changed terms, in every series that has them: its markets are traded again from the next tick on."""
    settings = settings_of_host("cli", quiet=True)
    if not reason.strip():
        raise MilkbotError("--reason is empty; say why, it is the record of this act")
    who, now, mode = acting_user(), SystemClock().now(), settings.trading_mode
    with open_database(settings, "terms") as engine, transaction(engine) as session:
        pending = rows.pending(session, mode)
        unknown = sorted(set(fingerprints) - {row.fingerprint for row in pending})
        if unknown:
            raise MilkbotError(f"{', '.join(unknown)} waits for no acceptance; run: milkbot terms list")
        chosen = [row for row in pending if row.fingerprint in fingerprints]
        rows.accept(session, chosen, by=who, at=now, note=reason)
        names = ", ".join(f"{row.series_ticker} {row.kind} ({row.fingerprint})" for row in chosen)
        values = {"event_type": "operator", "severity": "info", "event_time": now}
        ticks.save_risk_event(session, trading_mode=mode, message=f"{who} accepted {names}: {reason}", **values)
    typer.echo(f"accepted: {names}")
