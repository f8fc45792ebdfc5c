"""`milkbot halt`, `resume`, `cancel-all` and `arm-live`: the acts of the operator."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer

from milkbot.cli.context import open_database, settings_of_host
from milkbot.db import orders as order_rows
from milkbot.db import state, ticks
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState
from milkbot.errors import DatabaseUnavailableError, MilkbotError, NotPermittedError, VenueUnavailableError
from milkbot.settings import Settings
from milkbot.trader.doors import open_venue
from milkbot.trader.limits import limits_of
from milkbot.venue.errors import CancelFailedError
from milkbot.venue.values import VenueOrder, VenueOrderStatus

Reason = Annotated[str, typer.Option("--reason", help="Why; it is stored and shown.")]
Hours = Annotated[int, typer.Option(min=1, max=24 * 31, help="For how many hours live trading is armed.")]


def halt(reason: Reason) -> None:
    """Stop trading at once: ticks go on reconciling and cancelling, and send nothing until `milkbot resume`."""
    _set(TradingState.HALTED, reason)
    typer.echo("trading is halted; resume with: milkbot resume --reason ...")


def resume(reason: Reason) -> None:
    """Take trading up again. The reason is the operator's acknowledgement of what stopped it."""
    _set(TradingState.ACTIVE, reason)
    typer.echo("trading is active")


def cancel_all() -> None:
    """Cancel every resting order at the exchange, and say which ones could not be cancelled."""
    settings = settings_of_host("cli", quiet=True)
    before: list[VenueOrder] | None = None
    try:
        with open_venue(settings, SystemClock()) as venue:
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


def _named(orders: Iterable[VenueOrder]) -> str:
    return ", ".join(f"{order.order_id} ({order.ticker})" for order in orders)


def _perhaps_resting(settings: Settings, seen: list[VenueOrder] | None) -> str:
    """What may rest still, as the exchange said before it failed, else as the books have it."""
    if seen is not None:
        return f"not known to be canceled: {_named(seen) or 'nothing'}"
    try:
        with open_database(settings, "cancel-all") as engine, transaction(engine) as session:
            rows = order_rows.open_orders(session, settings.trading_mode)
            names = ", ".join(f"{row.venue_order_id or row.client_order_id} ({row.ticker})" for row in rows)
    except DatabaseUnavailableError as error:
        return f"not known to be canceled: whatever rests; the books do not say, {error}"
    return f"not known to be canceled, as the books have it: {names or 'nothing'}"


def arm_live(hours: Hours = 24) -> None:
    """Allow live trading for a while, after showing what it may lose. Asks for the word LIVE to be typed."""
    settings = settings_of_host("cli", quiet=True)
    if settings.trading_mode is not TradingMode.LIVE:
        raise NotPermittedError(f"TRADING_MODE is {settings.trading_mode}; set it to live before arming")
    statement = _at_risk(settings, hours)
    typer.echo(statement)
    if typer.prompt("Type LIVE to arm it") != "LIVE":
        raise NotPermittedError("not armed: the word was not LIVE")
    now = SystemClock().now()
    with open_database(settings, "arm-live") as engine, transaction(engine) as session:
        until = now + timedelta(hours=hours)
        state.arm_live(session, armed_by=getpass.getuser(), armed_at=now, expires_at=until, statement=statement)
    typer.echo(f"live trading is armed for {hours} hours")


def _at_risk(settings: Settings, hours: int) -> str:
    limits = limits_of(settings)
    return (
        f"Live trading at {settings.kalshi_api_base} for {hours} hours with real money. At risk at any time: up to "
        f"{limits.open_risk:.2f} dollars in all, {limits.event:.2f} an event, {limits.trade:.2f} an order, on a "
        f"bankroll of {settings.bankroll}. New risk stops after a loss of "
        f"{settings.bankroll * settings.max_daily_loss_pct / 100:.2f} dollars in a day."
    )


def _set(new: TradingState, reason: str) -> None:
    settings = settings_of_host("cli", quiet=True)
    if not reason.strip():
        raise MilkbotError("--reason is empty; say why, it is the record of this act")
    now = SystemClock().now()
    with open_database(settings, new) as engine, transaction(engine) as session:
        state.set_state(
            session,
            mode=settings.trading_mode,
            state=new,
            reason=reason,
            set_by=getpass.getuser(),
            since=now,
            acknowledged_by=getpass.getuser() if new is TradingState.ACTIVE else None,
        )
        ticks.save_risk_event(
            session,
            trading_mode=settings.trading_mode,
            event_type="operator",
            severity="info",
            message=f"{getpass.getuser()} set the trading state to {new}: {reason}",
            event_time=now,
        )
