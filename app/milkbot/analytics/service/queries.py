"""Reads of schema `analytics`, the only one that the service's role may read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.orm import Session

from milkbot.analytics.forecast_scores import LEADS
from milkbot.analytics.service.schemas import (
    Equity,
    EquityPoint,
    ForecasterSkill,
    Hero,
    Skill,
    Trade,
    Trades,
)
from milkbot.analytics.touched import PUBLIC_CUTOFF
from milkbot.db.session import Bind, transaction
from milkbot.domain.modes import TradingMode

DELAY = timedelta(minutes=60)
_SCORE_DIGITS = 6
# An event's markets are listed at most two days before its climate day, and settle the morning after it.
_HELD_AT_MOST = "5 days"

_NOW_AND_MODE = """
SELECT date_trunc('minute', now()) AS now,
    (SELECT trading_mode FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1) AS mode
"""

_HERO = f"""
SELECT
    (SELECT cumulative_pnl FROM analytics.equity_curve_daily
     WHERE trading_mode = :mode ORDER BY date DESC LIMIT 1) AS total_pnl,
    (SELECT sum(win_count) FROM analytics.city_metrics_daily WHERE trading_mode = :mode) AS wins,
    (SELECT sum(loss_count) FROM analytics.city_metrics_daily WHERE trading_mode = :mode) AS losses,
    (SELECT count(*) FROM analytics.v_public_trades
     WHERE trading_mode = :mode AND trade_time >= date_trunc('day', CAST(:as_of AS timestamptz), 'UTC')
    ) AS trades_today,
    (SELECT count(*) FROM (
        SELECT ticker FROM analytics.v_public_trades
        WHERE trading_mode = :mode AND realized_pnl IS NULL
          AND trade_time >= CAST(:as_of AS timestamptz) - interval '{_HELD_AT_MOST}'
        GROUP BY ticker HAVING sum(CASE side WHEN 'yes' THEN quantity ELSE -quantity END) <> 0) AS held
    ) AS active_positions
"""  # noqa: S608 - the only thing put in is the constant above

# The view shows every trade as what its order buys, as the release before knows it. A sale of a leg buys the other one.
_TRADES = """
SELECT ticker, city_code, climate_day,
    CASE WHEN NOT reduces THEN side WHEN side = 'yes' THEN 'no' ELSE 'yes' END AS side,
    CASE WHEN reduces THEN 'sell' ELSE action END AS action, quantity,
    CASE WHEN reduces THEN 1 - price ELSE price END AS price, fees,
    CASE WHEN reduces THEN total_cost - quantity ELSE total_cost END AS total_cost, realized_pnl, trade_time,
    strategy_name, markout_5m, markout_30m
FROM analytics.v_public_trades
WHERE trading_mode = :mode AND {city} AND {window}
ORDER BY trade_time DESC, ticker, quantity DESC, price LIMIT :limit
"""
# A view with a security barrier is planned for all of its rows, whatever limit stands outside. So the newest trades are
# looked for in a short window first, by the index on their time, and in a wider one only while there are too few.
_WINDOWS = (timedelta(hours=3), timedelta(days=1), timedelta(days=8), timedelta(days=64), None)

_EQUITY = text(
    """
    SELECT date, starting_equity, ending_equity, daily_pnl, cumulative_pnl, drawdown, drawdown_pct, high_water_mark
    FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date > CAST(now() AT TIME ZONE 'UTC' AS date) - CAST(:days AS integer)
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
    SELECT now() AS now, status.last_tick_finished,
        CASE WHEN status.trading_state_until <= now() THEN 'active' ELSE status.trading_state END AS trading_state,
        (SELECT recorded_at FROM analytics.v_current_health WHERE component_name = 'rollups') AS last_rollup
    FROM (SELECT) AS always
    LEFT JOIN (SELECT * FROM analytics.v_platform_status ORDER BY last_tick_started DESC LIMIT 1) AS status ON true
    """
)


def read_status(bind: Bind) -> dict[str, Any]:
    """now, last_tick_finished, trading_state and last_rollup; the latter three are None before they happened."""
    with transaction(bind) as session:
        return dict(session.execute(_STATUS).mappings().one())


def read_hero(bind: Bind) -> Hero:
    """The figures of the mode that ticked last."""
    with transaction(bind) as session:
        as_of, mode = _as_of_and_mode(session)
        row = session.execute(text(_HERO), {"mode": mode, "as_of": as_of}).one()
    decided = (row.wins or 0) + (row.losses or 0)
    return Hero(
        mode=mode,
        total_pnl=row.total_pnl or Decimal(0),
        win_rate=(Decimal(row.wins) / decided).quantize(Decimal("0.0001")) if decided else None,
        trades_today=row.trades_today,
        active_positions=row.active_positions,
        as_of=as_of,
    )


def read_trades(bind: Bind, limit: int, city: str | None) -> Trades:
    """The newest public trades, of one city or of all."""
    found: Sequence[Row[Any]] = ()
    with transaction(bind) as session:
        as_of, mode = _as_of_and_mode(session)
        for window in _WINDOWS:
            query = _TRADES.format(
                city="city_code = :city" if city else "true", window="trade_time >= :since" if window else "true"
            )
            since = as_of - window if window else None
            found = session.execute(text(query), {"mode": mode, "city": city, "since": since, "limit": limit}).all()
            if len(found) == limit:
                break
    trades = [Trade.model_validate(row) for row in found]
    return Trades(mode=mode, as_of=as_of, delay_minutes=DELAY // timedelta(minutes=1), trades=trades)


def read_equity(bind: Bind, days: int) -> Equity:
    """The curve of the last `days` UTC days, today included."""
    with transaction(bind) as session:
        as_of, mode = _as_of_and_mode(session)
        found = session.execute(_EQUITY, {"mode": mode, "days": days}).all()
    return Equity(mode=mode, as_of=as_of, points=[EquityPoint.model_validate(row) for row in found])


def read_skill(bind: Bind, days: int, mode: TradingMode | None = None) -> Skill:
    """The forecasters that were scored in the last `days` UTC days, in that mode or in the one that ticked last."""
    with transaction(bind) as session:
        as_of, newest = _as_of_and_mode(session)
        of_mode = mode or newest
        found = session.execute(_SKILL, {"mode": of_mode, "days": days}).mappings().all()
    rows = [ForecasterSkill.model_validate(_rounded(row)) for row in found]
    rows.sort(key=lambda row: (row.forecaster, row.version, row.parameters_hash, list(LEADS).index(row.lead)))
    return Skill(mode=of_mode, as_of=as_of, days=days, forecasters=rows)


def _rounded(row: RowMapping) -> dict[str, Any]:
    """Scores to the digit that a score of production has."""
    return {name: round(value, _SCORE_DIGITS) if isinstance(value, float) else value for name, value in row.items()}


def _as_of_and_mode(session: Session) -> tuple[datetime, Any]:
    row = session.execute(text(_NOW_AND_MODE)).one()
    return row.now - DELAY, row.mode
