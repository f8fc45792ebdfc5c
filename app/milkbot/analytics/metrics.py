"""The metrics of a run of the rollups. Only a run that finished writes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from milkbot.analytics.rollups import RollupReport
from milkbot.db.session import transaction
from milkbot.errors import MilkbotError
from milkbot.sizing.evidence import Standing
from milkbot.textfile import Page, save

_log = structlog.get_logger(__name__)
FILE: Final = "rollups.prom"
_ByLabels: TypeAlias = dict[tuple[str, ...], float]

_WAITING = text("SELECT count(*) FROM (SELECT DISTINCT trading_mode, bucket, key, day FROM ops.rollup_touched) AS keys")
_EQUITY = text(
    """
    SELECT DISTINCT ON (trading_mode) trading_mode, cumulative_pnl, drawdown, high_water_mark
    FROM analytics.equity_curve_daily ORDER BY trading_mode, date DESC
    """
)

SKILL_DAYS: Final = 90
# Another version, or other parameters, are another forecaster: the one that was scored last counts.
_SKILL = text(
    """
    SELECT score.trading_mode AS mode, score.forecaster, score.lead, count(*) AS events, avg(score.brier) AS brier,
        avg(score.market_brier) AS market_brier, COALESCE(evidence.standing, :unproven) AS standing,
        COALESCE(evidence.days, 0) AS days
    FROM (
        SELECT DISTINCT ON (trading_mode, forecaster) trading_mode, forecaster, version, parameters_hash
        FROM analytics.forecast_scores WHERE climate_day > CAST(now() AS date) - CAST(:days AS integer)
        ORDER BY trading_mode, forecaster, as_of DESC
    ) AS newest
    JOIN analytics.forecast_scores AS score USING (trading_mode, forecaster, version, parameters_hash)
    LEFT JOIN analytics.forecast_evidence AS evidence USING (trading_mode, forecaster, version, parameters_hash)
    WHERE score.climate_day > CAST(now() AS date) - CAST(:days AS integer)
    GROUP BY score.trading_mode, score.forecaster, score.lead, evidence.standing, evidence.days
    ORDER BY score.trading_mode, score.forecaster, score.lead
    """
)


@dataclass(frozen=True, slots=True)
class ForecasterSkill:
    """A forecaster's mean Brier score at a lead time of the last `SKILL_DAYS`, and the market's at the same moments.

    `standing` and `days` are what the sequential test says of it, at any lead time the same.
    """

    mode: str
    forecaster: str
    lead: str
    events: int
    brier: float
    market_brier: float
    standing: str
    days: int


@dataclass(frozen=True, slots=True)
class CurveEnd:
    """Where a mode's equity curve stands, in dollars."""

    mode: str
    cumulative_pnl: Decimal
    drawdown: Decimal
    high_water_mark: Decimal


@dataclass(frozen=True, slots=True)
class RollupState:
    """What the run left: buckets that wait for their facts to be public, the end of each mode's curve, and what the
    forecasters were worth.
    """

    waiting: int
    curves: tuple[CurveEnd, ...]
    skill: tuple[ForecasterSkill, ...] = ()


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
    asked = {"days": SKILL_DAYS, "unproven": Standing.UNPROVEN}
    skill = tuple(ForecasterSkill(*row) for row in session.execute(_SKILL, asked))
    return RollupState(session.scalar(_WAITING) or 0, curves, skill)


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
    _add_skill(page, state.skill)
    return page


def _add_skill(page: Page, skill: Sequence[ForecasterSkill]) -> None:
    whose, which = ("mode", "forecaster"), ("mode", "forecaster", "lead")
    ours: _ByLabels = {}
    market: _ByLabels = {}
    events: _ByLabels = {}
    days: _ByLabels = {}
    standing: _ByLabels = {}
    for one in skill:
        labels = (one.mode, one.forecaster, one.lead)
        ours[labels], market[labels], events[labels] = one.brier, one.market_brier, one.events
        days[labels[:2]] = one.days
        standing |= {(*labels[:2], str(name)): float(name == one.standing) for name in Standing}
    page.gauge("milkbot_forecast_brier", f"Mean Brier score of {SKILL_DAYS} days; lower is better.", ours, which)
    page.gauge("milkbot_forecast_market_brier", "The market's at the same moments.", market, which)
    page.gauge("milkbot_forecast_scored_events", "Events that these are of.", events, which)
    page.gauge("milkbot_forecaster_evidence", "Daily gains that the sequential test has seen.", days, whose)
    said = "1 for what the test says of it against the market."
    page.gauge("milkbot_forecaster_standing", said, standing, (*whose, "standing"))
