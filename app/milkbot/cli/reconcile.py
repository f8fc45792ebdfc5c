"""`milkbot reconcile`: compare the ledger with the exchange without trading, and close findings."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from sqlalchemy import Engine

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.control.findings import close_finding
from milkbot.control.record import Acting
from milkbot.db import findings as finding_rows
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.errors import ExitCode, NotPermittedError
from milkbot.settings import Settings
from milkbot.trader.clients import open_trading_loop

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Close = Annotated[int | None, typer.Option("--close", help="Close this finding instead: you know what it is.")]
Note = Annotated[str, typer.Option("--note", help="With --close: what it is; it is stored and shown.")]
Listed = Annotated[bool, typer.Option("--list", help="Only show the open findings; send nothing to the exchange.")]


def reconcile(close: Close = None, note: Note = "", only_list: Listed = False, as_json: Json = False) -> None:
    """Read the account, correct the ledger, check the invariants, and show what remains unexplained.

    Sends no order and cancels none. Exit 1 while a finding is open. --close ends one by your word; what is still not
    explained is found again.
    """
    settings = settings_of_host("reconcile", quiet=True)
    with open_database(settings, "reconcile") as engine:
        if close is not None:
            in_terminal = partial(typer.echo, err=True)
            close_finding(Acting(settings, engine, acting_user(), say=in_terminal, warn=in_terminal), close, note)
        elif not only_list:
            _run(engine, settings)
        left = _shown(engine, settings.trading_mode, as_json=as_json)
    if left:
        raise typer.Exit(ExitCode.FAILED)


def _run(engine: Engine, settings: Settings) -> None:
    if settings.trading_mode is TradingMode.SHADOW:
        raise NotPermittedError("TRADING_MODE is shadow, which has no account; there is nothing to reconcile")
    with open_trading_loop(settings, engine) as loop:
        report = loop.reconcile_once()
    typer.echo(report.line(), err=True)


def _shown(engine: Engine, mode: TradingMode, *, as_json: bool) -> int:
    with transaction(engine) as session:
        found = finding_rows.open_findings(session, mode)
        rows = [
            (row.id, row.kind, row.effect, row.opened_at, row.message, _side(row.ours), _side(row.theirs))
            for row in found
        ]
    columns = ("id", "kind", "effect", "since", "what", "ours", "theirs")
    show(f"Open findings, {mode}", columns, rows, as_json=as_json, below=("what", "ours", "theirs"))
    return len(rows)


def _side(side: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in side.items())
