"""The moment, the bounds and the prices of the tests of orders that rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from milkbot.domain.units import Price
from milkbot.trader.decide.quoting import OrderStyle, QuoteRules

NOW = datetime(2026, 8, 3, 15, 0, tzinfo=UTC)
RULES = QuoteRules(
    style=OrderStyle.RESTING,
    expiry=timedelta(minutes=15),
    max_age=timedelta(minutes=10),
    close_guard=timedelta(minutes=30),
    pause_guard=timedelta(minutes=15),
    max_forecast_move_f=1.0,
    max_spread=Decimal("0.04"),
    min_edge=Decimal("0.03"),
    max_drift=Decimal("0.02"),
    max_chase=Decimal("0.03"),
)


def at(text: str) -> Price:
    """A price in dollars."""
    return Price(Decimal(text))
