"""The exchange as the rest of the program sees it: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import quote

import structlog

from milkbot.domain.books import OrderBook
from milkbot.domain.clock import Clock
from milkbot.domain.fees import FeeSchedule
from milkbot.domain.markets import Event
from milkbot.domain.orders import OrderIntent
from milkbot.domain.positions import Fill
from milkbot.domain.units import ZERO, Count
from milkbot.http import Backoff, Params, Traffic, Transport, TransportError
from milkbot.validation import reason
from milkbot.venue import convert, outcomes
from milkbot.venue.errors import CancelFailedError, OrderNotSentError, VenueReadError
from milkbot.venue.rate_limits import CANCEL_COST, DEFAULT_COST, Limit
from milkbot.venue.signing import ApiCredentials
from milkbot.venue.transport import BACKOFF, VenueSession, refusal
from milkbot.venue.values import (
    Balance,
    ExchangeStatus,
    PlacedOrder,
    VenueOrder,
    VenueOrderStatus,
    VenuePosition,
    VenueSettlement,
)
from milkbot.venue.wire import exchange, markets, portfolio
from milkbot.venue.wire.base import WireModel
from milkbot.venue.wire.orders import CanceledOrder, CreateOrder

_EVENTS_A_PAGE: Final = "200"
_ROWS_A_PAGE: Final = "1000"
_BOOKS_A_CALL: Final = 100
_ORDERS: Final = "/portfolio/events/orders"

_Wire = TypeVar("_Wire", bound=WireModel)
_Value = TypeVar("_Value")
_log = structlog.get_logger(__name__)


class KalshiClient:
    """One account at one exchange. Reads raise VenueReadError after bounded retries; writes are sent exactly once."""

    def __init__(
        self,
        base_url: str,
        credentials: ApiCredentials | None,
        clock: Clock,
        transport: Transport | None = None,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._clock = clock
        self._session = VenueSession(base_url, credentials, clock, transport, backoff)

    @property
    def clock_skew_seconds(self) -> float | None:
        """How far our clock is ahead of the exchange's; None before the first reply that carried a Date."""
        return self._session.clock_skew_seconds

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent so far, repeated ones too."""
        return self._session.traffic

    def adopt_account_limits(self) -> None:
        """Size the token buckets by the account's own tier; without this call they have those of Basic."""
        limits = self._one("/account/limits", exchange.AccountLimits, lambda wire: wire)
        self._session.reads.resize(Limit(limits.read.refill_rate, limits.read.bucket_capacity))
        self._session.writes.resize(Limit(limits.write.refill_rate, limits.write.bucket_capacity))

    def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange is open. Its body counts with any HTTP status: a closed exchange sends 503 with it."""
        reply = self._session.read_reply("/exchange/status")
        try:
            status = exchange.ExchangeStatus.model_validate(reply.json())
        except ValueError as error:
            raise VenueReadError(refusal("GET /exchange/status", reply)) from error
        return ExchangeStatus(status.exchange_active, status.trading_active)

    def user_data_as_of(self) -> datetime:
        """How fresh the exchange's balance, orders, fills and positions are."""
        return self._one("/exchange/user_data_timestamp", exchange.UserDataTimestamp, lambda wire: wire.as_of_time)

    def fee_schedule(self, series: str) -> FeeSchedule:
        """What the series charges. Raises VenueReadError also for a fee type that cannot be priced."""
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
        return [event for row in rows if (event := _known_event(row)) is not None]

    def event(self, event_ticker: str) -> Event:
        """One event with its markets, whatever its state."""
        return self._one(
            f"/events/{quote(event_ticker, safe='')}",
            markets.EventReply,
            lambda wire: convert.event(wire.event, wire.event.markets or wire.markets),
            [("with_nested_markets", "true")],
        )

    def order_books(self, tickers: Sequence[str]) -> dict[str, OrderBook]:
        """The books of those tickers that the exchange answered for, a hundred a call."""
        books: dict[str, OrderBook] = {}
        for start in range(0, len(tickers), _BOOKS_A_CALL):
            params = [("tickers", ticker) for ticker in tickers[start : start + _BOOKS_A_CALL]]
            rows = list(self._session.rows("/markets/orderbooks", "orderbooks", params))
            captured_at = self._clock.now()
            for wire in _parsed(rows, markets.TickerBook, lambda wire: wire):
                books[wire.ticker] = convert.order_book(wire, captured_at)
        return books

    def balance(self) -> Balance:
        """Free dollars and the positions' worth."""
        return self._one("/portfolio/balance", portfolio.Balance, convert.balance)

    def positions(self) -> list[VenuePosition]:
        """What the exchange says is held: a check on our own books, never their source."""
        rows = self._rows("/portfolio/positions", "market_positions", [])
        return list(_parsed(rows, portfolio.MarketPosition, convert.position))

    def orders(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: VenueOrderStatus | None = None,
        since: datetime | None = None,
    ) -> list[VenueOrder]:
        """Orders that fit all filters given. There is no filter by client_order_id: scan those of its ticker."""
        filters = {"ticker": ticker, "event_ticker": event_ticker, "status": status}
        params = [(name, str(value)) for name, value in filters.items() if value is not None]
        rows = self._rows("/portfolio/orders", "orders", params, since)
        return list(_parsed(rows, portfolio.Order, convert.order))

    def fills(self, *, since: datetime | None = None) -> list[Fill]:
        """Executions, oldest first. The same one may come again: it is unique by `fill_id`."""
        found = _parsed(self._rows("/portfolio/fills", "fills", [], since), portfolio.Fill, convert.fill)
        return sorted(found, key=lambda fill: (fill.filled_at, fill.fill_id))

    def settlements(self, *, since: datetime | None = None) -> list[VenueSettlement]:
        """Markets that settled while we held them."""
        rows = self._rows("/portfolio/settlements", "settlements", [], since)
        return list(_parsed(rows, portfolio.Settlement, convert.settlement))

    def create_order(self, intent: OrderIntent) -> PlacedOrder:
        """Send an order once. Raises OrderRejectedError (proven) or OrderOutcomeUnknownError (all else)."""
        body = _order_body(intent)
        try:
            reply = self._session.write("POST", _ORDERS, DEFAULT_COST, body=body)
        except TransportError as error:
            raise outcomes.no_reply(intent, error) from error
        return outcomes.placed(intent, reply)

    def cancel_order(self, order_id: str, exchange_index: int) -> Count:
        """Contracts that no longer rest; 0 if the exchange has no such order to cancel. Raises CancelFailedError."""
        path = f"{_ORDERS}/{quote(order_id, safe='')}"
        try:
            reply = self._session.write("DELETE", path, CANCEL_COST, params=[("exchange_index", str(exchange_index))])
            if reply.status == 404:
                return Count(ZERO)
            if reply.ok:
                return CanceledOrder.model_validate(reply.json()).reduced_by
        except (TransportError, ValueError) as error:
            raise CancelFailedError(f"cancel of order {order_id} has no readable answer: {error}") from error
        raise CancelFailedError(refusal(f"cancel of order {order_id}", reply))

    def cancel_all(self) -> None:
        """Cancel every resting order of the account; it may also hit orders of the next minute."""
        try:
            reply = self._session.write("DELETE", _ORDERS, CANCEL_COST)
        except TransportError as error:
            raise CancelFailedError(f"cancel of all orders has no answer: {error}") from error
        if not reply.ok:
            raise CancelFailedError(refusal("cancel of all orders", reply))

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()

    def _rows(self, path: str, key: str, params: Params, since: datetime | None = None) -> Iterator[object]:
        # One second early: whether the bound is inclusive is not documented, and a repeated row does no harm.
        bound = [] if since is None else [("min_ts", str(int(since.timestamp()) - 1))]
        return self._session.rows(path, key, [*params, *bound, ("limit", _ROWS_A_PAGE)])

    def _one(self, path: str, model: type[_Wire], to_value: Callable[[_Wire], _Value], params: Params = ()) -> _Value:
        try:
            return to_value(model.model_validate(self._session.read(path, params)))
        except ValueError as error:
            raise VenueReadError(f"GET {path}: the answer is not understood: {reason(error)}") from error


