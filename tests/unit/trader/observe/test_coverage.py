"""What is due of a series depends on the hour alone; whatever of it is not seen is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from milkbot.domain.cities import series_of
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.markets import Event, Market, MarketStatus, PriceRange, Strike, StrikeType, event_ticker
from milkbot.domain.orderbook import OrderBook
from milkbot.domain.units import Price
from milkbot.domain.unread import ObjectKind, UnreadObject
from milkbot.trader.observe.coverage import Coverage, count, judge
from milkbot.trader.observe.due import expected_days
from milkbot.trader.observe.observation import CityWeather, Observed
from milkbot.trader.report import TickReport

NY, CHICAGO = "KXHIGHNY", "KXHIGHCHI"
# A Monday, 13:00 in New York: today's event and tomorrow's are open.
NOW = datetime(2026, 8, 3, 17, 0, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 8, 3), date(2026, 8, 4)
AGE = timedelta(seconds=120)
CENT = PriceRange(Price(Decimal(0)), Price(Decimal(1)), Price(Decimal("0.01")))


def seen(series: str = NY, day: date = TODAY, markets: int = 6, fees: FeeType = FeeType.QUADRATIC) -> Observed:
    ticker = event_ticker(series, day)
    listed = tuple(
        Market(
            f"{ticker}-T{number}",
            ticker,
            Strike(StrikeType.GREATER, floor=number),
            MarketStatus.ACTIVE,
            NOW,
            NOW,
            "",
            "",
            (CENT,),
            0,
            "",
            "",
        )
        for number in range(markets)
    )
    books = {market.ticker: OrderBook(market.ticker, (), (), NOW) for market in listed}
    event = Event(ticker, series, day, True, listed)
    weather = CityWeather(None, None, None, None)
    return Observed(event, series_of(series), FeeSchedule(fees, Decimal(1)), weather, books)


def odd(kind: ObjectKind, series: str = NY, reason: str = "it is odd") -> UnreadObject:
    return UnreadObject(kind, "x", None, reason, "{}", series)


def judged(*observed: Observed, unread: tuple[UnreadObject, ...] = (), now: datetime = NOW) -> Coverage:
    (one,) = judge([NY], observed, unread, now, AGE)
    return one


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (datetime(2026, 8, 3, 5, 0, tzinfo=UTC), [TODAY]),  # midnight in New York by standard time
        (datetime(2026, 8, 3, 15, 59, 59, tzinfo=UTC), [TODAY]),
        (datetime(2026, 8, 3, 16, 0, tzinfo=UTC), [TODAY, TOMORROW]),  # two hours after 10:00 Eastern
        (datetime(2026, 8, 4, 4, 44, 59, tzinfo=UTC), [TODAY, TOMORROW]),
        (datetime(2026, 8, 4, 4, 45, tzinfo=UTC), [TOMORROW]),  # today's may be closed
        (datetime(2026, 8, 4, 5, 0, tzinfo=UTC), [TOMORROW]),
        (datetime(2026, 12, 7, 16, 59, 59, tzinfo=UTC), [date(2026, 12, 7)]),  # winter: an hour later in UTC
        (datetime(2026, 12, 7, 17, 0, tzinfo=UTC), [date(2026, 12, 7), date(2026, 12, 8)]),
    ],
)
def test_the_events_that_are_due_follow_from_the_hour(now: datetime, days: list[date]) -> None:
    assert sorted(expected_days(series_of(NY).city, now)) == days


def test_a_series_that_is_seen_whole_misses_nothing() -> None:
    assert judged(seen(), seen(day=TOMORROW)) == Coverage(NY, 12, 0, "")


def test_an_event_that_was_not_due_yet_and_one_with_more_markets_are_no_fault() -> None:
    morning = NOW - timedelta(hours=4)
    assert judged(seen(markets=8), seen(day=TOMORROW), now=morning) == Coverage(NY, 6, 0, "")


@pytest.mark.parametrize(
    ("observed", "missing", "why"),
    [
        ([], 12, "2 events"),
        ([seen(day=TOMORROW)], 6, "1 events"),
        ([seen(day=date(2026, 8, 9)), seen(day=TOMORROW)], 6, "1 events"),
        ([seen(markets=4), seen(day=TOMORROW)], 2, "2 markets"),
        ([seen(markets=0), seen(day=TOMORROW)], 6, "6 markets"),
        ([seen(fees=FeeType.UNKNOWN), seen(day=TOMORROW, fees=FeeType.UNKNOWN)], 12, "12 markets with known fees"),
    ],
)
def test_what_is_not_seen_is_missing(observed: list[Observed], missing: int, why: str) -> None:
    assert judged(*observed) == Coverage(NY, 12, missing, why)


def test_a_market_without_a_fresh_order_book_is_missing() -> None:
    today = seen()
    first, second = (market.ticker for market in today.event.markets[:2])
    books = {ticker: book for ticker, book in today.orderbooks.items() if ticker != first}
    books[second] = replace(books[second], captured_at=NOW - AGE - timedelta(seconds=1))
    books[today.event.markets[2].ticker] = replace(books[second], captured_at=NOW - AGE)
    assert judged(replace(today, orderbooks=books), seen(day=TOMORROW)) == Coverage(NY, 12, 2, "2 order books")


@pytest.mark.parametrize(
    ("unread", "missing", "why"),
    [
        ((odd(ObjectKind.EVENT),), 6, "1 events: it is odd"),
        ((odd(ObjectKind.SERIES),), 6, "1 events: it is odd"),
        ((odd(ObjectKind.MARKET), odd(ObjectKind.MARKET, reason="other")), 2, "2 markets: it is odd"),
        ((odd(ObjectKind.MARKET, CHICAGO),), 0, ""),
    ],
)
def test_what_cannot_be_read_is_missing_even_where_it_was_not_due(
    unread: tuple[UnreadObject, ...], missing: int, why: str
) -> None:
    assert judged(seen(), seen(day=TOMORROW), unread=unread) == Coverage(NY, 12, missing, why)


def test_what_is_missing_and_cannot_be_read_counts_once() -> None:
    assert judged(seen(), unread=(odd(ObjectKind.EVENT),)) == Coverage(NY, 12, 6, "1 events: it is odd")
    assert judged(unread=(odd(ObjectKind.SERIES),)) == Coverage(NY, 12, 12, "2 events: it is odd")
    whole = judged(seen(markets=5), seen(day=TOMORROW), unread=(odd(ObjectKind.MARKET),))
    assert whole == Coverage(NY, 12, 1, "1 markets: it is odd")


def test_the_report_of_a_tick_says_what_is_missing_unless_it_says_worse() -> None:
    covered = judge([NY, CHICAGO], [seen(CHICAGO), seen(CHICAGO, TOMORROW)], [], NOW, AGE)
    report = TickReport(1, NOW)
    count(report, covered)
    assert report.message == "KXHIGHNY: 12 of 12 markets are missing (2 events)"
    assert (report.counts.expected, report.counts.missing) == (24, {NY: 12})
    assert report.missing == {NY: 12, CHICAGO: 0}
    halted = TickReport(2, NOW, message="trading state is halted")
    count(halted, covered)
    assert halted.message == "trading state is halted"


def test_a_tick_that_missed_nothing_has_no_message() -> None:
    report = TickReport(1, NOW)
    count(report, judge([NY], [seen(), seen(day=TOMORROW)], [], NOW, AGE))
    assert (report.message, report.counts.missing) == (None, {})
