"""Reads of schema `analytics`, the only one that the service's role may read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from milkbot.analytics.forecast_scores import LEADS
from milkbot.analytics.service.cursors import TradesCursor
from milkbot.analytics.service.schemas import (
    Equity,
    EquityPoint,
    ForecasterSkill,
    Hero,
    PlatformStatus,
    Skill,
    Trade,
    Trades,
)
from milkbot.analytics.touched import PUBLIC_CUTOFF
from milkbot.db.session import Bind, transaction
from milkbot.domain.cities import Extreme, series_of
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO
from milkbot.limits import limits_path, read_limits

DELAY = timedelta(minutes=60)
DELAY_MINUTES = DELAY // timedelta(minutes=1)
_SCORE_DIGITS = 6

_NOW_AND_MODE = """
SELECT date_trunc('minute', now()) AS now,
    (SELECT trading_mode FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1) AS mode
"""

# Kept by the rollups.
_HERO = text(
    """
    SELECT as_of, total_pnl, unrealized_pnl, unpriced_positions, win_count AS wins, loss_count AS losses,
        trades_today, active_positions
    FROM analytics.hero_figures WHERE trading_mode = :mode
    """
)

# The view shows every trade as what its order buys, as the release before knows it. A sale of a leg buys the other one.
# The view sorts: to sort here would have it planned for all trades ever.
_TRADES = """
SELECT ticker, city_code, climate_day,
    CASE WHEN NOT reduces THEN side WHEN side = 'yes' THEN 'no' ELSE 'yes' END AS side,
    CASE WHEN reduces THEN 'sell' ELSE action END AS action, quantity,
    CASE WHEN reduces THEN 1 - price ELSE price END AS price, fees,
    CASE WHEN reduces THEN total_cost - quantity ELSE total_cost END AS total_cost, realized_pnl, trade_time,
    strategy_name, markout_5m, markout_30m, strike_type, floor_strike, cap_strike
FROM analytics.v_public_trades
WHERE trading_mode = :mode{city}{until} LIMIT :limit OFFSET :shown
"""

MOST_DAYS = 366
RUNS = 90
"""A chart of 361 points is no wider than a screen; the schema of the curve states the rule."""
_EQUITY = text(
    """
    WITH span AS (
        SELECT date, starting_equity, ending_equity, daily_pnl, cumulative_pnl, drawdown, drawdown_pct, high_water_mark,
            count(*) OVER () AS days, row_number() OVER (ORDER BY date) AS number,
            ntile(:runs) OVER (ORDER BY date) AS run
        FROM analytics.equity_curve_daily
        WHERE trading_mode = :mode AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY run ORDER BY ending_equity DESC, date) AS highest,
            row_number() OVER (PARTITION BY run ORDER BY ending_equity, date) AS lowest,
            row_number() OVER (PARTITION BY run ORDER BY drawdown_pct DESC, date) AS deepest,
            row_number() OVER (PARTITION BY run ORDER BY date DESC) AS last
        FROM span
    )
    SELECT date, starting_equity, ending_equity, daily_pnl, cumulative_pnl, drawdown, drawdown_pct, high_water_mark
    FROM ranked WHERE days <= :most OR number = 1 OR highest = 1 OR lowest = 1 OR deepest = 1 OR last = 1
    ORDER BY date
    """
)

# The index of the key begins with the mode and the day, which bounds what is read.
_SKILL = text(
    f"""
    SELECT scored.*, COALESCE(evidence.standing, 'unproven') AS standing, COALESCE(evidence.days, 0) AS evidence_days
    FROM (
        SELECT forecaster, version, parameters_hash, lead, count(DISTINCT climate_day) AS days, count(*) AS events,
            avg(brier) AS brier, avg(market_brier) AS market_brier, avg(brier - market_brier) AS brier_difference,
            avg(log) AS log, avg(market_log) AS market_log, avg(log - market_log) AS log_difference,
            avg(rps) AS rps, avg(market_rps) AS market_rps, avg(rps - market_rps) AS rps_difference
        FROM analytics.forecast_scores
        WHERE trading_mode = :mode AND as_of <= {PUBLIC_CUTOFF}
          AND climate_day > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
        GROUP BY forecaster, version, parameters_hash, lead
    ) AS scored
    LEFT JOIN analytics.forecast_evidence AS evidence
        ON evidence.trading_mode = :mode AND evidence.forecaster = scored.forecaster
        AND evidence.version = scored.version AND evidence.parameters_hash = scored.parameters_hash
    """  # noqa: S608 - the only thing put in is a constant of ours
)

# Read together, so that the health check is one round trip.
_STATUS = text(
    """
    SELECT now() AS now, status.last_tick_started, status.last_tick_finished, status.trading_mode AS mode,
        CASE WHEN status.trading_state_until <= now() THEN 'active' ELSE status.trading_state END AS trading_state,
        status.trading_state_until, status.trading_state_since, status.trading_state_code,
        (SELECT recorded_at FROM analytics.v_current_health WHERE component_name = 'rollups') AS last_rollup
    FROM (SELECT) AS always
    LEFT JOIN (SELECT * FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1) AS status ON true
    """
)


def read_status(bind: Bind) -> dict[str, Any]:
    """now, the newest tick's mode and times, trading_state with its code and times, and last_rollup; all but the first
    are None before they happened.
    """
    with transaction(bind) as session:
        return dict(session.execute(_STATUS).mappings().one())


def read_platform(bind: Bind) -> PlatformStatus:
    """The same for the public, with the limits of this host from which on something is late."""
    row = read_status(bind)
    limits = read_limits(limits_path()) or {}
    is_held = row["trading_state"] not in {None, TradingState.ACTIVE}
    return PlatformStatus(
        mode=row["mode"],
        trading_state=row["trading_state"],
        trading_state_code=row["trading_state_code"] if is_held else None,
        trading_state_since=row["trading_state_since"] if is_held else None,
        trading_state_until=row["trading_state_until"] if is_held else None,
        last_tick_started=row["last_tick_started"],
        last_tick_finished=row["last_tick_finished"],
        last_rollup=row["last_rollup"],
        tick_late_seconds=limits.get("tick_late_seconds"),
        rollup_late_seconds=limits.get("rollup_late_seconds"),
        delay_minutes=DELAY_MINUTES,
    )


def read_hero(bind: Bind) -> Hero:
    """The figures of the mode that ticked last."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        row = session.execute(_HERO, {"mode": mode}).mappings().one_or_none()
    if row is None:
        return Hero(
            mode=mode,
            total_pnl=ZERO,
            unrealized_pnl=ZERO,
            unpriced_positions=0,
            win_rate=None,
            trades_today=0,
            active_positions=0,
            as_of=as_of,
        )
    return Hero.model_validate({**row, "mode": mode, "win_rate": win_rate(row)})


