"""The figures at the top of the page, kept as of an hour ago: a reader gets one row.

Won and lost markets are counted by a trigger whenever a row of a city's day changes (`analytics.result_totals`), so
that nothing is added up again.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF

# What was held an hour ago is among what is held now and what was traded or settled since. It is worth what the newest
# order book of then pays for it: YES the bid, NO 1 less the ask. What it cost, less what was realized by closing parts
# of it, comes out of its fills. Its settlement is looked up market by market: NOT EXISTS reads all there are.
_STORE = text(
    f"""
INSERT INTO analytics.hero_figures AS old (
    trading_mode, as_of, total_pnl, unrealized_pnl, unpriced_positions, win_count, loss_count, trades_today,
    active_positions, computed_at)
SELECT mode.trading_mode, date_trunc('minute', {PUBLIC_CUTOFF}), COALESCE(curve.cumulative_pnl, 0),
    COALESCE(held.unrealized, 0), held.unpriced, COALESCE(totals.win_count, 0), COALESCE(totals.loss_count, 0),
    today.trades, held.markets, now()
FROM (VALUES ('shadow'), ('demo'), ('live')) AS mode (trading_mode)
LEFT JOIN analytics.result_totals AS totals ON totals.trading_mode = mode.trading_mode
LEFT JOIN LATERAL (
    SELECT cumulative_pnl FROM analytics.equity_curve_daily
    WHERE trading_mode = mode.trading_mode ORDER BY date DESC LIMIT 1) AS curve ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS trades FROM ops.fills
    WHERE trading_mode = mode.trading_mode AND filled_at <= {PUBLIC_CUTOFF}
      AND filled_at >= date_trunc('day', {PUBLIC_CUTOFF}, 'UTC')) AS today
CROSS JOIN LATERAL (
    SELECT count(*) AS markets, count(*) FILTER (WHERE mark IS NULL) AS unpriced,
        sum(signed_count * mark - paid - realized) AS unrealized
    FROM (
        SELECT fill.ticker, sum(CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END) AS signed_count,
            sum(CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END * fill.price) AS paid,
            sum(fill.realized_pnl) AS realized
        FROM (
            SELECT ticker FROM ops.positions WHERE trading_mode = mode.trading_mode AND NOT is_closed
            UNION SELECT ticker FROM ops.fills
            WHERE trading_mode = mode.trading_mode AND filled_at > {PUBLIC_CUTOFF}
            UNION SELECT ticker FROM ops.settlements
            WHERE trading_mode = mode.trading_mode AND settled_at > {PUBLIC_CUTOFF}
        ) AS maybe
        JOIN ops.fills AS fill ON fill.trading_mode = mode.trading_mode AND fill.ticker = maybe.ticker
            AND fill.filled_at <= {PUBLIC_CUTOFF}
        WHERE COALESCE((
            SELECT settled_at FROM ops.settlements
            WHERE trading_mode = mode.trading_mode AND ticker = maybe.ticker) > {PUBLIC_CUTOFF}, true)
        GROUP BY fill.ticker
        HAVING sum(CASE fill.side WHEN 'bid' THEN fill.count ELSE -fill.count END) <> 0
    ) AS market
    LEFT JOIN LATERAL (
        SELECT CASE WHEN market.signed_count > 0 THEN yes_bid ELSE yes_ask END AS mark FROM ops.market_snapshots
        WHERE ticker = market.ticker AND trading_mode = mode.trading_mode AND captured_at <= {PUBLIC_CUTOFF}
        ORDER BY captured_at DESC LIMIT 1) AS book ON true
) AS held
ON CONFLICT (trading_mode) DO UPDATE SET
    as_of = excluded.as_of, total_pnl = excluded.total_pnl, unrealized_pnl = excluded.unrealized_pnl,
    unpriced_positions = excluded.unpriced_positions, win_count = excluded.win_count, loss_count = excluded.loss_count,
    trades_today = excluded.trades_today, active_positions = excluded.active_positions,
    computed_at = excluded.computed_at
"""  # noqa: S608 - the only thing put in is a constant of ours
)
_COUNT_AGAIN = text(
    """
INSERT INTO analytics.result_totals AS old (trading_mode, win_count, loss_count)
SELECT mode, COALESCE(sum(win_count), 0), COALESCE(sum(loss_count), 0)
FROM (VALUES (:mode)) AS one (mode) LEFT JOIN analytics.city_metrics_daily ON trading_mode = mode
GROUP BY mode
HAVING count(city_code) > 0 OR EXISTS (SELECT FROM analytics.result_totals WHERE trading_mode = mode)
ON CONFLICT (trading_mode) DO UPDATE SET win_count = excluded.win_count, loss_count = excluded.loss_count
"""
)


def store_figures(session: Session) -> None:
    """Store the figures of every mode."""
    session.execute(_STORE)


def count_again(session: Session, mode: str) -> None:
    """Add up what the trigger counted. Reads a row for each city and day: for a rebuild, not for the timer."""
    session.execute(_COUNT_AGAIN, {"mode": mode})
