"""Reads of the equity curve. A long span is read by the runs of days whose extremes and sums a trigger keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from milkbot.analytics.service.figure_schemas import Daily, DailyResult, Drawdown, DrawdownPoint
from milkbot.analytics.service.listed import Listed, Row, decimal, named
from milkbot.analytics.service.queries import DELAY, NOW_AND_MODE
from milkbot.analytics.service.schemas import Equity, EquityPoint
from milkbot.db.session import Bind, transaction

MOST_DAYS: Final = 366
"""Of a longer span a chart is given the extremes of its runs."""
MOST_RUNS: Final = 90
WIDTHS: Final = (8, 16, 32, 41)
"""How many days a run may have: those that the trigger keeps. The widest is enough for the longest span."""
_EPOCH: Final = date(2000, 1, 1)

_ASKED = text(
    f"""
    SELECT asked.now, asked.mode, CAST(now() AT TIME ZONE 'UTC' AS date) AS today,
        (SELECT min(date) FROM analytics.equity_curve_daily WHERE trading_mode = asked.mode) AS first_date
    FROM ({NOW_AND_MODE}) AS asked
    """  # noqa: S608 - the only thing put in is a constant of ours
)
_POINT: Final = tuple(EquityPoint.model_fields)
_COLUMNS = ", ".join(["date", *(decimal(name, name) for name in _POINT if name != "date")])
_DAYS = text(
    f"""
    SELECT {_COLUMNS} FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date >= :first ORDER BY date
    """  # noqa: S608 - the only thing put in is a constant of ours
)
# Of the days before the first whole run the extremes are found here. The limit has each day looked up by the key.
_EXTREMES = text(
    f"""
    SELECT {_COLUMNS} FROM (
        SELECT unnest(ARRAY[highest, lowest, deepest, last_date]) AS day FROM analytics.equity_runs
        WHERE trading_mode = :mode AND width = :width AND number >= :number
        UNION
        SELECT unnest(ARRAY[(array_agg(date ORDER BY ending_equity DESC, date))[1],
            (array_agg(date ORDER BY ending_equity, date))[1],
            (array_agg(date ORDER BY drawdown_pct DESC, date))[1], max(date)])
        FROM analytics.equity_curve_daily WHERE trading_mode = :mode AND date >= :first AND date < :whole
        UNION
        SELECT min(date) FROM analytics.equity_curve_daily WHERE trading_mode = :mode AND date >= :first
    ) AS kept
    CROSS JOIN LATERAL (
        SELECT * FROM analytics.equity_curve_daily WHERE trading_mode = :mode AND date = kept.day LIMIT 1) AS point
    ORDER BY date
    """  # noqa: S608 - the only things put in are constants of ours
)
_RESULT: Final = tuple(DailyResult.model_fields)
_RESULTS = text(
    f"""
    SELECT date, date AS last_date, {decimal("daily_pnl", "pnl")} FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date >= :first ORDER BY date
    """  # noqa: S608 - the only thing put in is a constant of ours
)
_RUNS = text(
    f"""
    SELECT date, last_date, {decimal("pnl", "pnl")} FROM (
        SELECT first_date AS date, last_date, pnl FROM analytics.equity_runs
        WHERE trading_mode = :mode AND width = :width AND number >= :number
        UNION ALL
        SELECT min(date), max(date), sum(daily_pnl) FROM analytics.equity_curve_daily
        WHERE trading_mode = :mode AND date >= :first AND date < :whole HAVING count(*) > 0
    ) AS run ORDER BY date
    """  # noqa: S608 - the only thing put in is a constant of ours
)


@dataclass(frozen=True, slots=True)
class _Span:
    """What is asked for: the days from `first` on, of a mode. Without a width they are few enough to be shown."""

    as_of: datetime
    mode: Any
    first: date
    width: int | None

    def keys(self) -> dict[str, Any]:
        """The parameters of the statements. The first whole run has that number, and begins on the day `whole`."""
        width = self.width or 1
        number = -((_EPOCH - self.first).days // width)
        whole = _EPOCH + timedelta(days=number * width)
        return {"mode": self.mode, "first": self.first, "width": width, "number": number, "whole": whole}


def _span(session: Session, days: int) -> _Span:
    """The last `days` UTC days, today included, but none before the curve begins."""
    asked = session.execute(_ASKED).one()
    first = max(asked.today - timedelta(days=days - 1), asked.first_date or asked.today)
    length = (asked.today - first).days + 1
    width = None if length <= MOST_DAYS else next(width for width in WIDTHS if length <= width * MOST_RUNS)
    return _Span(asked.now - DELAY, asked.mode, first, width)


def read_equity(bind: Bind, days: int) -> Listed:
    """The curve of the last `days` UTC days, today included; of a long span the days that a chart can show."""
    span, points = _points(bind, days)
    return Listed(Equity(mode=span.mode, as_of=span.as_of, points=[]), "points", points)


def read_drawdown(bind: Bind, days: int) -> Listed:
    """The drawdown of the same days, and the deepest: that of each run is among them."""
    span, points = _points(bind, days)
    wanted = tuple(DrawdownPoint.model_fields)
    rows = [{name: point[name] for name in wanted} for point in points]
    worst = max(rows, key=lambda point: Decimal(point["drawdown_pct"]), default=None)
    return Listed(
        Drawdown.model_validate({"mode": span.mode, "as_of": span.as_of, "worst": worst, "points": []}), "points", rows
    )


def _points(bind: Bind, days: int) -> tuple[_Span, list[Row]]:
    with transaction(bind) as session:
        span = _span(session, days)
        found = session.execute(_DAYS if span.width is None else _EXTREMES, span.keys()).all()
    return span, named(_POINT, found)


def read_daily(bind: Bind, days: int) -> Listed:
    """The results of the last `days` UTC days, by day or by run of days."""
    with transaction(bind) as session:
        span = _span(session, days)
        found = session.execute(_RESULTS if span.width is None else _RUNS, span.keys()).all()
    return Listed(Daily(mode=span.mode, as_of=span.as_of, results=[]), "results", named(_RESULT, found))
