"""Repository of the resting orders: what they were decided by, and where the bidding in their markets began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from milkbot.db.ops import Order, Signal, WeatherSnapshot
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OPEN


def open_quotes(session: Session, mode: TradingMode) -> Sequence[tuple[Order, float | None]]:
    """Each order of ours that is open, with the forecast in F that it was decided by; none for one that was found."""
    wanted = (
        select(Order, func.coalesce(WeatherSnapshot.forecast_high_f, WeatherSnapshot.forecast_low_f))
        .outerjoin(Signal, Signal.id == Order.signal_id)
        .outerjoin(WeatherSnapshot, WeatherSnapshot.id == Signal.weather_snapshot_id)
        .where(Order.trading_mode == mode, Order.state.in_([str(state) for state in OPEN]))
        .where(Order.origin.is_distinct_from("manual"))
        .order_by(Order.id)
    )
    return [(order, forecast) for order, forecast in session.execute(wanted)]


def first_prices(session: Session, mode: TradingMode, since: datetime) -> dict[tuple[str, str], Decimal]:
    """By market and side, the YES price of the first order that we left to rest there from `since` on."""
    wanted = (
        select(Order.ticker, Order.side, Order.price)
        .where(
            Order.trading_mode == mode,
            Order.created_at >= since,
            Order.expires_at.is_not(None),
            Order.origin.is_(None),
        )
        .order_by(Order.created_at, Order.id)
    )
    first: dict[tuple[str, str], Decimal] = {}
    for ticker, side, price in session.execute(wanted):
        first.setdefault((ticker, side), price)
    return first
