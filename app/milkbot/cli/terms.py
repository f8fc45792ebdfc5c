"""`milkbot terms`: fees and rules of a series that changed, and the operator's acceptance of them."""

from __future__ import annotations

from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.control import Reason, acting_here
from milkbot.cli.tables import show
from milkbot.control.terms import accept_terms
from milkbot.db import terms as rows
from milkbot.db.session import transaction

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
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
    with acting_here(settings_of_host("cli", quiet=True), "terms") as acting:
        accept_terms(acting, fingerprints, reason)
