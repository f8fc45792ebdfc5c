"""The metrics of a run of the rollups. Only a run that finished writes them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

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


@dataclass(frozen=True, slots=True)
class CurveEnd:
    """Where a mode's equity curve stands, in dollars."""

    mode: str
    cumulative_pnl: Decimal
    drawdown: Decimal
    high_water_mark: Decimal


@dataclass(frozen=True, slots=True)
class RollupState:
    """What the run left: buckets that wait for their facts to be public, and the end of each mode's curve."""

    waiting: int
    curves: tuple[CurveEnd, ...]


def publish(directory: Path | None, engine: Engine, report: RollupReport) -> None:
    """Write the file of a run that succeeded; nothing without a directory for it. Raises nothing."""
    if directory is None:
        return
    state = None
    try:
        with transaction(engine) as session:
            state = read_state(session)
    except (MilkbotError, SQLAlchemyError) as error:
        _log.warning("metrics without the ledger", problem=str(error))
    save(page_of(report, state), directory / FILE)


def read_state(session: Session) -> RollupState:
    """The rollups of every mode."""
    curves = tuple(CurveEnd(*row) for row in session.execute(_EQUITY))
    return RollupState(session.scalar(_WAITING) or 0, curves)


def page_of(report: RollupReport, state: RollupState | None) -> Page:
    """The metrics of a run that succeeded now."""
    page = Page()
    page.gauge("milkbot_rollups_completed_timestamp_seconds", "When the rollups succeeded last.", time.time())
    computed = {"city": report.cities, "strategy": report.strategies, "equity": report.equity_days}
    page.gauge("milkbot_rollups_buckets", "Buckets that the run computed.", computed, by="bucket")
    if state is None:
        return page
    page.gauge("milkbot_rollups_waiting_buckets", "Buckets with facts that are not public yet.", state.waiting)
    realized = {curve.mode: float(curve.cumulative_pnl) for curve in state.curves}
    page.gauge(
        "milkbot_realized_dollars", "Won or lost since the start, after fees; an hour behind.", realized, by="mode"
    )
    drawdown = {curve.mode: float(curve.drawdown) for curve in state.curves}
    page.gauge("milkbot_drawdown_dollars", "Below the highest equity so far; an hour behind.", drawdown, by="mode")
    highest = {curve.mode: float(curve.high_water_mark) for curve in state.curves}
    page.gauge("milkbot_high_water_mark_dollars", "The highest equity so far; an hour behind.", highest, by="mode")
    return page
