"""The ledger: orders, fills, positions, settlements, balances, risk events and the trading state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "component_health",
        sa.Column("component_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("last_ok", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_check", sa.DateTime(timezone=True), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("component_name", name=op.f("pk_component_health")),
        schema="ops",
    )
    op.create_table(
        "live_armings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("armed_by", sa.Text(), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_armings")),
        schema="ops",
    )
    op.create_table(
        "order_states",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_order_states")),
        schema="ops",
    )
    op.create_table(
        "positions",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("signed_count", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("cost", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("fees", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_positions_trading_mode")),
        sa.PrimaryKeyConstraint("trading_mode", "ticker", name=op.f("pk_positions")),
        schema="ops",
    )
    op.create_table(
        "rollup_touched",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.CheckConstraint("bucket IN ('city', 'strategy', 'equity')", name=op.f("ck_rollup_touched_bucket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_touched")),
        schema="ops",
    )
    op.create_table(
        "settlements",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("yes_value", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("signed_count", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("cost", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("revenue", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_settlements_trading_mode")),
        sa.PrimaryKeyConstraint("trading_mode", "ticker", name=op.f("pk_settlements")),
        schema="ops",
    )
    op.create_index(
        "ix_settlements_mode_settled", "settlements", ["trading_mode", "settled_at"], unique=False, schema="ops"
    )
    op.create_table(
        "trading_states",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name=op.f("ck_trading_states_state")),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_trading_states_trading_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading_states")),
        schema="ops",
    )
    op.create_index(
        "ix_trading_states_mode_since", "trading_states", ["trading_mode", "since"], unique=False, schema="ops"
    )
    op.create_table(
        "balance_snapshots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cash", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("portfolio_value", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.CheckConstraint(
            "trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_balance_snapshots_trading_mode")
        ),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_balance_snapshots_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_balance_snapshots")),
        schema="ops",
    )
    op.create_index(
        "ix_balance_snapshots_mode_captured",
        "balance_snapshots",
        ["trading_mode", "captured_at"],
        unique=False,
        schema="ops",
    )
    op.create_table(
        "order_transitions",
        sa.Column("old_state", sa.Text(), nullable=False),
        sa.Column("new_state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["new_state"], ["ops.order_states.state"], name=op.f("fk_order_transitions_new_state_order_states")
        ),
        sa.ForeignKeyConstraint(
            ["old_state"], ["ops.order_states.state"], name=op.f("fk_order_transitions_old_state_order_states")
        ),
        sa.PrimaryKeyConstraint("old_state", "new_state", name=op.f("pk_order_transitions")),
        schema="ops",
    )
    op.create_table(
        "risk_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=True),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_risk_events_trading_mode")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_risk_events_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_events")),
        schema="ops",
    )
    op.create_index(
        "ix_risk_events_mode_time", "risk_events", ["trading_mode", "event_time"], unique=False, schema="ops"
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=True),
        sa.Column("signal_id", sa.BigInteger(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("strategy_name", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("count", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("exchange_index", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side IN ('bid', 'ask')", name=op.f("ck_orders_side")),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_orders_trading_mode")),
        sa.CheckConstraint("count > 0", name=op.f("ck_orders_count")),
        sa.CheckConstraint("price > 0 AND price < 1", name=op.f("ck_orders_price")),
        sa.ForeignKeyConstraint(["signal_id"], ["ops.signals.id"], name=op.f("fk_orders_signal_id_signals")),
        sa.ForeignKeyConstraint(["state"], ["ops.order_states.state"], name=op.f("fk_orders_state_order_states")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("client_order_id", name=op.f("uq_orders_client_order_id")),
        sa.UniqueConstraint("signal_id", name=op.f("uq_orders_signal_id")),
        sa.UniqueConstraint("venue_order_id", name=op.f("uq_orders_venue_order_id")),
        schema="ops",
    )
    op.create_index("ix_orders_event_ticker", "orders", ["event_ticker"], unique=False, schema="ops")
    op.create_index("ix_orders_mode_state", "orders", ["trading_mode", "state"], unique=False, schema="ops")
    op.create_table(
        "fills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("venue_fill_id", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("city_code", sa.Text(), nullable=False),
        sa.Column("climate_day", sa.Date(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("count", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("fee", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("is_taker", sa.Boolean(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_fills_trading_mode")),
        sa.ForeignKeyConstraint(["order_id"], ["ops.orders.id"], name=op.f("fk_fills_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fills")),
        sa.UniqueConstraint("trading_mode", "venue_fill_id", name=op.f("uq_fills_trading_mode_venue_fill_id")),
        schema="ops",
    )
    op.create_index("ix_fills_mode_filled", "fills", ["trading_mode", "filled_at"], unique=False, schema="ops")
    op.create_index(
        "ix_fills_mode_ticker", "fills", ["trading_mode", "ticker", "filled_at"], unique=False, schema="ops"
    )


def downgrade() -> None:
    op.drop_table("fills", schema="ops")
    op.drop_table("orders", schema="ops")
    op.drop_table("risk_events", schema="ops")
    op.drop_table("order_transitions", schema="ops")
    op.drop_table("balance_snapshots", schema="ops")
    op.drop_table("trading_states", schema="ops")
    op.drop_table("settlements", schema="ops")
    op.drop_table("rollup_touched", schema="ops")
    op.drop_table("positions", schema="ops")
    op.drop_table("order_states", schema="ops")
    op.drop_table("live_armings", schema="ops")
    op.drop_table("component_health", schema="ops")
