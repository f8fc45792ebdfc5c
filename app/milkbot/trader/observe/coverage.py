"""What a tick must see of each series at this hour, and what it missed: seeing nothing is not health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from milkbot.domain.cities import city_of_series
from milkbot.domain.fees import FeeType
from milkbot.domain.unread import ObjectKind, UnreadObject
from milkbot.trader.observe.due import expected_days
from milkbot.trader.observe.observation import Observed
from milkbot.trader.report import TickReport

BRACKETS: Final = 6
"""Markets of an event. One with more is no fault."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One series in one tick: markets that were due, and how many of them were missing for whatever reason."""

    series: str
    expected: int
    missing: int
    why: str

    @property
    def sentence(self) -> str:
        """What is missing, for an operator."""
        return f"{self.series}: {self.missing} of {self.expected} markets are missing ({self.why})"


def judge(
    series: Sequence[str],
    observed: Sequence[Observed],
    unread: Sequence[UnreadObject],
    now: datetime,
    oldest_book: timedelta,
) -> tuple[Coverage, ...]:
    """What was missing of each series. An order book that is older than `oldest_book` is missing too."""
    return tuple(
        _judge(
            ticker,
            [seen for seen in observed if seen.event.series_ticker == ticker],
            [one for one in unread if one.series == ticker],
            now,
            oldest_book,
        )
        for ticker in series
    )


def count(report: TickReport, covered: Sequence[Coverage]) -> None:
    """Put it into the report of the tick; what is missing is its message, unless it has another one."""
    report.counts.expected = sum(one.expected for one in covered)
    report.counts.missing.update({one.series: one.missing for one in covered if one.missing})
    report.missing = {one.series: one.missing for one in covered}
    said = "; ".join(one.sentence for one in covered if one.missing)
    report.message = report.message or said or None


def _judge(
    series: str, seen: Sequence[Observed], odd: Sequence[UnreadObject], now: datetime, oldest_book: timedelta
) -> Coverage:
    due = expected_days(city_of_series(series), now)
    kinds = Counter(one.kind for one in odd)
    days = {one.event.climate_day for one in seen}
    # What is odd may not be due, or be due under another name: it counts once, as whichever there is more of.
    events = max(len(due - days), kinds[ObjectKind.EVENT], kinds[ObjectKind.SERIES])
    markets = max(sum(max(0, BRACKETS - len(one.event.markets)) for one in seen), kinds[ObjectKind.MARKET])
    books = sum(_has_no_book(one, ticker, now, oldest_book) for one, ticker in _markets(seen))
    unpriced = sum(len(one.event.markets) for one in seen) if any(_is_unpriced(one) for one in seen) else 0
    parts = {"events": events, "markets": markets, "order books": books, "markets with known fees": unpriced}
    said = [f"{number} {name}" for name, number in parts.items() if number]
    reasons = list(dict.fromkeys(one.reason for one in odd))[:1]
    missing = BRACKETS * events + markets + max(books, unpriced)
    return Coverage(series, BRACKETS * len(due), missing, ": ".join([", ".join(said), *reasons]) if missing else "")


def _markets(seen: Iterable[Observed]) -> Iterable[tuple[Observed, str]]:
    return ((one, market.ticker) for one in seen for market in one.event.markets)


def _has_no_book(seen: Observed, ticker: str, now: datetime, oldest: timedelta) -> bool:
    book = seen.orderbooks.get(ticker)
    return book is None or now - book.captured_at > oldest


def _is_unpriced(seen: Observed) -> bool:
    return seen.fees.fee_type is FeeType.UNKNOWN