def win_rate(row: RowMapping) -> Decimal | None:
    """What of the decided markets was won, by the sums `wins` and `losses`; None before the first."""
    decided = (row["wins"] or 0) + (row["losses"] or 0)
    return (Decimal(row["wins"]) / decided).quantize(Decimal("0.0001")) if decided else None


def read_trades(bind: Bind, limit: int, city: str | None, after: TradesCursor | None = None) -> Trades:
    """The newest public trades, of one city or of all, or those that follow a page."""
    statement = _TRADES.format(
        city=" AND city_code = :city" if city else "", until=" AND trade_time <= :until" if after else ""
    )
    keys: dict[str, object] = {"city": city, "limit": limit + 1, "shown": after.shown if after else 0}
    if after:
        keys["until"] = after.minute
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(text(statement), {"mode": mode, **keys}).mappings().all()
    trades = [Trade.model_validate({**row, "measure": measure_of(row["ticker"])}) for row in found[:limit]]
    following = str(_cursor_after(trades, after)) if len(found) > limit else None
    return Trades(mode=mode, as_of=as_of, delay_minutes=DELAY_MINUTES, trades=trades, next_cursor=following)


def _cursor_after(trades: Sequence[Trade], before: TradesCursor | None) -> TradesCursor:
    last = trades[-1].trade_time
    shown = sum(1 for trade in trades if trade.trade_time == last)
    return TradesCursor(last, shown + (before.shown if before and before.minute == last else 0))


def measure_of(ticker: str) -> Extreme | None:
    """Which of the day's temperatures a market is about, None where its series is not known."""
    try:
        return series_of(ticker.partition("-")[0]).extreme
    except KeyError:
        return None


def read_equity(bind: Bind, days: int) -> Equity:
    """The curve of the last `days` UTC days, today included; of more than MOST_DAYS the days that a chart can show."""
    with transaction(bind) as session:
        as_of, mode = as_of_and_mode(session)
        found = session.execute(_EQUITY, {"mode": mode, "days": days, "runs": RUNS, "most": MOST_DAYS}).all()
    return Equity(mode=mode, as_of=as_of, points=[EquityPoint.model_validate(row) for row in found])


def read_skill(bind: Bind, days: int, mode: TradingMode | None = None) -> Skill:
    """The forecasters that were scored in the last `days` UTC days, in that mode or in the one that ticked last."""
    with transaction(bind) as session:
        as_of, newest = as_of_and_mode(session)
        of_mode = mode or newest
        found = session.execute(_SKILL, {"mode": of_mode, "days": days}).mappings().all()
    rows = [ForecasterSkill.model_validate(_rounded(row)) for row in found]
    rows.sort(key=lambda row: (row.forecaster, row.version, row.parameters_hash, list(LEADS).index(row.lead)))
    return Skill(mode=of_mode, as_of=as_of, days=days, forecasters=rows)


def _rounded(row: RowMapping) -> dict[str, Any]:
    """Scores to the digit that a score of production has."""
    return {name: round(value, _SCORE_DIGITS) if isinstance(value, float) else value for name, value in row.items()}


def as_of_and_mode(session: Session) -> tuple[datetime, Any]:
    """What is an hour old now, to the minute, and the mode that ticked last, None before the first tick."""
    row = session.execute(text(_NOW_AND_MODE)).one()
    return row.now - DELAY, row.mode
