"""What the operator's page reads, and what its acts write, by grants of their own: no superuser's role, no owner.

The roles belong to the cluster and are made by the provisioning, which also gives `milkbot_control` the rights of the
trader; a missing one ends the migration with its name.
"""

from __future__ import annotations

from alembic import op

from milkbot.db.revisions import need_roles

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

READER = "milkbot_operator"
CONTROL = "milkbot_control"
# What only an operator decides; arming live trading is left to the command line.
DECISIONS = ("hold_acknowledgements", "terms_acceptances")


def upgrade() -> None:
    need_roles((READER, CONTROL))
    op.execute(f"GRANT USAGE ON SCHEMA ops, analytics TO {READER}")
    op.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA ops, analytics TO {READER}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA ops, analytics GRANT SELECT ON TABLES TO {READER}")
    for table in DECISIONS:
        op.execute(f"GRANT INSERT ON ops.{table} TO {CONTROL}")


def downgrade() -> None:
    for table in DECISIONS:
        op.execute(f"REVOKE INSERT ON ops.{table} FROM {CONTROL}")
    # What the page reads is left: on a host that was provisioned since, it has no other right to.
