"""Reads of the equity curve. A long span is read by the runs of days whose extremes and sums a trigger keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import Connection

from milkbot.analytics.service.figure_schemas import Daily, DailyResult, Drawdown, DrawdownPoint
from milkbot.analytics.service.listed import Listed, code, decimal, json_row
from milkbot.analytics.service.queries import listing, read_lines, read_newest
from milkbot.analytics.service.schemas import Equity, EquityPoint
from milkbot.db.session import Bind, reading

MOST_DAYS: Final = 366
"""Of a longer span a chart is given the extremes of its runs."""
MOST_RUNS: Final = 90
WIDTHS: Final = (8, 16, 32, 41)
"""How many days a run may have: those that the trigger keeps. The widest is enough for the longest span."""
_EPOCH: Final = date(2000, 1, 1)


def _row(model: type[BaseModel]) -> str:
    """A row of that model: days, and amounts."""
    return json_row(
        {name: code(name) if name in {"date", "last_date"} else decimal(name) for name in model.model_fields}
    )


_DAYS = """
    SELECT %s FROM analytics.equity_curve_daily
    WHERE trading_mode = :mode AND date >= :first ORDER BY date
"""
# Of the days before the first whole run the extremes are found here. The limit has each day looked up by the key.
_EXTREMES = """
    SELECT %s FROM (
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
"""
_EQUITY: Final = {of: listing(of % _row(EquityPoint)) for of in (_DAYS, _EXTREMES)}
# The first line is the deepest of them.
_DRAWDOWN: Final = {
    of: listing(
        f"""
        WITH shown (line, depth, date) AS MATERIALIZED ({of % f"{_row(DrawdownPoint)}, drawdown_pct, date"})
        (SELECT line FROM shown ORDER BY depth DESC, date LIMIT 1) UNION ALL (SELECT line FROM shown ORDER BY date)
        """  # noqa: S608 - the only thing put in is a constant of ours
    )
    for of in (_DAYS, _EXTREMES)
}
_RESULTS = listing(
    f"""
    SELECT {_row(DailyResult)}
    FROM (SELECT date, date AS last_date, daily_pnl AS pnl FROM analytics.equity_curve_daily
          WHERE trading_mode = :mode AND date >= :first) AS day ORDER BY date
    """  # noqa: S608 - the only thing put in is a constant of ours
)
_RUNS = listing(
    f"""
    SELECT {_row(DailyResult)} FROM (
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

    def points(self) -> str:
        """The statement that finds the days which are shown."""
        return _DAYS if self.width is None else _EXTREMES

    def keys(self) -> dict[str, Any]:
        """The parameters of the statements. The first whole run has that number, and begins on the day `whole`."""
        width = self.width or 1
        number = -((_EPOCH - self.first).days // width)
        whole = _EPOCH + timedelta(days=number * width)
        return {"mode": self.mode, "first": self.first, "width": width, "number": number, "whole": whole}


def _span(connection: Connection, days: int) -> _Span:
    """The last `days` UTC days, today included, but none before the curve begins."""
    newest = read_newest(connection)
    first = max(newest.today - timedelta(days=days - 1), newest.curve_begins or newest.today)
    length = (newest.today - first).days + 1
    width = None if length <= MOST_DAYS else next(width for width in WIDTHS if length <= width * MOST_RUNS)
    return _Span(newest.as_of, newest.mode, first, width)


def read_equity(bind: Bind, days: int) -> Listed:
    """The curve of the last `days` UTC days, today included; of a long span the days that a chart can show."""
    with reading(bind) as connection:
        span = _span(connection, days)
        found = read_lines(connection, _EQUITY[span.points()], span.keys())
    return Listed(Equity(mode=span.mode, as_of=span.as_of, points=[]), "points", found)


def read_drawdown(bind: Bind, days: int) -> Listed:
    """The drawdown of the same days, and the deepest: that of each run is among them."""
    with reading(bind) as connection:
        span = _span(connection, days)
        found = read_lines(connection, _DRAWDOWN[span.points()], span.keys())
    worst = DrawdownPoint.model_validate_json(found[0]) if found else None
    return Listed(Drawdown(mode=span.mode, as_of=span.as_of, worst=worst, points=[]), "points", found[1:])


def read_daily(bind: Bind, days: int) -> Listed:
    """The results of the last `days` UTC days, by day or by run of days."""
    with reading(bind) as connection:
        span = _span(connection, days)
        found = read_lines(connection, _RESULTS if span.width is None else _RUNS, span.keys())
    return Listed(Daily(mode=span.mode, as_of=span.as_of, results=[]), "results", found)
