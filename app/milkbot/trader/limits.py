"""The configured limits, in the units of the risk engine."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from milkbot.domain.units import Cash, Count
from milkbot.risk.limits import Limits
from milkbot.settings import Settings
from milkbot.trader.decide.quoting import OrderStyle, QuoteRules


def limits_of(settings: Settings) -> Limits:
    """Percentages of the bankroll in dollars, ages as durations."""

    def share(percent: Decimal) -> Cash:
        return Cash(settings.bankroll * percent / Decimal(100))

    return Limits(
        trade=share(settings.max_trade_risk_pct),
        event=share(settings.max_event_risk_pct),
        city=share(settings.max_city_exposure_pct),
        cluster=share(settings.max_cluster_exposure_pct),
        open_risk=share(settings.max_open_risk_pct),
        position=Count(Decimal(settings.max_position_size)),
        spread=Decimal(settings.spread_max_cents) / 100,
        liquidity=settings.min_liquidity_multiple,
        orders=settings.max_orders_per_hour,
        orderbook_age=timedelta(seconds=settings.max_snapshot_age_sec),
        forecast_age=timedelta(hours=settings.max_forecast_age_hours),
        clock_skew=timedelta(seconds=settings.max_clock_skew_sec),
    )


def quote_rules_of(settings: Settings) -> QuoteRules:
    """How orders are sent, and the bounds of those that rest."""
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
