"""Where a forecast was read, when the newest measurement was made, and how many were left out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("weather_snapshots", sa.Column("cell", sa.Text(), nullable=True), schema="ops")
    op.add_column(
        "weather_snapshots", sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True), schema="ops"
    )
    op.add_column("weather_snapshots", sa.Column("left_out", sa.Integer(), nullable=True), schema="ops")


def downgrade() -> None:
    op.drop_column("weather_snapshots", "left_out", schema="ops")
    op.drop_column("weather_snapshots", "observed_at", schema="ops")
    op.drop_column("weather_snapshots", "cell", schema="ops")
