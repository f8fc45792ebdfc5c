"""What the live forecaster and its challengers answered, by which inputs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("forecaster", sa.Text(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("parameters_hash", sa.Text(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lead_s", sa.Integer(), nullable=False),
        sa.Column("probabilities", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("elapsed_ms", sa.Double(), nullable=False),
        sa.Column("weather_snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("market_snapshot_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_forecasts_trading_mode")),
        sa.CheckConstraint("(probabilities IS NULL) = (reason IS NOT NULL)", name=op.f("ck_forecasts_reason")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_forecasts_tick_id_ticks")),
        sa.ForeignKeyConstraint(
            ["weather_snapshot_id"],
            ["ops.weather_snapshots.id"],
            name=op.f("fk_forecasts_weather_snapshot_id_weather_snapshots"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint(
            "tick_id", "event_ticker", "forecaster", name=op.f("uq_forecasts_tick_id_event_ticker_forecaster")
        ),
        sa.Index("ix_forecasts_mode_day", "trading_mode", "climate_day", "as_of"),
        sa.Index("ix_forecasts_challengers", "trading_mode", "as_of", postgresql_where=sa.text("NOT is_live")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("forecasts", schema="ops")
