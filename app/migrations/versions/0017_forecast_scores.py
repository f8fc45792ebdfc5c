"""How every market came out, what each forecast of it was worth, and what that says of the forecaster."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SCORES = ("brier", "log", "rps", "market_brier", "market_log", "market_rps", "gain", "least", "most")
IDENTITY = ("forecaster", "version", "parameters_hash")


def upgrade() -> None:
    op.create_table(
        "market_results",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("yes_value", sa.Numeric(precision=10, scale=6), nullable=True),
        sa.Column("expiration_value", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_market_results_trading_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_results")),
        sa.Index("ix_market_results_mode_event", "trading_mode", "event_ticker"),
        sa.Index("ix_market_results_mode_id", "trading_mode", "id"),
        sa.Index("ix_market_results_mode_day", "trading_mode", "climate_day"),
        schema="ops",
    )
    op.create_table(
        "forecast_scores",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in IDENTITY),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in SCORES),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "trading_mode", "climate_day", "event_ticker", "lead", *IDENTITY, name=op.f("pk_forecast_scores")
        ),
        sa.Index("ix_forecast_scores_forecaster", "trading_mode", *IDENTITY, "lead", "climate_day"),
        schema="analytics",
    )
    op.create_table(
        "forecast_evidence",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in IDENTITY),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("mean_gain", "wealth_for", "wealth_against")),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", *IDENTITY, name=op.f("pk_forecast_evidence")),
        schema="analytics",
    )
    op.create_table(
        "score_marks",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("result_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trading_mode", name=op.f("pk_score_marks")),
        schema="analytics",
    )
    # The size of an order depends on it.
    op.execute("GRANT SELECT ON analytics.forecast_evidence TO milkbot_trader")


def downgrade() -> None:
    op.drop_table("score_marks", schema="analytics")
    op.drop_table("forecast_evidence", schema="analytics")
    op.drop_table("forecast_scores", schema="analytics")
    op.drop_table("market_results", schema="ops")
