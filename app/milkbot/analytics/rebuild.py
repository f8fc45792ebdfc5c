"""Computing every rollup anew, whatever changed: in chunks, each a transaction of its own, while the timer goes on.

A chunk is a month of a mode; after the last one of a mode comes what rests on all of them. A mark says which chunk was
finished last, so that a rebuild that was killed goes on there. Keys of touched buckets are left alone: what changes
meanwhile is the next incremental run's. That one waits for a chunk at most, for it is the next in line for the lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Engine, Row, text
from sqlalchemy.orm import Session

from milkbot.analytics.daily_metrics import compute_days, sum_months
from milkbot.analytics.equity import compute_equity, fill_runs
from milkbot.analytics.forecast_scores import judge_all, score_days, sum_scores
from milkbot.analytics.hero import count_again, store_figures
from milkbot.analytics.rollups import RollupReport, take_turn
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.release import release_id

STATEMENT_SECONDS: Final = 600
"""How long one of its statements may run: batch work is not under the timeout of interactive reads."""
# A month's hash tables fit.
_MEMORY = "64MB"

# Where days are. Each is the second column of an index after the mode, or its table has a row a day only.
_DAYS: Final = (
    ("climate_day", "ops.fills"),
    ("climate_day", "ops.settlements"),
    ("climate_day", "ops.signals"),
    ("climate_day", "ops.market_results"),
    ("climate_day", "analytics.forecast_scores"),
    ("filled_at", "ops.fills"),
    ("settled_at", "ops.settlements"),
    ("date", "analytics.city_metrics_daily"),
    ("date", "analytics.strategy_metrics_daily"),
    ("date", "analytics.equity_curve_daily"),
)


def _ends(which: str) -> str:
    """The least or the greatest of all those days, in UTC; null where there is none."""
    of = "(SELECT CAST({which}({column}) AS date) FROM {table} WHERE trading_mode = :mode)"
    return ", ".join(of.format(which=which, column=column, table=table) for column, table in _DAYS)


_SPAN = text(f"SELECT LEAST({_ends('min')}) AS first, GREATEST({_ends('max')}) AS last")
_READ_MARK = text(
    "SELECT started_at, release, first_day, last_day, trading_mode, done FROM analytics.rebuild_mark FOR UPDATE"
)
_SET_MARK = text(
    """
    INSERT INTO analytics.rebuild_mark AS old (id, release, first_day, last_day, started_at, trading_mode, done)
    VALUES (1, :release, :first, :last, :started, :mode, :done)
    ON CONFLICT (id) DO UPDATE SET release = excluded.release, first_day = excluded.first_day,
        last_day = excluded.last_day, started_at = excluded.started_at, trading_mode = excluded.trading_mode,
        done = excluded.done
    """
)
_END = text("DELETE FROM analytics.rebuild_mark")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A month of a mode, or the part of it that was asked for. Without a first day: what rests on all its months."""

    mode: TradingMode
    last: date
    first: date | None

    def __str__(self) -> str:
        return f"{self.mode} {self.first:%Y-%m}" if self.first else f"{self.mode} totals"


@dataclass(frozen=True, slots=True)
class Progress:
    """A chunk that was done, as the `number`th of `total`: what came of it, in how many seconds."""

    chunk: Chunk
    number: int
    total: int
    report: RollupReport
    seconds: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """A rebuild of the same days by the same release that was not finished, and how many chunks it did."""

    started_at: datetime
    done: int
    total: int


def rebuild(
    engine: Engine,
    *,
    bankroll: Decimal,
    first: date | None = None,
    last: date | None = None,
    report: Callable[[Progress | Resumed], None] = lambda _: None,
) -> RollupReport:
    """Compute all rollups of the days from `first` to `last`, of all days where they are None; returns what was
    computed, without what an unfinished rebuild had done. Raises DatabaseUnavailableError.
    """
    with transaction(engine) as session:
        todo = chunks(session, first, last)
        mark = read_mark(session, first, last)
        started: datetime = mark.started_at if mark else session.scalar(text("SELECT now()"))
    done = 0 if mark is None else sum((one.mode, one.last) <= (mark.trading_mode, mark.done) for one in todo)
    if done:
        report(Resumed(started, done, len(todo)))
    whole = RollupReport()
    for number, chunk in enumerate(todo[done:], done + 1):
        began = time.monotonic()
        with transaction(engine) as session:
            take_turn(session)
            session.execute(text(f"SET LOCAL work_mem = '{_MEMORY}'"))
            made = _compute(session, chunk, bankroll)
            set_mark(session, chunk, started, first, last)
        whole += made
        report(Progress(chunk, number, len(todo), made, time.monotonic() - began))
    with transaction(engine) as session:
        end(session)
    return whole


def _compute(session: Session, chunk: Chunk, bankroll: Decimal) -> RollupReport:
    if chunk.first is None:
        judge_all(session, chunk.mode)
        for add_up in (count_again, sum_months, fill_runs, sum_scores):
            add_up(session, chunk.mode)
        store_figures(session)
        return RollupReport()
    cities, strategies = compute_days(session, chunk.mode, chunk.first, chunk.last)
    days = [chunk.first + timedelta(days=number) for number in range((chunk.last - chunk.first).days + 1)]
    compute_equity(session, chunk.mode, days, bankroll)
    scored = score_days(session, chunk.mode, chunk.first, chunk.last)
    return RollupReport(cities, strategies, len(days), scored_events=scored)


def chunks(session: Session, first: date | None, last: date | None) -> list[Chunk]:
    """The chunks of those days, in the order in which they are done."""
    return list(_chunks(session, first, last))


def _chunks(session: Session, first: date | None, last: date | None) -> Iterator[Chunk]:
    """Modes in order, each with its months from the oldest on: a month's curve begins where the one before ends."""
    for mode in sorted(TradingMode):
        span = session.execute(_SPAN, {"mode": mode}).one()
        if span.first is None:
            continue
        begin, end = max(first or span.first, span.first), min(last or date.max, _month_end(span.last))
        while begin <= end:
            yield Chunk(mode, min(_month_end(begin), end), begin)
            begin = _month_end(begin) + timedelta(days=1)
        yield Chunk(mode, date.max, None)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def read_mark(session: Session, first: date | None, last: date | None) -> Row[Any] | None:
    """The mark of an unfinished rebuild of the same days by this release."""
    mark = session.execute(_READ_MARK).one_or_none()
    ours = (release_id(), first, last)
    return mark if mark is not None and (mark.release, mark.first_day, mark.last_day) == ours else None


def set_mark(session: Session, chunk: Chunk, started: datetime, first: date | None, last: date | None) -> None:
    """Note that a rebuild of those days has done that chunk."""
    keys = {"first": first, "last": last, "mode": chunk.mode, "done": chunk.last}
    session.execute(_SET_MARK, {**keys, "release": release_id(), "started": started})


def end(session: Session) -> None:
    """Note that no rebuild is unfinished."""
    session.execute(_END)
