"""What is traded: series, events with their markets, and order books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import structlog

from milkbot.domain.fees import FeeSchedule
from milkbot.domain.markets import Event
from milkbot.domain.orderbook import OrderBook
from milkbot.validation import reason
from milkbot.venue import convert
from milkbot.venue.calls.base import Calls, same
from milkbot.venue.wire import markets

_EVENTS_A_PAGE: Final = "200"
_BOOKS_A_CALL: Final = 100
_log = structlog.get_logger(__name__)


class MarketCalls(Calls):
    """/series, /events and /markets."""

    def fee_schedule(self, series: str) -> FeeSchedule:
        """What the series charges; the type is UNKNOWN where we cannot price it."""
        path = f"/series/{quote(series, safe='')}"
        return self._one(path, markets.SeriesReply, lambda wire: convert.fee_schedule(wire.series))

    def open_events(self, series: str) -> list[Event]:
        """All open events of a series with their markets; events that are not understood are logged and left out."""
        params = [
            ("series_ticker", series),
            ("status", "open"),
            ("with_nested_markets", "true"),
            ("limit", _EVENTS_A_PAGE),
        ]
        rows = self._session.rows("/events", "events", params)
        return [event for row in rows if (event := self._known_event(row)) is not None]

    def event(self, event_ticker: str) -> Event:
        """One event with its markets, whatever its state."""
        return self._one(
            f"/events/{quote(event_ticker, safe='')}",
            markets.EventReply,
            lambda wire: convert.event(wire.event, wire.event.markets or wire.markets, self.unknown_fields),
            [("with_nested_markets", "true")],
        )

    def orderbooks(self, tickers: Sequence[str]) -> dict[str, OrderBook]:
        """The order books of those tickers that the exchange answered for, a hundred a call."""
        orderbooks: dict[str, OrderBook] = {}
        for start in range(0, len(tickers), _BOOKS_A_CALL):
            params = [("tickers", ticker) for ticker in tickers[start : start + _BOOKS_A_CALL]]
            rows = list(self._session.rows("/markets/orderbooks", "orderbooks", params))
            captured_at = self._clock.now()
            for wire in self._parsed(rows, markets.TickerBook, same):
                orderbooks[wire.ticker] = convert.orderbook(wire, captured_at)
        return orderbooks

    def _known_event(self, row: object) -> Event | None:
        try:
            wire = markets.Event.from_wire(row, self.unknown_fields)
            return convert.event(wire, wire.markets, self.unknown_fields)
        except ValueError as error:
            ticker = row.get("event_ticker") if isinstance(row, dict) else None
            _log.warning("event_not_understood", event_ticker=ticker, reason=reason(error))
            return None
