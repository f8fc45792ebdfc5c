"""Which buckets to compute: those whose facts changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

# Facts younger than this are not public yet, so no rollup may show them either.
PUBLIC_CUTOFF = "now() - interval '60 minutes'"


class Kind(StrEnum):
    """What a bucket sums up."""

    CITY = "city"
    STRATEGY = "strategy"
    EQUITY = "equity"


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """One row of a rollup. `day` is a climate day, for equity the UTC day of the realized result."""

    mode: str
    kind: Kind
    key: str
    day: date


# A key whose bucket holds a fact that is not public yet remains for a later run; of equal keys the newest is enough.
# One statement, so one snapshot: a key is gone only if each fact that touched it was seen.
_TAKE = f"""
WITH young AS (
    SELECT trading_mode, 'climate' AS calendar, climate_day AS day FROM ops.fills
    WHERE trading_mode IN ('shadow', 'demo', 'live') AND filled_at > {PUBLIC_CUTOFF}
    UNION SELECT trading_mode, 'climate', climate_day FROM ops.settlements
    WHERE trading_mode IN ('shadow', 'demo', 'live') AND settled_at > {PUBLIC_CUTOFF}
    UNION SELECT trading_mode, 'climate', climate_day FROM ops.signals
    WHERE trading_mode IN ('shadow', 'demo', 'live') AND created_at > {PUBLIC_CUTOFF}
    UNION SELECT trading_mode, 'utc', CAST(filled_at AT TIME ZONE 'UTC' AS date) FROM ops.fills
    WHERE trading_mode IN ('shadow', 'demo', 'live') AND filled_at > {PUBLIC_CUTOFF}
    UNION SELECT trading_mode, 'utc', CAST(settled_at AT TIME ZONE 'UTC' AS date) FROM ops.settlements
    WHERE trading_mode IN ('shadow', 'demo', 'live') AND settled_at > {PUBLIC_CUTOFF}
), touched AS (
    SELECT id, trading_mode, bucket, key, day,
        id < max(id) OVER (PARTITION BY trading_mode, bucket, key, day) AS repeated,
        EXISTS (
            SELECT FROM young
            WHERE young.trading_mode = rollup_touched.trading_mode AND young.day = rollup_touched.day
              AND young.calendar = CASE bucket WHEN 'equity' THEN 'utc' ELSE 'climate' END
        ) AS waits
    FROM ops.rollup_touched
), gone AS (
    DELETE FROM ops.rollup_touched WHERE id IN (SELECT id FROM touched WHERE repeated OR NOT waits)
)
SELECT DISTINCT trading_mode, bucket, key, day FROM touched
"""  # noqa: S608 - the only thing put in is the constant above


def take_touched(session: Session) -> list[Bucket]:
    """The buckets whose facts changed. Their keys are deleted in this transaction, or remain until all is public."""
    rows = session.execute(text(_TAKE))
    return sorted(Bucket(row.trading_mode, Kind(row.bucket), row.key, row.day) for row in rows)
