"""Objects of the exchange that could not be read, kept for whoever finds out why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CHANGES = "series, ticker, reason, body, times, tick_id, seen_at"


def upgrade() -> None:
    op.create_table(
        "unread_objects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("trading_mode", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("ticker", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_unread_objects_trading_mode")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_unread_objects_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unread_objects")),
        sa.Index("uq_unread_objects_subject", "trading_mode", "kind", "subject", unique=True),
        sa.Index("ix_unread_objects_mode_first_seen", "trading_mode", "first_seen_at"),
        schema="ops",
    )
    op.execute(f"GRANT UPDATE ({CHANGES}) ON ops.unread_objects TO milkbot_trader")


def downgrade() -> None:
    op.drop_table("unread_objects", schema="ops")
