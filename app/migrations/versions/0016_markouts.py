"""What the market's mid was some minutes after each fill, and which trades were sales.

The public view gets three columns at its end, so the release before reads what it read.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MINUTE = "date_bin('1 minute', filled_at, '2000-01-01 00:00:00+00'::timestamptz)"
MORE_COLUMNS = """,
    COALESCE(placed.reduce_only, false) AS reduces,
    after_5.markout AS markout_5m,
    after_30.markout AS markout_30m"""
MORE_TABLES = """
LEFT JOIN ops.fill_markouts AS after_5 ON after_5.horizon_min = 5 AND after_5.fill_id = fill.id
LEFT JOIN ops.fill_markouts AS after_30 ON after_30.horizon_min = 30 AND after_30.fill_id = fill.id"""
PUBLIC_TRADES = """
CREATE OR REPLACE VIEW analytics.v_public_trades WITH (security_barrier) AS
SELECT
    fill.trading_mode,
    fill.ticker,
    fill.city_code,
    fill.climate_day,
    CASE fill.side WHEN 'bid' THEN 'yes' ELSE 'no' END AS side,
    'buy' AS action,
    fill.count AS quantity,
    CASE fill.side WHEN 'bid' THEN fill.price ELSE 1 - fill.price END AS price,
    fill.fee AS fees,
    fill.count * CASE fill.side WHEN 'bid' THEN fill.price ELSE 1 - fill.price END + fill.fee AS total_cost,
    fill.count * CASE fill.side WHEN 'bid' THEN settlement.yes_value - fill.price
                                ELSE fill.price - settlement.yes_value END - fill.fee AS realized_pnl,
    {minute} AS trade_time,
    COALESCE(placed.strategy_name, 'unknown') AS strategy_name{more_columns}
FROM ops.fills AS fill
LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
LEFT JOIN ops.settlements AS settlement
    ON settlement.trading_mode = fill.trading_mode AND settlement.ticker = fill.ticker{more_tables}
WHERE fill.filled_at <= now() - interval '60 minutes'
ORDER BY {minute} DESC
"""


def upgrade() -> None:
    op.create_table(
        "fill_markouts",
        sa.Column("horizon_min", sa.Integer(), nullable=False),
        sa.Column("fill_id", sa.BigInteger(), nullable=False),
        sa.Column("market_snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("mid", sa.Numeric(10, 6), nullable=True),
        sa.Column("markout", sa.Numeric(10, 6), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(markout IS NULL) = (missing IS NOT NULL)", name=op.f("ck_fill_markouts_known_or_missing")),
        sa.ForeignKeyConstraint(["fill_id"], ["ops.fills.id"], name=op.f("fk_fill_markouts_fill_id_fills")),
        sa.ForeignKeyConstraint(
            ["market_snapshot_id"],
            ["ops.market_snapshots.id"],
            name=op.f("fk_fill_markouts_market_snapshot_id_market_snapshots"),
        ),
        # Its order finds the newest fill of a horizon at once: the rollups go on from there.
        sa.PrimaryKeyConstraint("horizon_min", "fill_id", name=op.f("pk_fill_markouts")),
        schema="ops",
    )
    op.execute("GRANT INSERT ON ops.fill_markouts TO milkbot_rollups")
    op.execute(PUBLIC_TRADES.format(minute=MINUTE, more_columns=MORE_COLUMNS, more_tables=MORE_TABLES))


def downgrade() -> None:
    op.execute("DROP VIEW analytics.v_public_trades")
    op.execute(PUBLIC_TRADES.format(minute=MINUTE, more_columns="", more_tables=""))
    op.drop_table("fill_markouts", schema="ops")
