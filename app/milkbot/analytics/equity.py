"""The equity curve: daily results, chained into running values. A changed day moves the days after it, and no other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF

# Days that are computed come from the facts, the others after the first of them from their rows. Rows that remain as
# they are are not written again.
_COMPUTE = text(
    f"""
WITH fresh AS MATERIALIZED (
    SELECT wanted.day, COALESCE(fills.pnl, 0) + COALESCE(settlements.pnl, 0) AS pnl
    FROM unnest(CAST(:days AS date[])) AS wanted (day)
    CROSS JOIN LATERAL (
        SELECT sum(realized_pnl - fee) AS pnl, count(*) AS facts FROM ops.fills
        WHERE trading_mode = :mode AND filled_at <= {PUBLIC_CUTOFF}
          AND filled_at >= CAST(wanted.day AS timestamp) AT TIME ZONE 'UTC'
          AND filled_at < CAST(wanted.day + 1 AS timestamp) AT TIME ZONE 'UTC') AS fills
    CROSS JOIN LATERAL (
        SELECT sum(realized_pnl) AS pnl, count(*) AS facts FROM ops.settlements
        WHERE trading_mode = :mode AND settled_at <= {PUBLIC_CUTOFF}
          AND settled_at >= CAST(wanted.day AS timestamp) AT TIME ZONE 'UTC'
          AND settled_at < CAST(wanted.day + 1 AS timestamp) AT TIME ZONE 'UTC') AS settlements
    WHERE fills.facts + settlements.facts > 0
), gone AS (
    DELETE FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date = ANY(:days) AND date NOT IN (SELECT day FROM fresh)
), daily AS (
    SELECT day, pnl FROM fresh
    UNION ALL SELECT date, daily_pnl FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date >= :first AND NOT date = ANY(:days)
), before AS (
    SELECT ending_equity, cumulative_pnl, high_water_mark FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date < :first ORDER BY date DESC LIMIT 1
), start AS (
    SELECT ending_equity, cumulative_pnl, high_water_mark FROM before
    UNION ALL SELECT cash, 0, cash FROM (SELECT COALESCE(
        (SELECT cash FROM ops.balance_snapshots WHERE trading_mode = :mode ORDER BY captured_at LIMIT 1), :bankroll
    ) AS cash) AS opening WHERE NOT EXISTS (SELECT FROM before)
), summed AS (
    SELECT day, pnl, start.*, sum(pnl) OVER (ORDER BY day) AS won FROM daily CROSS JOIN start
), chained AS (
    SELECT day, pnl, ending_equity + won - pnl AS starting, ending_equity + won AS ending, cumulative_pnl + won AS won,
        GREATEST(high_water_mark, ending_equity + max(won) OVER (ORDER BY day)) AS high
    FROM summed
)
INSERT INTO analytics.equity_curve_daily AS old (
    trading_mode, date, starting_equity, ending_equity, daily_pnl, cumulative_pnl, drawdown, drawdown_pct,
    high_water_mark, computed_at)
SELECT :mode, day, starting, ending, pnl, won, high - ending,
    CASE WHEN high > 0 THEN round(100 * (high - ending) / high, 6) ELSE 0 END, high, now()
FROM chained
ON CONFLICT (trading_mode, date) DO UPDATE SET
    starting_equity = excluded.starting_equity, ending_equity = excluded.ending_equity, daily_pnl = excluded.daily_pnl,
    cumulative_pnl = excluded.cumulative_pnl, drawdown = excluded.drawdown, drawdown_pct = excluded.drawdown_pct,
    high_water_mark = excluded.high_water_mark, computed_at = excluded.computed_at
WHERE (old.starting_equity, old.ending_equity, old.daily_pnl, old.cumulative_pnl, old.drawdown, old.drawdown_pct,
    old.high_water_mark) IS DISTINCT FROM (excluded.starting_equity, excluded.ending_equity, excluded.daily_pnl,
    excluded.cumulative_pnl, excluded.drawdown, excluded.drawdown_pct, excluded.high_water_mark)
"""  # noqa: S608 - the only thing put in is a constant of ours
)

# A trigger keeps the runs; a rebuild makes them anew.
_FORGET_RUNS = text("DELETE FROM analytics.equity_runs WHERE trading_mode = :mode")
_FILL_RUNS = text(
    "SELECT analytics.fill_equity_runs(:mode, array_agg(date)) FROM analytics.equity_curve_daily "
    "WHERE trading_mode = :mode"
)


def compute_equity(session: Session, mode: str, days: Iterable[date], bankroll: Decimal) -> None:
    """Compute those UTC days from the facts, and the running values of all days after the first of them.

    The curve begins at the first cash that the exchange reported in that mode, at `bankroll` if there was none.
    Drawdowns are in dollars and in percent of the high water mark.
    """
    wanted = sorted(set(days))
    session.execute(_COMPUTE, {"mode": mode, "days": wanted, "first": wanted[0], "bankroll": bankroll})


def fill_runs(session: Session, mode: str) -> None:
    """Find the extremes and results of all runs of a mode's days anew: for a rebuild, not for the timer."""
    session.execute(_FORGET_RUNS, {"mode": mode})
    session.execute(_FILL_RUNS, {"mode": mode})
