"""What the public may see: trades 60 minutes old and without ids, the platform's status, the latest health."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Once a market is settled each of its fills has a result: what the bought leg paid, less its price and fee.
# Summed over a market this is the exact profit, whatever was closed before.
PUBLIC_TRADES = """
CREATE VIEW analytics.v_public_trades WITH (security_barrier) AS
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
    date_trunc('minute', fill.filled_at) AS trade_time,
    COALESCE(placed.strategy_name, 'unknown') AS strategy_name
FROM ops.fills AS fill
LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
LEFT JOIN ops.settlements AS settlement
    ON settlement.trading_mode = fill.trading_mode AND settlement.ticker = fill.ticker
WHERE fill.filled_at <= now() - interval '60 minutes'
"""

PLATFORM_STATUS = """
CREATE VIEW analytics.v_platform_status WITH (security_barrier) AS
SELECT
    tick.trading_mode,
    tick.started_at AS last_tick_started,
    finished.finished_at AS last_tick_finished,
    finished.outcome AS last_tick_outcome,
    COALESCE(trading.state, 'active') AS trading_state,
    trading.until AS trading_state_until,
    (SELECT count(*) FROM ops.positions AS held
     WHERE held.trading_mode = tick.trading_mode AND NOT held.is_closed) AS open_positions
FROM (SELECT DISTINCT ON (trading_mode) trading_mode, started_at
      FROM ops.ticks ORDER BY trading_mode, started_at DESC) AS tick
LEFT JOIN LATERAL (
    SELECT done.finished_at, done.outcome FROM ops.ticks AS done
    WHERE done.trading_mode = tick.trading_mode AND done.finished_at IS NOT NULL
    ORDER BY done.started_at DESC LIMIT 1) AS finished ON true
LEFT JOIN LATERAL (
    SELECT latest.state, latest.until FROM ops.trading_states AS latest
    WHERE latest.trading_mode = tick.trading_mode
    ORDER BY latest.id DESC LIMIT 1) AS trading ON true
"""

CURRENT_HEALTH = """
CREATE VIEW analytics.v_current_health AS
SELECT DISTINCT ON (component_name) component_name, recorded_at, status, latency_ms, message
FROM analytics.health_metrics
ORDER BY component_name, recorded_at DESC
"""


def upgrade() -> None:
    op.execute(PUBLIC_TRADES)
    op.execute(PLATFORM_STATUS)
    op.execute(CURRENT_HEALTH)


def downgrade() -> None:
    op.execute("DROP VIEW analytics.v_current_health")
    op.execute("DROP VIEW analytics.v_platform_status")
    op.execute("DROP VIEW analytics.v_public_trades")
