"""What the ledger and the exchange do not agree on, where the cash went, and how far the order events are verified.

Cash is counted by triggers, so that no writer can forget it, an earlier release among them, and no reader has to add up
the past. The indexes come first, on their own: they are made without blocking, and again where this ended half-way.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from milkbot.db.revisions import build_indexes

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_fills_order_id": "fills (order_id)",
    "ix_fills_mode_venue_order": "fills (trading_mode, venue_order_id)",
}
# A position's cash is what it realized, less its fees and what its open part cost; a settlement's is what it paid.
COUNT_CASH = """
CREATE FUNCTION ops.count_cash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'positions' THEN
        UPDATE ops.cash_books SET traded = traded + (NEW.realized_pnl - NEW.fees - NEW.cost)
            - CASE TG_OP WHEN 'UPDATE' THEN OLD.realized_pnl - OLD.fees - OLD.cost ELSE 0 END
        WHERE trading_mode = NEW.trading_mode;
    ELSE
        UPDATE ops.cash_books SET settled = settled + NEW.revenue - CASE TG_OP WHEN 'UPDATE' THEN OLD.revenue ELSE 0 END
        WHERE trading_mode = NEW.trading_mode;
    END IF;
    RETURN NULL;
END
$$
"""
CASH_SO_FAR = """
INSERT INTO ops.cash_books (trading_mode, traded, settled)
SELECT mode,
    COALESCE((SELECT sum(realized_pnl - fees - cost) FROM ops.positions WHERE trading_mode = mode), 0),
    COALESCE((SELECT sum(revenue) FROM ops.settlements WHERE trading_mode = mode), 0)
FROM unnest(ARRAY['shadow', 'demo', 'live']) AS mode
"""
# What our ledger said at the moment of the snapshot.
BALANCE_COLUMNS = ("moved", "held_back")
GRANTS = {
    "ops.findings": "UPDATE (seen_at, message, ours, theirs, closed_at, closed_by, note)",
    "ops.cash_books": "UPDATE",
    "ops.chain_marks": "UPDATE",
    "analytics.equity_curve_daily": "SELECT",
}


def upgrade() -> None:
    build_indexes(INDEXES)
    for name in BALANCE_COLUMNS:
        op.add_column("balance_snapshots", sa.Column(name, sa.Numeric(18, 6)), schema="ops")
    _create_tables()
    op.execute(COUNT_CASH)
    for table in ("positions", "settlements"):
        op.execute(
            f"CREATE TRIGGER count_cash_of_{table} AFTER INSERT OR UPDATE ON ops.{table} "
            "FOR EACH ROW EXECUTE FUNCTION ops.count_cash()"
        )
    op.execute(CASH_SO_FAR)
    for table, privilege in GRANTS.items():
        op.execute(f"GRANT {privilege} ON {table} TO milkbot_trader")
    op.execute("GRANT USAGE ON SCHEMA analytics TO milkbot_trader")


def _create_tables() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _text("trading_mode"),
        _text("kind"),
        _text("subject"),
        _text("effect"),
        _text("event_ticker", nullable=True),
        _text("message"),
        sa.Column("ours", postgresql.JSONB(), nullable=False),
        sa.Column("theirs", postgresql.JSONB(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=True),
        _moment("opened_at"),
        _moment("seen_at"),
        _moment("closed_at", nullable=True),
        _text("closed_by", nullable=True),
        _text("note", nullable=True),
        sa.CheckConstraint("trading_mode IN ('shadow', 'demo', 'live')", name=op.f("ck_findings_trading_mode")),
        sa.CheckConstraint("effect IN ('active', 'reducing', 'halted')", name=op.f("ck_findings_effect")),
        sa.ForeignKeyConstraint(["tick_id"], ["ops.ticks.id"], name=op.f("fk_findings_tick_id_ticks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.Index(
            "uq_findings_open",
            "trading_mode",
            "kind",
            "subject",
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        schema="ops",
    )
    op.create_table(
        "cash_books",
        _text("trading_mode"),
        sa.Column("traded", sa.Numeric(18, 6), nullable=False),
        sa.Column("settled", sa.Numeric(18, 6), nullable=False),
        sa.Column("capital", sa.Numeric(18, 6), nullable=True),
        sa.PrimaryKeyConstraint("trading_mode", name=op.f("pk_cash_books")),
        schema="ops",
    )
    op.create_table(
        "chain_marks",
        _text("trading_mode"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _moment("checked_at"),
        sa.PrimaryKeyConstraint("trading_mode", name=op.f("pk_chain_marks")),
        schema="ops",
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def downgrade() -> None:
    op.execute("REVOKE USAGE ON SCHEMA analytics FROM milkbot_trader")
    op.execute("REVOKE SELECT ON analytics.equity_curve_daily FROM milkbot_trader")
    for table in ("settlements", "positions"):
        op.execute(f"DROP TRIGGER count_cash_of_{table} ON ops.{table}")
    op.execute("DROP FUNCTION ops.count_cash()")
    for table in ("chain_marks", "cash_books", "findings"):
        op.drop_table(table, schema="ops")
    for name in BALANCE_COLUMNS:
        op.drop_column("balance_snapshots", name, schema="ops")
    for name in INDEXES:
        op.drop_index(name, "fills", schema="ops")
