"""The alert for a series whose markets are missing: once, after as many ticks in a row as make the trader blind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.orm import Session

from milkbot.db import risk_facts, ticks
from milkbot.settings import Settings
from milkbot.trader.breakers import BLIND_WINDOW, missing_ticks
from milkbot.trader.counts import TickCounts
from milkbot.trader.observe.coverage import Coverage

log = structlog.get_logger(__name__)

EVENT_TYPE: Final = "markets_missing"
_REMEDY: Final = "was the series renamed, or a form changed? milkbot doctor; SELECT * FROM ops.unread_objects"


def alert(session: Session, settings: Settings, tick_id: int, covered: Sequence[Coverage], now: datetime) -> None:
    """Report each series of which this tick, and MAX_BLIND_TICKS - 1 before it, missed a market.

    Only the tick that makes the number full reports: the same lack is one alert, however long it lasts.
    """
    mode, bound = settings.trading_mode, settings.max_blind_ticks
    missing = [one for one in covered if one.missing]
    if not missing:
        return
    rows = risk_facts.newest_counts(session, mode, now - BLIND_WINDOW, bound)
    before = [TickCounts.of_row(row) for row in rows]
    for one in missing:
        if missing_ticks(before, one.series) != bound - 1:
            continue
        log.error("markets missing", series=one.series, missing=one.missing, expected=one.expected, why=one.why)
        ticks.save_risk_event(
            session,
            trading_mode=mode,
            tick_id=tick_id,
            event_type=EVENT_TYPE,
            severity="critical",
            message=f"{one.sentence} in {bound} ticks in a row; {_REMEDY}",
            payload={"series": one.series, "missing": one.missing, "expected": one.expected},
            event_time=now,
        )
