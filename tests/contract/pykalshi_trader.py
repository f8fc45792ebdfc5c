"""A trader that works with pykalshi."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pykalshi
from pykalshi.enums import OrderStatus, PositionCountFilter, TimeInForce
from tests.contract.sdk_calls import CATEGORY, SERIES, Calls, best_of, dearest, seconds
from tests.exchange import KEY_ID, Exchange

from milkbot.simulator.server import EXCHANGE_PREFIX


class PykalshiTrader:
    """Reads each reply by the SDK's models."""

    def __init__(self, exchange: Exchange) -> None:
        self.calls = Calls(exchange)
        key = str(exchange.keys.private_key)
        self._client = pykalshi.KalshiClient(KEY_ID, key, f"{exchange.origin}{EXCHANGE_PREFIX}", max_retries=0)
        self._client.close()
        self._client._session = httpx.Client(event_hooks={"request": [self._note]})  # noqa: SLF001 - it has no hook
        self._folio = self._client.portfolio

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def _note(self, request: httpx.Request) -> None:
        self.calls.note(request.method, str(request.url))

    def survey(self, now: datetime) -> None:
        """Everything that is read before an order is thought of."""
        ask, client = self.calls.parsed, self._client
        assert ask(client.exchange.is_trading)
        for plain in (client.exchange.get_schedule, client.exchange.get_user_data_timestamp, client.history.get_cutoff):
            ask(plain)
        assert ask(client.api_keys.get_limits).usage_tier == "basic"
        assert SERIES in {series.ticker for series in ask(client.get_all_series, category=CATEGORY)}
        series = ask(client.get_series, SERIES)
        (event, *_) = ask(series.get_events, status=pykalshi.MarketStatus.OPEN)
        assert event.mutually_exclusive
        assert ask(client.get_event, event.event_ticker) == event
        markets = ask(event.get_markets)
        assert ask(client.get_market, markets[0].ticker).status is pykalshi.MarketStatus.ACTIVE
        start, end = seconds(now, -20), seconds(now)
        assert ask(markets[0].get_candlesticks, start, end).candlesticks
        batch = ask(client.get_candlesticks_batch, [market.ticker for market in markets], start, end)
        assert all(row.candlesticks for row in batch.values())

    def liquid_markets(self) -> list[str]:
        """The markets of the series with quotes on both sides, the dearest first."""
        found = self.calls.parsed(self._client.get_markets, series_ticker=SERIES, status=pykalshi.MarketStatus.OPEN)
        return dearest(found)

    def best(self, ticker: str) -> tuple[Decimal, Decimal]:
        """Best bid and ask of the YES leg."""
        market = self.calls.parsed(self._client.get_market, ticker)
        levels = self.calls.parsed(market.get_orderbook, depth=10).orderbook
        return best_of(levels.yes_dollars, levels.no_dollars)

    def new_group(self) -> str:
        """An order group's id."""
        return str(self.calls.parsed(self._folio.create_order_group, "500.00").id)

    def take(self, ticker: str, price: str, count: str) -> Decimal:
        """Buy at once; how much was got."""
        made = self._place(ticker, "bid", price, count, time_in_force=TimeInForce.IOC)
        return Decimal(made.fill_count_fp or 0)

    def rest(self, ticker: str, side: str, price: str, count: str, group: str) -> str:
        """Quote, post-only; the order's id."""
        return str(self._place(ticker, side, price, count, post_only=True, order_group_id=group).order_id)

    def _place(self, ticker: str, side: str, price: str, count: str, **named: Any) -> Any:
        what = {"book_side": side, "price_dollars": price, "count_fp": count}
        return self.calls.parsed(self._folio.place_order, ticker, **what, **named)

    def amend(self, order_id: str, price: str) -> None:
        """Another price."""
        order = self.calls.parsed(self._folio.get_order, order_id)
        self.calls.parsed(order.amend, price_dollars=price)
        again = self.calls.parsed(self._folio.get_order, order_id)
        assert Decimal(again.yes_price_dollars or 0) == Decimal(price)

    def decrease(self, order_id: str, by: str) -> None:
        """Fewer contracts."""
        self.calls.parsed(self._folio.decrease_order, order_id, by)

    def cancel(self, order_id: str) -> None:
        """Out of the book."""
        self.calls.parsed(self._folio.cancel_order, order_id)
        assert self.calls.parsed(self._folio.get_order, order_id).status is OrderStatus.CANCELED

    def rest_many(self, rows: list[dict[str, str]]) -> list[str]:
        """Orders of one batch; their ids."""
        asked = [
            {"book_side": row["side"], "price_dollars": row["price"], "count": row["count"], "ticker": row["ticker"]}
            for row in rows
        ]
        return [str(order.order_id) for order in self.calls.parsed(self._folio.batch_place_orders, asked)]

    def cancel_many(self, order_ids: list[str]) -> None:
        """Out of the book in one batch."""
        assert len(self.calls.parsed(self._folio.batch_cancel_orders, order_ids)) == len(order_ids)

    def resting(self) -> list[str]:
        """Open orders, and where they stand in their queues."""
        found = [order.order_id for order in self.calls.parsed(self._folio.get_orders, status=OrderStatus.RESTING)]
        assert {row.order_id for row in self.calls.parsed(self._folio.get_queue_positions)} == set(found)
        for order_id in found[:1]:
            self.calls.parsed(self._folio.get_queue_position, order_id)
        return found

    def filled(self) -> Decimal:
        """Contracts of all fills, page by page."""
        fills = self.calls.parsed(self._folio.get_fills, limit=10, fetch_all=True)
        return sum((Decimal(fill.count_fp) for fill in fills), Decimal(0))

    def position(self, ticker: str) -> Decimal:
        """The signed position in a market."""
        self.calls.parsed(self._folio.get_resting_order_value)
        self.calls.parsed(self._client.get_trades, ticker=ticker, limit=20)
        only = PositionCountFilter.POSITION
        held = self.calls.parsed(self._folio.get_positions, ticker=ticker, count_filter=only)
        return sum((Decimal(row.position_fp) for row in held), Decimal(0))

    def use_group(self, group: str) -> None:
        """Everything that can be done with an order group; it has no call to delete one."""
        ask, folio = self.calls.parsed, self._folio
        assert [row.id for row in ask(folio.get_order_groups)] == [group]
        ask(folio.update_order_group_limit, group, "400.00")
        assert ask(folio.get_order_group, group).contracts_limit_fp == "400.00"
        ask(folio.trigger_order_group, group)
        assert ask(folio.get_order_group, group).orders == []
        ask(folio.reset_order_group, group)

    def end_orders(self) -> None:
        """No open order remains; it has no call for all of them."""
        for order_id in self.resting():
            self.cancel(order_id)

    def settled(self) -> int:
        """Cents that were paid out."""
        return sum(row.revenue for row in self.calls.parsed(self._folio.get_settlements))

    def balance(self) -> int:
        """Cents."""
        return int(self.calls.parsed(self._folio.get_balance).balance)

    def look_back(self, ticker: str, now: datetime) -> int:
        """What is historical by now: how many orders, fills and positions (it has no call for the last)."""
        ask, past = self.calls.parsed, self._client.history
        assert ask(past.get_market, ticker).result in ("yes", "no")
        assert ask(past.get_markets, event_ticker=ticker.rpartition("-")[0])
        assert ask(past.get_candlesticks, ticker, start_ts=seconds(now, -24 * 200), end_ts=seconds(now))
        assert ask(past.get_trades, ticker=ticker)
        orders, fills = ask(past.get_orders), ask(past.get_fills)
        assert orders
        assert fills
        return len(orders) + len(fills)
