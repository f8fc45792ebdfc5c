"""Who may do what: the trader in `ops`, the rollups from `ops` into `analytics`, the API in `analytics` alone.

The roles belong to the cluster and are made by the provisioning; a missing one ends the migration with its name.
"""

from __future__ import annotations

from alembic import op

from milkbot.db.revisions import need_roles

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROLES = ("milkbot_trader", "milkbot_rollups", "milkbot_api")
TRADER_UPDATES = ("ticks", "orders", "positions", "component_health")

GRANTS = (
    "USAGE ON SCHEMA ops TO milkbot_trader, milkbot_rollups",
    "SELECT, INSERT ON ALL TABLES IN SCHEMA ops TO milkbot_trader",
    *(f"UPDATE ON ops.{table} TO milkbot_trader" for table in TRADER_UPDATES),
    "UPDATE (realized_pnl) ON ops.fills TO milkbot_trader",
    "SELECT ON ALL TABLES IN SCHEMA ops TO milkbot_rollups",
    "DELETE ON ops.rollup_touched TO milkbot_rollups",
    "USAGE ON SCHEMA analytics TO milkbot_rollups, milkbot_api",
    "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA analytics TO milkbot_rollups",
    "SELECT ON ALL TABLES IN SCHEMA analytics TO milkbot_api",
)
# What only the operator may write: the act that arms live trading, and the rules that the trigger reads.
NOT_THE_TRADERS = ("live_armings", "order_states", "order_transitions", "alembic_version")

DEFAULTS = (
    ("ops", "SELECT, INSERT ON TABLES", "milkbot_trader"),
    ("ops", "SELECT ON TABLES", "milkbot_rollups"),
    ("analytics", "SELECT, INSERT, UPDATE, DELETE ON TABLES", "milkbot_rollups"),
    ("analytics", "SELECT ON TABLES", "milkbot_api"),
)


def upgrade() -> None:
    need_roles(ROLES)
    for grant in GRANTS:
        op.execute(f"GRANT {grant}")
    for table in NOT_THE_TRADERS:
        op.execute(f"REVOKE INSERT ON ops.{table} FROM milkbot_trader")
    for schema, privileges, role in DEFAULTS:
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {privileges} TO {role}")


def downgrade() -> None:
    for schema, privileges, role in DEFAULTS:
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE {privileges} FROM {role}")
    for role in ROLES:
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA ops, analytics FROM {role}")
        op.execute(f"REVOKE ALL ON SCHEMA ops, analytics FROM {role}")
