"""Breakers: what takes the trading state away from ACTIVE without an operator."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from milkbot.db import books, state, ticks
from milkbot.domain.trading_state import TradingState
from milkbot.settings import Settings

# How long the daily-loss breaker holds.
PAUSE = timedelta(hours=24)


def trip(
    session: Session, settings: Settings, now: datetime, tick_id: int, acknowledged_at: datetime | None
) -> TradingState:
    """The state after the breakers were asked; a tripped one is stored with its reason and its end.

    Daily loss: dollars realized since midnight UTC, fees included, against the configured share of the bankroll. What
    an operator acknowledged by resuming does not count again.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = max(midnight, acknowledged_at or midnight)
    realized = books.realized_since(session, settings.trading_mode, since)
    allowed = settings.bankroll * settings.max_daily_loss_pct / Decimal(100)
    if realized > -allowed:
        return TradingState.ACTIVE
    started = "midnight" if since == midnight else f"{since:%H:%M}"
    reason = f"daily loss: {-realized:.2f} dollars lost since {started} UTC, {allowed:.2f} allowed"
    state.set_state(
        session,
        mode=settings.trading_mode,
        state=TradingState.REDUCING,
        reason=reason,
        set_by="breaker daily_loss",
        since=now,
        until=now + PAUSE,
    )
    ticks.save_risk_event(
        session,
        trading_mode=settings.trading_mode,
        tick_id=tick_id,
        event_type="breaker",
        severity="critical",
        message=reason,
        event_time=now,
    )
    return TradingState.REDUCING
