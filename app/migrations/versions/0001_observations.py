"""What a tick sees and decides: ticks, snapshots, signals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column(
            "counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_ticks_trading_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticks")),
        schema="ops",
    )
    op.create_index("ix_ticks_mode_started", "ticks", ["trading_mode", "started_at"], unique=False, schema="ops")
    op.create_table(
        "market_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("strike_type", sa.Text(), nullable=False),
        sa.Column("floor_strike", sa.Integer(), nullable=True),
        sa.Column("cap_strike", sa.Integer(), nullable=True),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("yes_bid", sa.Numeric(precision=10, scale=6), nullable=True),
        sa.Column("yes_bid_size", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("yes_ask", sa.Numeric(precision=10, scale=6), nullable=True),
        sa.Column("yes_ask_size", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_market_snapshots_trading_mode")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_market_snapshots_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_snapshots")),
        schema="ops",
    )
    op.create_index(
        "ix_market_snapshots_ticker_captured", "market_snapshots", ["ticker", "captured_at"], unique=False, schema="ops"
    )
    op.create_table(
        "weather_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("forecast_high_f", sa.Double(), nullable=True),
        sa.Column("observed_max_f", sa.Double(), nullable=True),
        sa.Column("current_f", sa.Double(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_weather_snapshots_trading_mode")
        ),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_weather_snapshots_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weather_snapshots")),
        schema="ops",
    )
    op.create_index(
        "ix_weather_snapshots_city_day",
        "weather_snapshots",
        ["city_code", "climate_day", "captured_at"],
        unique=False,
        schema="ops",
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("weather_snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("market_snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("strategy_name", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("p_yes", sa.Double(), nullable=True),
        sa.Column("forecast_sd_f", sa.Double(), nullable=True),
        sa.Column("edge", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("price", sa.Numeric(precision=10, scale=6), nullable=True),
        sa.Column("count", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_signals_trading_mode")),
        sa.ForeignKeyConstraint(
            ["market_snapshot_id"],
            ["ops.market_snapshots.id"],
            name=op.f("fk_signals_market_snapshot_id_market_snapshots"),
        ),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_signals_tick_id_ticks")),
        sa.ForeignKeyConstraint(
            ["weather_snapshot_id"],
            ["ops.weather_snapshots.id"],
            name=op.f("fk_signals_weather_snapshot_id_weather_snapshots"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("tick_id", "ticker", name=op.f("uq_signals_tick_id_ticker")),
        schema="ops",
    )
    op.create_index("ix_signals_mode_created", "signals", ["trading_mode", "created_at"], unique=False, schema="ops")


def downgrade() -> None:
    op.drop_table("signals", schema="ops")
    op.drop_table("weather_snapshots", schema="ops")
    op.drop_table("market_snapshots", schema="ops")
    op.drop_table("ticks", schema="ops")
