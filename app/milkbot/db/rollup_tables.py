"""Tables of schema `analytics`: rollups, and nothing that is private."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from milkbot.db.base import ANALYTICS, Base, CashColumn, CountColumn


class CityMetricsDaily(Base):
    """A city's trades of one climate day."""

    __tablename__ = "city_metrics_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    city_code: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    trade_count: Mapped[int]
    volume: Mapped[CountColumn]
    gross_pnl: Mapped[CashColumn]
    net_pnl: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    win_count: Mapped[int]
    loss_count: Mapped[int]
    avg_position_size: Mapped[CountColumn]
    max_position_size: Mapped[CountColumn]
    computed_at: Mapped[datetime]


class StrategyMetricsDaily(Base):
    """A strategy's decisions and trades of one climate day."""

    __tablename__ = "strategy_metrics_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    strategy_name: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    signal_count: Mapped[int]
    trade_count: Mapped[int]
    gross_pnl: Mapped[CashColumn]
    net_pnl: Mapped[CashColumn]
    fees: Mapped[CashColumn]
    win_count: Mapped[int]
    loss_count: Mapped[int]
    avg_edge: Mapped[CashColumn | None]
    computed_at: Mapped[datetime]


class EquityCurveDaily(Base):
    """The account by UTC day of the realized result: settlements and closing fills, less fees."""

    __tablename__ = "equity_curve_daily"
    __table_args__ = ({"schema": ANALYTICS},)

    trading_mode: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    starting_equity: Mapped[CashColumn]
    ending_equity: Mapped[CashColumn]
    daily_pnl: Mapped[CashColumn]
    cumulative_pnl: Mapped[CashColumn]
    drawdown: Mapped[CashColumn]
    drawdown_pct: Mapped[CashColumn]
    high_water_mark: Mapped[CashColumn]
    computed_at: Mapped[datetime]


class HealthMetric(Base):
    """Readings of the components, one row a reading; `v_current_health` shows the latest of each."""

    __tablename__ = "health_metrics"
    __table_args__ = ({"schema": ANALYTICS},)

    component_name: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    status: Mapped[str]
    latency_ms: Mapped[float | None]
    message: Mapped[str | None]