def _order_body(intent: OrderIntent) -> dict[str, object]:
    try:
        order = CreateOrder(
            ticker=intent.ticker,
            client_order_id=intent.client_order_id,
            side=intent.side,
            count=intent.count,
            price=intent.price,
            time_in_force=intent.time_in_force,
            self_trade_prevention_type="taker_at_cross",
            post_only=intent.post_only,
            reduce_only=intent.reduce_only,
            cancel_order_on_pause=True,
            exchange_index=intent.exchange_index,
        )
    except ValueError as error:
        raise OrderNotSentError(f"the order is not valid: {reason(error)}") from error
    return order.model_dump(mode="json")


def _known_event(row: object) -> Event | None:
    try:
        wire = markets.Event.model_validate(row)
        return convert.event(wire, wire.markets)
    except ValueError as error:
        ticker = row.get("event_ticker") if isinstance(row, dict) else None
        _log.warning("event_not_understood", event_ticker=ticker, reason=reason(error))
        return None


def _parsed(rows: Iterable[object], model: type[_Wire], to_value: Callable[[_Wire], _Value]) -> Iterator[_Value]:
    for row in rows:
        try:
            value = to_value(model.model_validate(row))
        except ValueError as error:
            name = model.__name__
            raise VenueReadError(f"a {name} of the exchange is not understood: {reason(error)}") from error
        yield value
