"""The forecast low of a climate day, and its minimum so far. The release before leaves them out: they are null."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = ("forecast_low_f", "observed_min_f")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("weather_snapshots", sa.Column(name, sa.Double(), nullable=True), schema="ops")


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("weather_snapshots", name, schema="ops")
