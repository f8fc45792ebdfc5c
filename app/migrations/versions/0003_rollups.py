"""Rollups, and the views that the public may see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS analytics")
    op.create_table(
        "city_metrics_daily",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("trade_count", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("gross_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("net_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("fees", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("win_count", sa.Integer(), nullable=False),
        sa.Column("loss_count", sa.Integer(), nullable=False),
        sa.Column("avg_position_size", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("max_position_size", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", "city_code", "date", name=op.f("pk_city_metrics_daily")),
        schema="analytics",
    )
    op.create_table(
        "equity_curve_daily",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("starting_equity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("ending_equity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("daily_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("cumulative_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("drawdown", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("drawdown_pct", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("high_water_mark", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", "date", name=op.f("pk_equity_curve_daily")),
        schema="analytics",
    )
    op.create_table(
        "health_metrics",
        sa.Column("component_name", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("component_name", "recorded_at", name=op.f("pk_health_metrics")),
        schema="analytics",
    )
    op.create_table(
        "strategy_metrics_daily",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("strategy_name", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("signal_count", sa.Integer(), nullable=False),
        sa.Column("trade_count", sa.Integer(), nullable=False),
        sa.Column("gross_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("net_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("fees", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("win_count", sa.Integer(), nullable=False),
        sa.Column("loss_count", sa.Integer(), nullable=False),
        sa.Column("avg_edge", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", "strategy_name", "date", name=op.f("pk_strategy_metrics_daily")),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_table("strategy_metrics_daily", schema="analytics")
    op.drop_table("health_metrics", schema="analytics")
    op.drop_table("equity_curve_daily", schema="analytics")
    op.drop_table("city_metrics_daily", schema="analytics")
