"""What the risk engine remembers: holds and who acknowledged them, accepted terms, ladders, order groups, corrections.

Every table is new or only grows; the release before reads and writes what it knows as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MODE = "trading_mode IN ('shadow', 'demo', 'live')"
# What only the operator may write: an acknowledgement that a process could make up by itself is none.
NOT_THE_TRADERS = ("hold_acknowledgements", "terms_acceptances")


def upgrade() -> None:
    op.create_table(
        "trading_holds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(MODE, name=op.f("ck_trading_holds_trading_mode")),
        sa.CheckConstraint("effect IN ('half_size', 'reducing', 'halted')", name=op.f("ck_trading_holds_effect")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_trading_holds_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading_holds")),
        schema="ops",
    )
    op.create_index("ix_trading_holds_mode_source", "trading_holds", ["trading_mode", "source"], schema="ops")
    op.create_table(
        "hold_acknowledgements",
        sa.Column("hold_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hold_id"], ["ops.trading_holds.id"], name=op.f("fk_hold_acknowledgements_hold_id_trading_holds")
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold_acknowledgements")),
        schema="ops",
    )
    op.create_table(
        "series_terms",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("series_ticker", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(MODE, name=op.f("ck_series_terms_trading_mode")),
        sa.PrimaryKeyConstraint("trading_mode", "series_ticker", "kind", "fingerprint", name=op.f("pk_series_terms")),
        schema="ops",
    )
    op.create_table(
        "terms_acceptances",
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("series_ticker", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(MODE, name=op.f("ck_terms_acceptances_trading_mode")),
        sa.PrimaryKeyConstraint(
            "trading_mode", "series_ticker", "kind", "fingerprint", name=op.f("pk_terms_acceptances")
        ),
        schema="ops",
    )
    op.create_table(
        "event_ladders",
        sa.Column("event_ticker", sa.Text(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("brackets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_ticker", name=op.f("pk_event_ladders")),
        schema="ops",
    )
    op.create_table(
        "order_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("venue_group_id", sa.Text(), nullable=False),
        sa.Column("contracts_limit", sa.Integer(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(MODE, name=op.f("ck_order_groups_trading_mode")),
        sa.CheckConstraint("act IN ('created', 'triggered', 'reset')", name=op.f("ck_order_groups_act")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_groups")),
        schema="ops",
    )
    op.create_index("ix_order_groups_mode", "order_groups", ["trading_mode", "id"], schema="ops")
    op.create_table(
        "settlement_corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("result_before", sa.Text(), nullable=False),
        sa.Column("yes_value_before", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("settled_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("realized_before", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("yes_value", sa.Numeric(precision=10, scale=6), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("difference", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(MODE, name=op.f("ck_settlement_corrections_trading_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_corrections")),
        schema="ops",
    )
    op.create_index(
        "ix_settlement_corrections_mode_settled", "settlement_corrections", ["trading_mode", "settled_at"], schema="ops"
    )
    # A bot's orders are thousands, not millions: the index is there within a moment.
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX ix_orders_mode_created ON ops.orders (trading_mode, created_at)"
    )
    op.add_column(
        "trading_states",
        sa.Column("from_holds", sa.Boolean(), server_default=sa.false(), nullable=False),
        schema="ops",
    )
    for table in NOT_THE_TRADERS:
        # The table is new: no earlier release writes it.
        op.execute(f"-- squawk-ignore ban-revoke\nREVOKE INSERT ON ops.{table} FROM milkbot_trader")
    op.execute("GRANT UPDATE ON ops.event_ladders TO milkbot_trader")
    op.execute("GRANT UPDATE (result, yes_value, settled_at) ON ops.settlements TO milkbot_trader")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (result, yes_value, settled_at) ON ops.settlements FROM milkbot_trader")
    op.drop_column("trading_states", "from_holds", schema="ops")
    op.drop_index("ix_orders_mode_created", "orders", schema="ops")
    for table in (
        "settlement_corrections",
        "order_groups",
        "event_ladders",
        "terms_acceptances",
        "series_terms",
        "hold_acknowledgements",
        "trading_holds",
    ):
        op.drop_table(table, schema="ops")
