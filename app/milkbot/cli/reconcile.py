"""`milkbot reconcile`: compare the ledger with the exchange without trading, and close findings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import show
from milkbot.db import cash, state, ticks
from milkbot.db import findings as finding_rows
from milkbot.db.evidence_tables import Finding
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import Cash
from milkbot.errors import ExitCode, MilkbotError, NotPermittedError
from milkbot.settings import Settings
from milkbot.trader.clients import open_trading_loop
from milkbot.trader.reconcile.findings import FindingKind

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
            _close(engine, settings.trading_mode, close, note)
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


def _close(engine: Engine, mode: TradingMode, finding_id: int, note: str) -> None:
    if not note.strip():
        raise MilkbotError("--note is empty; say what it was, it is the record of this act")
    who, now = acting_user(), SystemClock().now()
    with state.single_writer(engine, mode) as writer, writer.transaction() as session:
        finding = finding_rows.finding_by_id(session, finding_id)
        if finding is None or finding.trading_mode != mode:
            raise MilkbotError(f"there is no finding {finding_id} in mode {mode}; see: milkbot reconcile --list")
        if finding.closed_at is not None:
            raise MilkbotError(f"finding {finding_id} was closed by {finding.closed_by}: {finding.note}")
        if finding.kind == FindingKind.CASH_MISMATCH:
            _accept_capital(session, mode, finding)
        finding_rows.close_findings(session, [finding_id], by=who, note=note, at=now)
        ticks.save_risk_event(
            session,
            trading_mode=mode,
            event_type="operator",
            severity="info",
            message=f"{who} closed finding {finding_id} ({finding.kind}): {note}",
            event_time=now,
        )
    typer.echo(f"finding {finding_id} is closed", err=True)


def _accept_capital(session: Session, mode: TradingMode, finding: Finding) -> None:
    """A deposit or a withdrawal is capital from now on."""
    if Decimal(finding.ours["held_back_at_most"]):
        raise NotPermittedError(
            f"finding {finding.id} was seen while orders were open, which hold cash back; cancel them "
            "(milkbot cancel-all), run milkbot reconcile, then close it"
        )
    cash.set_capital(session, mode, Cash(Decimal(finding.theirs["capital"])))


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
