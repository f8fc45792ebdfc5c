"""`milkbot halt` and `milkbot resume`: the operator's own hold, and the end of holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.db import holds, ticks
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, Hold, TradingState
from milkbot.errors import MilkbotError, NotPermittedError
from milkbot.settings import LEDGER_SETTINGS
from milkbot.trader.orders import kill_file

Reason = Annotated[str, typer.Option("--reason", help="Why; it is stored and shown.")]
Ids = Annotated[list[int] | None, typer.Option("--hold", help="End this hold only; may be given several times.")]


def halt(reason: Reason) -> None:
    """Stop trading at once: ticks go on reconciling and cancelling, and send nothing until `milkbot resume`."""
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    said, who, now = _said(reason), acting_user(), SystemClock().now()
    with open_database(settings, "halt") as engine, transaction(engine) as session:
        holds.adopt(session, settings.trading_mode, now)
        holds.add(session, settings.trading_mode, source=who, effect=Effect.HALTED, reason=said, since=now)
        holds.publish(session, settings.trading_mode, now)
        _record(session, settings.trading_mode, f"{who} set the trading state to {TradingState.HALTED}: {said}")
    typer.echo("trading is halted; resume with: milkbot resume --reason ...")


def resume(reason: Reason, hold: Ids = None) -> None:
    """Take trading up again: end every hold that is in force, or those named with --hold. Each is shown.

    The reason is the operator's acknowledgement of them. What a breaker sets after that counts anew.
    """
    settings = settings_of_host("cli", quiet=True, needed=LEDGER_SETTINGS)
    said, who, now = _said(reason), acting_user(), SystemClock().now()
    found = kill_file.found(settings.kill_file)
    if found is not None:
        raise NotPermittedError(f"{found}; remove it, then resume")
    with open_database(settings, "resume") as engine, transaction(engine) as session:
        mode = settings.trading_mode
        holds.adopt(session, mode, now)
        in_force = holds.holds(session, mode, now)
        ended = _chosen(in_force, hold)
        left = holds.resume(session, mode, ended, by=who, at=now, note=said)
        _record(session, mode, f"{who} set the trading state to {left}: {said}")
    for one in ended:
        typer.echo(f"ended: {_line(one)}")
    for one in in_force:
        if one not in ended:
            typer.echo(f"still held: {_line(one)}")
    typer.echo(f"trading is {left}")


def _chosen(in_force: Sequence[Hold], ids: Sequence[int] | None) -> list[Hold]:
    """The holds to end. Raises MilkbotError for an id that is not in force."""
    if not ids:
        return list(in_force)
    unknown = sorted(set(ids) - {hold.id for hold in in_force})
    if unknown:
        known = ", ".join(str(hold.id) for hold in in_force) or "none"
        raise MilkbotError(f"--hold is {', '.join(map(str, unknown))}, which is not in force; in force: {known}")
    return [hold for hold in in_force if hold.id in ids]


def _line(hold: Hold) -> str:
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    return f"{hold.id}, {hold.effect} by {hold.source} since {hold.since:%Y-%m-%d %H:%M} UTC{until}: {hold.reason}"


def _said(reason: str) -> str:
    if not reason.strip():
        raise MilkbotError("--reason is empty; say why, it is the record of this act")
    return reason


def _record(session: Session, mode: TradingMode, message: str) -> None:
    now = SystemClock().now()
    values = {"event_type": "operator", "severity": "info", "message": message, "event_time": now}
    ticks.save_risk_event(session, trading_mode=mode, **values)
