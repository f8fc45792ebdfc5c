"""Markouts: where the market's mid was some minutes after a fill, against the fill's price.

Positive is good for us: the mid rose after YES was bought, or fell after NO was (a sale of one leg buys the other). It
tells within the hour whether a fill was on the wrong side of what came, where the result of one bet is mostly chance.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

HORIZONS: Final = (5, 30)
"""Minutes after the fill."""
NEAR: Final = timedelta(seconds=150)
"""How far from that moment a snapshot may be: half of the usual time between two ticks."""
AT_ONCE: Final = 1000
"""Fills of each horizon that one statement takes."""

# Fills are taken in the order of their ids, up to the first one that must wait: so the newest row of a horizon says
# where to go on, and nothing is looked for in the past. One must wait until a tick of its mode began after everything
# that could be near its moment, and after the fill itself was recorded: no such snapshot can come any more then.
_RECORD = text(
    """
WITH begun AS (
    SELECT horizon,
        COALESCE((SELECT max(fill_id) FROM ops.fill_markouts WHERE horizon_min = horizon), 0) AS fill_id
    FROM unnest(CAST(:horizons AS integer[])) AS horizon
), newest AS (
    SELECT mode, (SELECT max(started_at) FROM ops.ticks WHERE trading_mode = mode) AS tick
    FROM unnest(ARRAY['shadow', 'demo', 'live']) AS mode
), taken AS (
    SELECT begun.horizon, fill.*, fill.filled_at + make_interval(mins => begun.horizon) AS moment
    FROM begun CROSS JOIN LATERAL (
        SELECT id, trading_mode, ticker, side, price, filled_at, recorded_at FROM ops.fills
        WHERE id > begun.fill_id ORDER BY id LIMIT :at_once) AS fill
), due AS (
    SELECT taken.*, bool_and(newest.tick > taken.moment + :near AND newest.tick > taken.recorded_at)
        OVER (PARTITION BY taken.horizon ORDER BY taken.id) AS is_due
    FROM taken JOIN newest ON newest.mode = taken.trading_mode
)
INSERT INTO ops.fill_markouts (horizon_min, fill_id, market_snapshot_id, mid, markout, missing, recorded_at)
SELECT due.horizon, due.id, seen.id, seen.mid,
    CASE due.side WHEN 'bid' THEN seen.mid - due.price ELSE due.price - seen.mid END,
    CASE WHEN seen.id IS NULL THEN 'no snapshot near' WHEN seen.mid IS NULL THEN 'a side of the book was empty' END,
    now()
FROM due LEFT JOIN LATERAL (
    SELECT snapshot.id, (snapshot.yes_bid + snapshot.yes_ask) / 2 AS mid FROM ops.market_snapshots AS snapshot
    WHERE snapshot.ticker = due.ticker AND snapshot.trading_mode = due.trading_mode
      AND snapshot.captured_at BETWEEN due.moment - :near AND due.moment + :near
    ORDER BY abs(EXTRACT(epoch FROM snapshot.captured_at - due.moment)), snapshot.id LIMIT 1) AS seen ON true
WHERE due.is_due
"""
)


def record_markouts(session: Session) -> int:
    """Store each markout that is due, once, or why there is none; returns how many.

    Two runs at once would store one twice, and the second fails: the rollups' lock keeps them apart.
    """
    recorded = 0
    while True:
        done = session.execute(_RECORD, {"horizons": list(HORIZONS), "near": NEAR, "at_once": AT_ONCE})
        new = done.rowcount if isinstance(done, CursorResult) else 0
        recorded += new
        if new < AT_ONCE:
            return recorded
