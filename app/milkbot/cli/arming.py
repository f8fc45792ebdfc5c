"""`milkbot arm-live`: the operator's act without which nothing is sent with real money."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from milkbot.cli.actor import acting_user
from milkbot.cli.context import open_database, settings_of_host
from milkbot.db import state
from milkbot.db.session import transaction
from milkbot.domain.clock import SystemClock
from milkbot.domain.modes import TradingMode
from milkbot.errors import NotPermittedError
from milkbot.settings import Settings
from milkbot.trader.limits import limits_of

Hours = Annotated[int, typer.Option(min=1, max=24 * 31, help="For how many hours live trading is armed.")]


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
        state.arm_live(session, armed_by=acting_user(), armed_at=now, expires_at=until, statement=statement)
    typer.echo(f"live trading is armed for {hours} hours")


def _at_risk(settings: Settings, hours: int) -> str:
    limits = limits_of(settings)
    return (
        f"Live trading at {settings.kalshi_api_base} for {hours} hours with real money. At risk at any time: up to "
        f"{limits.open_risk:.2f} dollars in all, {limits.event:.2f} an event, {limits.trade:.2f} an order, on a "
        f"bankroll of {settings.bankroll}. New risk stops after a loss of "
        f"{settings.bankroll * settings.max_daily_loss_pct / 100:.2f} dollars in a day."
    )
