"""Let the trader correct what evidence that came late changes: whose a fill is, and what a settlement paid."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = {"fills": "order_id", "settlements": "signed_count, cost, revenue, realized_pnl"}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        op.execute(f"GRANT UPDATE ({columns}) ON ops.{table} TO milkbot_trader")


def downgrade() -> None:
    for table, columns in COLUMNS.items():
        op.execute(f"REVOKE UPDATE ({columns}) ON ops.{table} FROM milkbot_trader")
