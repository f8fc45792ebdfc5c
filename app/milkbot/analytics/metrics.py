"""What a run of the rollups tells Prometheus. Written by runs that came to their end only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from milkbot.analytics.rollups import RollupReport
from milkbot.db.session import transaction
from milkbot.errors import MilkbotError
from milkbot.textfile import Page, save

_log = structlog.get_logger(__name__)
FILE: Final = "rollups.prom"

_WAITING = text("SELECT count(*) FROM (SELECT DISTINCT trading_mode, bucket, key, day FROM ops.rollup_touched) AS keys")
_EQUITY = text(
    """
    SELECT DISTINCT ON (trading_mode) trading_mode, cumulative_pnl, drawdown, high_water_mark
    FROM analytics.equity_curve_daily ORDER BY trading_mode, date DESC
    """
)


def publish(directory: Path | None, engine: Engine, report: RollupReport) -> None:
    """Write the file of a run that succeeded; nothing without a directory for it. Raises nothing."""
    if directory is None:
        return
    page = Page()
    page.gauge("milkbot_rollups_completed_timestamp_seconds", "When the rollups succeeded last.", time.time())
    computed = {"city": report.cities, "strategy": report.strategies, "equity": report.equity_days}
    page.gauge("milkbot_rollups_buckets", "Buckets that the run computed.", computed, by="bucket")
    try:
        with transaction(engine) as session:
            waiting = session.scalar(_WAITING) or 0
            curve = session.execute(_EQUITY).all()
    except (MilkbotError, SQLAlchemyError) as error:
        _log.warning("metrics without the books", problem=str(error))
    else:
        page.gauge("milkbot_rollups_waiting_buckets", "Buckets with facts that are not public yet.", waiting)
        for name, column, documentation in (
            ("milkbot_realized_dollars", "cumulative_pnl", "Won or lost since the start, after fees; an hour behind."),
            ("milkbot_drawdown_dollars", "drawdown", "Below the highest equity so far; an hour behind."),
            ("milkbot_high_water_mark_dollars", "high_water_mark", "The highest equity so far; an hour behind."),
        ):
            values = {row.trading_mode: float(getattr(row, column)) for row in curve}
            page.gauge(name, documentation, values, by="mode")
    save(page, directory / FILE)
