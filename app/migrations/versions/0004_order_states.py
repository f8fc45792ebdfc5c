"""The order's states and the changes that may happen, enforced by a trigger.

The values are written out: a migration must mean the same for ever, also when the domain's table grows in a later one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TERMINAL = ("filled", "canceled", "rejected")
NEXT = {
    "pending": ("resting", "partially_filled", "filled", "canceled", "rejected", "unknown"),
    "unknown": ("resting", "partially_filled", "filled", "canceled", "rejected"),
    "resting": ("partially_filled", "filled", "canceled"),
    "partially_filled": ("filled", "canceled"),
}


def upgrade() -> None:
    op.bulk_insert(
        sa.table("order_states", sa.column("state", sa.Text()), sa.column("terminal", sa.Boolean()), schema="ops"),
        [{"state": state, "terminal": state in TERMINAL} for state in (*NEXT, *TERMINAL)],
    )
    op.bulk_insert(
        sa.table(
            "order_transitions", sa.column("old_state", sa.Text()), sa.column("new_state", sa.Text()), schema="ops"
        ),
        [{"old_state": old, "new_state": new} for old, news in NEXT.items() for new in news],
    )
    op.execute(
        """
        CREATE FUNCTION ops.check_order_state() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                IF NEW.state <> 'pending' THEN
                    RAISE EXCEPTION 'an order begins as pending, not as %', NEW.state USING ERRCODE = 'check_violation';
                END IF;
            ELSIF NEW.state <> OLD.state AND NOT EXISTS (
                SELECT FROM ops.order_transitions WHERE old_state = OLD.state AND new_state = NEW.state
            ) THEN
                RAISE EXCEPTION 'order % is % and cannot become %', OLD.client_order_id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER check_order_state BEFORE INSERT OR UPDATE OF state ON ops.orders "
        "FOR EACH ROW EXECUTE FUNCTION ops.check_order_state()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER check_order_state ON ops.orders")
    op.execute("DROP FUNCTION ops.check_order_state()")
    op.execute("DELETE FROM ops.order_transitions")
    op.execute("DELETE FROM ops.order_states")
