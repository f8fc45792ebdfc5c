"""Invariants of the money: cash, equity, what is at risk, and what the public is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.db import cash as cash_rows
from milkbot.db import findings as finding_rows
from milkbot.db import ledger
from milkbot.domain.units import Cash
from milkbot.trader.exposure import current_exposure
from milkbot.trader.invariants.context import QueryContext
from milkbot.trader.limits import limits_of
from milkbot.trader.reconcile import cash
from milkbot.trader.reconcile.findings import FindingKind

_SLACK: Final = Decimal("0.10")
"""Dollars by which fees, rounded fill by fill, may lift what is at risk over what was allowed."""

_ADDED_UP = """
SELECT book.traded + book.settled AS counted,
    COALESCE((SELECT sum(realized_pnl - fees - cost) FROM ops.positions WHERE trading_mode = :mode), 0)
    + COALESCE((SELECT sum(revenue) FROM ops.settlements WHERE trading_mode = :mode), 0) AS added_up
FROM ops.cash_books AS book WHERE book.trading_mode = :mode
"""
_CURVE = """
SELECT curve.date, curve.daily_pnl, COALESCE(fills.pnl, 0) + COALESCE(settlements.pnl, 0) AS booked
FROM analytics.equity_curve_daily AS curve
CROSS JOIN LATERAL (
    SELECT sum(realized_pnl - fee) AS pnl FROM ops.fills
    WHERE trading_mode = :mode AND filled_at >= CAST(curve.date AS timestamp) AT TIME ZONE 'UTC'
      AND filled_at < CAST(curve.date + 1 AS timestamp) AT TIME ZONE 'UTC') AS fills
CROSS JOIN LATERAL (
    SELECT sum(realized_pnl) AS pnl FROM ops.settlements
    WHERE trading_mode = :mode AND settled_at >= CAST(curve.date AS timestamp) AT TIME ZONE 'UTC'
      AND settled_at < CAST(curve.date + 1 AS timestamp) AT TIME ZONE 'UTC') AS settlements
WHERE curve.trading_mode = :mode AND curve.date >= CAST(:today AS date) - CAST(:days AS int) AND curve.date < :today
    AND curve.daily_pnl <> COALESCE(fills.pnl, 0) + COALESCE(settlements.pnl, 0)
    -- What the rollups have still to compute is late, not wrong.
    AND NOT EXISTS (
        SELECT FROM ops.rollup_touched AS touched
        WHERE touched.trading_mode = :mode AND touched.bucket = 'equity' AND touched.day = curve.date)
"""
_DAYS_BACK: Final = 2
_ALL_DAYS: Final = 36_500


def cash_adds_up(session: Session, context: QueryContext) -> Iterator[str]:
    """By the newest balance that the exchange reported."""
    balance = ledger.newest_balance(session, context.mode)
    if balance is None or balance.moved is None or balance.held_back is None:
        return
    if finding_rows.explained_since(session, context.mode, FindingKind.CASH_MISMATCH, balance.captured_at):
        return
    view = cash.CashView(Cash(balance.cash), Cash(balance.moved), Cash(balance.held_back), balance.captured_at)
    for found in cash.judge(view, cash_rows.cash_totals(session, context.mode).capital):
        yield found.message


def equity_is_cash_and_positions(session: Session, context: QueryContext) -> Iterator[str]:
    """What triggers counted in passing, against what the positions and settlements add up to."""
    if not context.thorough:
        return
    row = session.execute(text(_ADDED_UP), {"mode": str(context.mode)}).one()
    if row.counted != row.added_up:
        yield f"trades and settlements moved {row.counted} dollars as counted, {row.added_up} as added up"


def exposure_under_limits(session: Session, context: QueryContext) -> Iterable[str]:
    totals = cash_rows.cash_totals(session, context.mode)
    free = Cash((totals.capital or Decimal(0)) + totals.moved)
    exposure, limits = current_exposure(session, context.mode, free, frozenset()), limits_of(context.settings)
    used = [
        *((f"event {name}", risk, limits.event) for name, risk in exposure.by_event.items()),
        *((f"city {name}", risk, limits.city) for name, risk in exposure.by_city.items()),
        *((f"cluster {name}", risk, limits.cluster) for name, risk in exposure.by_cluster.items()),
        ("all", exposure.total, limits.open_risk),
    ]
    return [
        f"{what}: {risk:.2f} dollars at risk, {limit:.2f} allowed"
        for what, risk, limit in used
        if risk > limit + _SLACK
    ]


def analytics_equals_ops(session: Session, context: QueryContext) -> Iterable[str]:
    """Of the last whole days, or of all."""
    days = _ALL_DAYS if context.thorough else _DAYS_BACK
    given = {"mode": str(context.mode), "today": context.now.date(), "days": days}
    return [
        f"{row.date}: the curve shows {row.daily_pnl}, fills and settlements come to {row.booked}"
        for row in session.execute(text(_CURVE), given)
    ]
