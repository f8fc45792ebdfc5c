"""Daily figures of a city and of a strategy, computed anew from the facts of their buckets.

Gross is realized profit without fees, net is gross less fees. A settled market whose result net of fees is above zero
is won, below zero lost. A position's size is what was bought and sold in its market, in contracts.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF, Bucket

_KEYS = """
wanted AS (
    SELECT * FROM unnest(CAST(:modes AS text[]), CAST(:names AS text[]), CAST(:days AS date[]))
        AS bucket (trading_mode, name, day)
)
"""

_CITY = f"""
WITH {_KEYS}, traded AS (
    SELECT wanted.*, fill.ticker, count(*) AS trades, sum(fill.count) AS volume, sum(fill.fee) AS fees,
        sum(fill.realized_pnl) AS closed
    FROM wanted JOIN ops.fills AS fill
        ON fill.trading_mode = wanted.trading_mode AND fill.climate_day = wanted.day AND fill.city_code = wanted.name
    WHERE fill.filled_at <= {PUBLIC_CUTOFF}
    GROUP BY wanted.trading_mode, wanted.name, wanted.day, fill.ticker
), settled AS (
    SELECT wanted.*, settlement.ticker, settlement.realized_pnl
    FROM wanted JOIN ops.settlements AS settlement
        ON settlement.trading_mode = wanted.trading_mode AND settlement.climate_day = wanted.day
        AND settlement.city_code = wanted.name
    WHERE settlement.settled_at <= {PUBLIC_CUTOFF}
), market AS (
    SELECT trading_mode, name, day, COALESCE(trades, 0) AS trades, volume, COALESCE(fees, 0) AS fees,
        COALESCE(closed, 0) + COALESCE(realized_pnl, 0) AS gross, realized_pnl IS NOT NULL AS is_settled
    FROM traded FULL JOIN settled USING (trading_mode, name, day, ticker)
)
INSERT INTO analytics.city_metrics_daily (
    trading_mode, city_code, date, trade_count, volume, gross_pnl, net_pnl, fees, win_count, loss_count,
    avg_position_size, max_position_size, computed_at)
SELECT trading_mode, name, day, sum(trades), COALESCE(sum(volume), 0), sum(gross), sum(gross - fees), sum(fees),
    count(*) FILTER (WHERE is_settled AND gross > fees), count(*) FILTER (WHERE is_settled AND gross < fees),
    COALESCE(avg(volume), 0), COALESCE(max(volume), 0), now()
FROM market GROUP BY trading_mode, name, day
"""  # noqa: S608 - the only things put in are constants of ours

# A settlement belongs to a market, not to a strategy; so each fill is given its own result: what the bought leg paid.
# Over a market these add up to the settlement's result and that of the closing fills.
_STRATEGY = f"""
WITH {_KEYS}, market AS (
    SELECT wanted.*, fill.ticker, count(*) AS trades, sum(fill.fee) AS fees,
        bool_or(settlement.ticker IS NOT NULL) AS is_settled,
        sum(CASE
            WHEN settlement.ticker IS NULL THEN fill.realized_pnl
            WHEN fill.side = 'bid' THEN fill.count * (settlement.yes_value - fill.price)
            ELSE fill.count * (fill.price - settlement.yes_value) END) AS gross
    FROM wanted
    JOIN ops.fills AS fill ON fill.trading_mode = wanted.trading_mode AND fill.climate_day = wanted.day
    LEFT JOIN ops.orders AS placed ON placed.id = fill.order_id
    LEFT JOIN ops.settlements AS settlement
        ON settlement.trading_mode = fill.trading_mode AND settlement.ticker = fill.ticker
        AND settlement.settled_at <= {PUBLIC_CUTOFF}
    WHERE COALESCE(placed.strategy_name, 'unknown') = wanted.name AND fill.filled_at <= {PUBLIC_CUTOFF}
    GROUP BY wanted.trading_mode, wanted.name, wanted.day, fill.ticker
), traded AS (
    SELECT trading_mode, name, day, sum(trades) AS trades, sum(gross) AS gross, sum(fees) AS fees,
        count(*) FILTER (WHERE is_settled AND gross > fees) AS wins,
        count(*) FILTER (WHERE is_settled AND gross < fees) AS losses
    FROM market GROUP BY trading_mode, name, day
), decided AS (
    SELECT wanted.*, count(*) AS signals, avg(signal.edge) FILTER (WHERE signal.count > 0) AS edge
    FROM wanted JOIN ops.signals AS signal
        ON signal.trading_mode = wanted.trading_mode AND signal.climate_day = wanted.day
        AND signal.strategy_name = wanted.name
    WHERE signal.created_at <= {PUBLIC_CUTOFF}
    GROUP BY wanted.trading_mode, wanted.name, wanted.day
)
INSERT INTO analytics.strategy_metrics_daily (
    trading_mode, strategy_name, date, signal_count, trade_count, gross_pnl, net_pnl, fees, win_count, loss_count,
    avg_edge, computed_at)
SELECT trading_mode, name, day, COALESCE(signals, 0), COALESCE(trades, 0), COALESCE(gross, 0),
    COALESCE(gross - fees, 0), COALESCE(fees, 0), COALESCE(wins, 0), COALESCE(losses, 0), edge, now()
FROM traded FULL JOIN decided USING (trading_mode, name, day)
"""  # noqa: S608 - the only things put in are constants of ours


def compute_cities(session: Session, buckets: Sequence[Bucket]) -> None:
    """Replace those city rows; a bucket without facts leaves none."""
    _replace(session, "city_metrics_daily", "city_code", _CITY, buckets)


def compute_strategies(session: Session, buckets: Sequence[Bucket]) -> None:
    """Replace those strategy rows; a bucket without facts leaves none."""
    _replace(session, "strategy_metrics_daily", "strategy_name", _STRATEGY, buckets)


def _replace(session: Session, table: str, name: str, insert: str, buckets: Sequence[Bucket]) -> None:
    if not buckets:
        return
    keys = {
        "modes": [bucket.mode for bucket in buckets],
        "names": [bucket.key for bucket in buckets],
        "days": [bucket.day for bucket in buckets],
    }
    old = f"""
        WITH {_KEYS} DELETE FROM analytics.{table} AS old USING wanted
        WHERE old.trading_mode = wanted.trading_mode AND old.{name} = wanted.name AND old.date = wanted.day
    """  # noqa: S608 - table and column are constants of ours
    session.execute(text(old), keys)
    session.execute(text(insert), keys)
