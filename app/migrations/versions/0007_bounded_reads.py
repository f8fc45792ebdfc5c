"""Keep the public's and the rollups' reads as cheap with ten million fills as with ten.

The public view sorts by an indexed expression itself: a view with a security barrier is planned on its own, so an order
asked for outside of it would sort every trade. `date_bin` is the form of rounding that an index may hold.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MINUTE = "date_bin('1 minute', filled_at, '2000-01-01 00:00:00+00'::timestamptz)"

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
    COALESCE(placed.strategy_name, 'unknown') AS strategy_name
FROM ops.fills AS fill
LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
LEFT JOIN ops.settlements AS settlement
    ON settlement.trading_mode = fill.trading_mode AND settlement.ticker = fill.ticker
WHERE fill.filled_at <= now() - interval '60 minutes'
{order}
"""

PLATFORM_STATUS = """
CREATE OR REPLACE VIEW analytics.v_platform_status WITH (security_barrier) AS
SELECT
    tick.trading_mode,
    tick.started_at AS last_tick_started,
    finished.finished_at AS last_tick_finished,
    finished.outcome AS last_tick_outcome,
    COALESCE(trading.state, 'active') AS trading_state,
    trading.until AS trading_state_until,
    (SELECT count(*) FROM ops.positions AS held
     WHERE held.trading_mode = tick.trading_mode AND NOT held.is_closed) AS open_positions
FROM {latest_ticks} AS tick
LEFT JOIN LATERAL (
    SELECT done.finished_at, done.outcome FROM ops.ticks AS done
    WHERE done.trading_mode = tick.trading_mode AND done.finished_at IS NOT NULL
    ORDER BY done.started_at DESC LIMIT 1) AS finished ON true
LEFT JOIN LATERAL (
    SELECT latest.state, latest.until FROM ops.trading_states AS latest
    WHERE latest.trading_mode = tick.trading_mode
    ORDER BY latest.id DESC LIMIT 1) AS trading ON true
"""
EVERY_TICK_READ = """(SELECT DISTINCT ON (trading_mode) trading_mode, started_at
      FROM ops.ticks ORDER BY trading_mode, started_at DESC)"""
ONE_TICK_A_MODE_READ = """(SELECT mode.trading_mode, newest.started_at
      FROM (VALUES ('shadow'), ('demo'), ('live')) AS mode (trading_mode)
      CROSS JOIN LATERAL (
          SELECT started_at FROM ops.ticks
          WHERE ticks.trading_mode = mode.trading_mode ORDER BY started_at DESC LIMIT 1) AS newest)"""


def upgrade() -> None:
    op.create_index("ix_fills_mode_minute", "fills", ["trading_mode", sa.text(MINUTE)], schema="ops")
    for table in ("fills", "signals", "settlements"):
        op.create_index(f"ix_{table}_mode_day", table, ["trading_mode", "climate_day"], schema="ops")
    op.create_index(
        "ix_positions_open", "positions", ["trading_mode"], schema="ops", postgresql_where=sa.text("NOT is_closed")
    )
    op.execute(PUBLIC_TRADES.format(minute=f"{MINUTE}", order=f"ORDER BY {MINUTE} DESC"))
    op.execute(PLATFORM_STATUS.format(latest_ticks=ONE_TICK_A_MODE_READ))


def downgrade() -> None:
    op.execute(PLATFORM_STATUS.format(latest_ticks=EVERY_TICK_READ))
    op.execute(PUBLIC_TRADES.format(minute="date_trunc('minute', fill.filled_at)", order=""))
    op.drop_index("ix_positions_open", "positions", schema="ops")
    for table in ("settlements", "signals", "fills"):
        op.drop_index(f"ix_{table}_mode_day", table, schema="ops")
    op.drop_index("ix_fills_mode_minute", "fills", schema="ops")
