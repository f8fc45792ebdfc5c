"""`milkbot state`: may the trader trade, and if not, what holds it?"""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from milkbot.cli.context import open_database, settings_of_host
from milkbot.cli.tables import Cell, show
from milkbot.db import findings as finding_rows
from milkbot.db import forecasts, holds, ticks
from milkbot.db import orders as order_rows
from milkbot.db import state as state_rows
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import UNRESOLVED, OrderState
from milkbot.domain.trading_state import TradingState
from milkbot.errors import ExitCode
from milkbot.settings import LEDGER_SETTINGS, Settings
from milkbot.sizing.evidence import Standing
from milkbot.trader.decide.rules import floor_of
from milkbot.trader.reconcile.findings import allowed_now

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 77 unless trading is active.")]
_COLUMNS = ("what", "value", "since", "until", "by", "reason")


def state(check: Check = False, as_json: Json = False) -> None:
    """Show the trading state of this mode, and everything that holds it: breakers, the operator, findings, orders."""
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    with open_database(settings, "state") as engine, transaction(engine) as session:
        rows = _rows(session, settings)
    show(f"Trading state, {settings.trading_mode}", _COLUMNS, rows, as_json=as_json, below=("reason", "until", "by"))
    if check and rows[0][1] != TradingState.ACTIVE:
        raise typer.Exit(ExitCode.NOT_PERMITTED)


def _rows(session: Session, settings: Settings) -> list[tuple[Cell, ...]]:
    mode, now = settings.trading_mode, SystemClock().now()
    in_force = holds.holds(session, mode, now)
    record = state_rows.current_state(session, mode)
    since = record.since if record else None
    rows: list[tuple[Cell, ...]] = [("state", allowed_now(session, mode, now), since, None, None, None)]
    rows += [(f"hold {hold.id}", hold.effect, hold.since, hold.until, hold.source, hold.reason) for hold in in_force]
    rows += [
        (f"finding {row.id}", row.effect, row.opened_at, None, row.kind, row.message)
        for row in finding_rows.open_findings(session, mode)
    ]
    rows += [
        (f"order {row.id}", row.state, row.updated_at, None, row.ticker, row.state_reason)
        for row in order_rows.open_orders(session, mode)
        if OrderState(row.state) in UNRESOLVED
    ]
    if mode is TradingMode.LIVE:
        armed = state_rows.live_is_armed(session, now)
        rows.append(("live arming", "armed" if armed else "not armed", None, None, None, None))
    rows.append(_size(session, settings))
    newest = ticks.latest_tick(session, mode)
    if newest is not None:
        rows.append(("newest tick", newest.outcome or "running", newest.started_at, None, None, newest.message))
    return rows


def _size(session: Session, settings: Settings) -> tuple[Cell, ...]:
    """How large orders are, and what the evidence says that decides it."""
    live = forecasts.live_forecaster(session, settings.trading_mode)
    found = forecasts.evidence_of(session, settings.trading_mode, *live) if live else None
    floor = floor_of(settings, found.standing if found else None)
    by = "no forecast yet" if live is None else "{} {}, parameters {}".format(*live)
    days = found.days if found else 0
    why = f"{found.standing if found else Standing.UNPROVEN} after {days} scored day{'' if days == 1 else 's'}"
    if not settings.size_by_evidence:
        why += "; SIZE_BY_EVIDENCE is false"
    return "size", "by Kelly" if floor is None else f"at most {floor.count} a market", None, None, by, why
