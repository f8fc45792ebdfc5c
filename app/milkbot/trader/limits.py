"""The configured limits, in the units of the risk engine."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from milkbot.domain.units import Cash, Count
from milkbot.risk.limits import Limits
from milkbot.settings import Settings


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
