"""The rules of the strategy and of quotes, in its own units, from the settings."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from milkbot.domain.units import Cash, Count
from milkbot.risk.limits import Limits
from milkbot.risk.portfolio import Exposure
from milkbot.settings import Settings
from milkbot.sizing.evidence import Standing
from milkbot.sizing.fraction import SizingRules
from milkbot.trader.decide.quoting import OrderStyle, QuoteRules
from milkbot.trader.decide.strategy import Floor, Reason, StrategyRules


def quote_rules_of(settings: Settings) -> QuoteRules:
    """How orders are sent, and the bounds of resting orders."""
    return QuoteRules(
        style=OrderStyle(settings.order_style),
        expiry=timedelta(seconds=settings.quote_expiry_sec),
        max_age=timedelta(seconds=settings.quote_max_age_sec),
        close_guard=timedelta(minutes=settings.quote_close_guard_min),
        pause_guard=timedelta(minutes=settings.quote_pause_guard_min),
        max_forecast_move_f=settings.quote_max_forecast_move_f,
        max_spread=Decimal(settings.spread_max_cents) / 100,
        min_edge=settings.min_edge_after_costs,
        max_drift=Decimal(settings.quote_max_drift_cents) / 100,
        max_chase=Decimal(settings.quote_max_chase_cents) / 100,
    )


def floor_of(settings: Settings, standing: str | None) -> Floor | None:
    """The floor for a forecaster of that standing, None for one without any evidence. Only one that is shown to be
    better than the market has no floor.
    """
    if not settings.size_by_evidence or standing == Standing.BETTER:
        return None
    reason = Reason.SIZE_WORSE if standing == Standing.WORSE else Reason.SIZE_UNPROVEN
    return Floor(Count(Decimal(settings.size_floor_contracts)), reason)


def strategy_rules_of(
    settings: Settings, limits: Limits, exposure: Exposure, factor: Decimal, standing: str | None
) -> StrategyRules:
    """The bounds of one tick's decisions. `factor`: the share of the usual size that the holds in force leave;
    `standing`: what the evidence says of the live forecaster.
    """
    quotes = quote_rules_of(settings)
    return StrategyRules(
        min_edge=settings.min_edge_after_costs,
        exit_margin=settings.exit_margin,
        min_price=settings.min_price,
        max_spread=limits.spread,
        max_gap=settings.max_model_market_gap,
        max_orderbook_age=limits.orderbook_age,
        sizing=SizingRules(settings.kelly_fraction * factor, limits.trade, limits.position),
        wealth=Cash(min(settings.bankroll, exposure.cash + exposure.total)),
        quotes=quotes if quotes.rests else None,
        floor=floor_of(settings, standing),
    )
