"""What is traded: series, events with their markets, and order books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import quote

from milkbot.domain.fees import FeeSchedule
from milkbot.domain.listings import ListedSeries
from milkbot.domain.markets import Event
from milkbot.domain.orderbook import OrderBook
from milkbot.domain.unread import ObjectKind, Unread, unread_object
from milkbot.validation import NOT_UNDERSTOOD, reason
from milkbot.venue import convert
from milkbot.venue.calls.base import Calls, same, skip
from milkbot.venue.wire import markets

_EVENTS_A_PAGE: Final = "200"
_BOOKS_A_CALL: Final = 100
_EVENTS_A_CALL: Final = 100
_OPEN: Final = ("status", "open")


class MarketCalls(Calls):
    """/series, /events and /markets."""

    def fee_schedule(self, series: str) -> FeeSchedule:
        """What the series charges; the type is UNKNOWN where we cannot price it."""
        path = f"/series/{quote(series, safe='')}"
        return self._one(path, markets.SeriesReply, lambda wire: convert.fee_schedule(wire.series, series))

    def listed_series(self, category: str, *, unread: Unread | None = None) -> list[ListedSeries]:
        """Every series of a category, in one reply. One that is not understood goes to `unread`, or raises."""
        rows = self._session.rows("/series", "series", [("category", category)])
        return list(self._parsed(ObjectKind.SERIES, rows, markets.Series, convert.listed_series, unread))

    def open_events(self, series: str, *, unread: Unread | None = None) -> list[Event]:
        """All open events of a series with their markets.

        Events and markets that are not understood, or come twice, are left out and go to `unread`; without one they
        raise UnusableReplyError.
        """
        return self._events([("series_ticker", series), _OPEN], frozenset({series}), unread, series)

    def events_named(
        self, tickers: Sequence[str], *, only_open: bool = True, unread: Unread | None = None
    ) -> list[Event]:
        """The named events, or those of them that are open, of whatever series, a hundred names a call. Raises as
        above.

        `tickers` is in the exchange's document since 3.28 at the latest, with commas between. Others found in August
        2026 that this list may omit an event which `event` has: the caller reads what is due and is not in it alone.
        """
        found: list[Event] = []
        for start in range(0, len(tickers), _EVENTS_A_CALL):
            part = tickers[start : start + _EVENTS_A_CALL]
            series = frozenset(ticker.partition("-")[0] for ticker in part)
            asked = [("tickers", ",".join(part)), *([_OPEN] if only_open else [])]
            found += self._events(asked, series, unread, "")
        return found

    def _events(
        self, asked: list[tuple[str, str]], series: Collection[str], unread: Unread | None, of: str
    ) -> list[Event]:
        params = [*asked, ("with_nested_markets", "true"), ("limit", _EVENTS_A_PAGE)]
        rows = self._session.rows("/events", "events", params)
        events: dict[str, Event] = {}
        for row in rows:
            try:
                event = self._event(row, series, events, unread)
            except NOT_UNDERSTOOD as error:
                skip(unread, unread_object(ObjectKind.EVENT, row, reason(error), of))
            else:
                events[event.ticker] = event
        return list(events.values())

    def event(self, event_ticker: str, *, unread: Unread | None = None) -> Event:
        """One event with its markets, whatever its state. Markets that are not understood go to `unread`, or raise."""
        return self._one(
            f"/events/{quote(event_ticker, safe='')}",
            markets.EventReply,
            lambda wire: convert.event(wire.event, wire.event.markets or wire.markets, unread, self.unknown_fields),
            [("with_nested_markets", "true")],
        )

    def orderbooks(self, tickers: Sequence[str], *, unread: Unread | None = None) -> dict[str, OrderBook]:
        """The order books of those tickers that the exchange answered for, a hundred a call.

        One that is not understood goes to `unread`; without one it raises UnusableReplyError. Of two for one market
        neither is used: nobody knows whose they are.
        """
        orderbooks: dict[str, OrderBook] = {}
        times: Counter[str] = Counter()
        for start in range(0, len(tickers), _BOOKS_A_CALL):
            params = [("tickers", ticker) for ticker in tickers[start : start + _BOOKS_A_CALL]]
            rows = list(self._session.rows("/markets/orderbooks", "orderbooks", params))
            captured_at = self._clock.now()
            for wire in self._parsed(ObjectKind.ORDERBOOK, rows, markets.TickerBook, same, unread):
                orderbooks[wire.ticker] = convert.orderbook(wire, captured_at)
                times[wire.ticker] += 1
        for ticker in [ticker for ticker, number in times.items() if number > 1]:
            del orderbooks[ticker]
            skip(unread, unread_object(ObjectKind.ORDERBOOK, {"ticker": ticker}, "it came more than once"))
        return orderbooks

    def _event(self, row: object, series: Collection[str], before: Collection[str], unread: Unread | None) -> Event:
        wire = markets.Event.from_wire(row, self.unknown_fields)
        if wire.series_ticker not in series:
            raise ValueError(f"it belongs to {wire.series_ticker}")
        if wire.event_ticker in before:
            raise ValueError("it came more than once")
        return convert.event(wire, wire.markets, unread, self.unknown_fields)
