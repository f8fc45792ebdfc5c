"""The equity curve: daily results, chained into running values. A changed day moves the days after it, and no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from milkbot.analytics.touched import PUBLIC_CUTOFF
from milkbot.db.ops import BalanceSnapshot
from milkbot.db.rollup_tables import EquityCurveDaily
from milkbot.domain.units import CASH_STEP, ZERO

_DAILY = f"""
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
"""  # noqa: S608 - the only thing put in is a constant of ours


@dataclass(frozen=True, slots=True)
class EquityDay:
    """One point of the curve, in dollars; `drawdown_pct` in percent of the high water mark."""

    date: date
    starting_equity: Decimal
    ending_equity: Decimal
    daily_pnl: Decimal
    cumulative_pnl: Decimal
    drawdown: Decimal
    drawdown_pct: Decimal
    high_water_mark: Decimal


def chain(before: EquityDay | None, initial: Decimal, daily: Iterable[tuple[date, Decimal]]) -> list[EquityDay]:
    """Running values over days in order. `before` is the day that they follow, else they begin at `initial` dollars."""
    ending = before.ending_equity if before else initial
    cumulative = before.cumulative_pnl if before else ZERO
    high = before.high_water_mark if before else initial
    days: list[EquityDay] = []
    for day, pnl in daily:
        starting, ending = ending, ending + pnl
        cumulative += pnl
        high = max(high, ending)
        drawdown = high - ending
        percent = (100 * drawdown / high).quantize(CASH_STEP) if high > ZERO else ZERO
        days.append(EquityDay(day, starting, ending, pnl, cumulative, drawdown, percent, high))
    return days


def compute_equity(session: Session, mode: str, days: Iterable[date], bankroll: Decimal) -> None:
    """Compute those UTC days from the facts, and the running values of all days after the first of them.

    The curve begins at the first cash that the exchange reported in that mode, at `bankroll` if there was none.
    """
    wanted = sorted(set(days))
    first = wanted[0]
    fresh = {row.day: row.pnl for row in session.execute(text(_DAILY), {"mode": mode, "days": wanted})}
    later = session.execute(
        select(EquityCurveDaily.date, EquityCurveDaily.daily_pnl).where(
            EquityCurveDaily.trading_mode == mode, EquityCurveDaily.date >= first
        )
    )
    kept = {row.date: row.daily_pnl for row in later if row.date not in wanted}
    before = _last_before(session, mode, first)
    rows = chain(before, _initial(session, mode, bankroll), sorted({**kept, **fresh}.items()))
    session.execute(
        delete(EquityCurveDaily).where(EquityCurveDaily.trading_mode == mode, EquityCurveDaily.date >= first)
    )
    if rows:
        session.execute(insert(EquityCurveDaily).values(computed_at=func.now()), [_row(mode, day) for day in rows])


def _row(mode: str, day: EquityDay) -> Mapping[str, object]:
    return {
        "trading_mode": mode,
        **{name: getattr(day, name) for name in EquityDay.__dataclass_fields__},
    }


def _last_before(session: Session, mode: str, day: date) -> EquityDay | None:
    row = session.execute(
        select(*(getattr(EquityCurveDaily, name) for name in EquityDay.__dataclass_fields__))
        .where(EquityCurveDaily.trading_mode == mode, EquityCurveDaily.date < day)
        .order_by(EquityCurveDaily.date.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else EquityDay(*row)


def _initial(session: Session, mode: str, bankroll: Decimal) -> Decimal:
    first = session.scalar(
        select(BalanceSnapshot.cash)
        .where(BalanceSnapshot.trading_mode == mode)
        .order_by(BalanceSnapshot.captured_at)
        .limit(1)
    )
    return bankroll if first is None else first
