"""A trader that works with kalshi-python-sync, the exchange's own SDK."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import kalshi_python_sync
from tests.contract.sdk_calls import CATEGORY, SERIES, Calls, best_of, dearest, seconds, unknown_in
from tests.exchange import KEY_ID, Exchange

from milkbot.simulator.server import EXCHANGE_PREFIX

# It exports its names without saying so, and a type checker finds none of them.
official: Any = kalshi_python_sync
HOUR = 60
"""A candlestick's length in minutes."""


class OfficialTrader:
    """Reads each reply by the SDK's models; they ignore no missing field and no wrong type."""

    def __init__(self, exchange: Exchange) -> None:
        configuration = official.Configuration(host=f"{exchange.origin}{EXCHANGE_PREFIX}", retries=0)
        configuration.api_key_id = KEY_ID
        configuration.private_key_pem = exchange.keys.private_key.read_text()
        self.calls = Calls(exchange)
        self._client = official.KalshiClient(configuration)
        self._send = self._client.call_api
        self._client.call_api = self._counted

    def close(self) -> None:
        """Let go of its connections."""
        self._client.rest_client.pool_manager.clear()

    def _counted(self, method: str, url: str, *args: Any, **named: Any) -> Any:
        self.calls.note(method, url)
        return self._send(method, url, *args, **named)

    def _ask(self, name: str, *args: Any, **named: Any) -> Any:
        reply = self.calls.parsed(getattr(self._client, f"{name}_with_http_info"), *args, **named)
        if reply.data is not None:
            self.calls.undocumented |= set(unknown_in(reply.data, json.loads(reply.raw_data)))
        return reply.data

    def survey(self, now: datetime) -> None:
        """Everything that is read before an order is thought of."""
        ask = self._ask
        for plain in (
            "get_exchange_status",
            "get_exchange_schedule",
            "get_user_data_timestamp",
            "get_historical_cutoff",
        ):
            ask(plain)
        for plain in ("get_account_api_limits", "get_account_endpoint_costs", "get_tags_for_series_categories"):
            ask(plain)
        for plain in ("get_series_fee_changes", "get_event_fee_changes", "get_deposits", "get_withdrawals"):
            ask(plain)
        assert SERIES in {series.ticker for series in ask("get_series_list", category=CATEGORY).series}
        assert ask("get_series", SERIES).series.categories == [CATEGORY]
        (event, *_) = ask("get_events", series_ticker=SERIES, status="open", with_nested_markets=True).events
        assert event.markets
        assert (event.collateral_return_type, event.mutually_exclusive) == ("MECNET", True)
        name, tickers = event.event_ticker, [market.ticker for market in event.markets]
        assert ask("get_event", name, with_nested_markets=True).event.markets == event.markets
        ask("get_event_metadata", name)
        assert ask("get_market", tickers[0]).market.settlement_bounds_type == "default"
        assert len(ask("get_market_orderbooks", tickers).orderbooks) == len(tickers)
        span = {"start_ts": seconds(now, -20), "end_ts": seconds(now), "period_interval": HOUR}
        assert ask("get_market_candlesticks", SERIES, tickers[0], **span).candlesticks
        assert all(row.candlesticks for row in ask("batch_get_market_candlesticks", ",".join(tickers), **span).markets)
        assert all(ask("get_market_candlesticks_by_event", name, SERIES, **span).market_candlesticks)
        assert ask("get_event_forecast_percentiles_history", name, SERIES, [1000, 5000, 9000], **span).forecast_history

    def liquid_markets(self) -> list[str]:
        """The markets of the series with quotes on both sides, the dearest first."""
        found = self._ask("get_markets", series_ticker=SERIES, status="open", limit=100).markets
        return dearest(found)

    def best(self, ticker: str) -> tuple[Decimal, Decimal]:
        """Best bid and ask of the YES leg."""
        levels = self._ask("get_market_orderbook", ticker, depth=10).orderbook_fp
        return best_of(levels.yes_dollars, levels.no_dollars)

    def new_group(self) -> str:
        """An order group's id."""
        made = self._ask("create_order_group", official.CreateOrderGroupRequest(contracts_limit_fp="500.00"))
        return str(made.order_group_id)

    def take(self, ticker: str, price: str, count: str) -> Decimal:
        """Buy at once; how much was got."""
        made = self._ask("create_order_v2", _create(ticker, "bid", price, count, "immediate_or_cancel"))
        assert Decimal(made.average_fill_price) <= Decimal(price)
        return Decimal(made.fill_count)

    def rest(self, ticker: str, side: str, price: str, count: str, group: str) -> str:
        """Quote, post-only; the order's id."""
        asked = _create(ticker, side, price, count, "good_till_canceled", post_only=True, order_group_id=group)
        return str(self._ask("create_order_v2", asked).order_id)

    def amend(self, order_id: str, price: str) -> None:
        """Another price."""
        order = self._ask("get_order", order_id).order
        total = Decimal(order.fill_count_fp) + Decimal(order.remaining_count_fp)
        row = {"ticker": order.ticker, "side": order.book_side, "price": price, "count": str(total)}
        assert self._ask("amend_order_v2", order_id, official.AmendOrderV2Request(**row)).order_id == order_id
        assert Decimal(self._ask("get_order", order_id).order.yes_price_dollars) == Decimal(price)

    def decrease(self, order_id: str, by: str) -> None:
        """Fewer contracts."""
        self._ask("decrease_order_v2", order_id, official.DecreaseOrderV2Request(reduce_by=by))

    def cancel(self, order_id: str) -> None:
        """Out of the book."""
        self._ask("cancel_order_v2", order_id)
        assert self._ask("get_order", order_id).order.status == "canceled"

    def rest_many(self, rows: list[dict[str, str]]) -> list[str]:
        """Orders of one batch; their ids."""
        asked = [_create(**row, time_in_force="good_till_canceled") for row in rows]
        made = self._ask("batch_create_orders_v2", official.BatchCreateOrdersV2Request(orders=asked)).orders
        return [str(row.order_id) for row in made]

    def cancel_many(self, order_ids: list[str]) -> None:
        """Out of the book in one batch."""
        rows = [official.BatchCancelOrdersV2RequestOrdersInner(order_id=order_id) for order_id in order_ids]
        done = self._ask("batch_cancel_orders_v2", official.BatchCancelOrdersV2Request(orders=rows)).orders
        assert all(Decimal(row.reduced_by) > 0 for row in done)

    def resting(self) -> list[str]:
        """Open orders, and where they stand in their queues."""
        found = [order.order_id for order in self._ask("get_orders", status="resting").orders]
        assert {row.order_id for row in self._ask("get_order_queue_positions").queue_positions} == set(found)
        for order_id in found[:1]:
            self._ask("get_order_queue_position", order_id)
        return found

    def filled(self) -> Decimal:
        """Contracts of all fills, page by page."""
        total, cursor = Decimal(0), None
        while True:
            page = self._ask("get_fills", limit=10, cursor=cursor)
            total += sum(Decimal(fill.count_fp) for fill in page.fills)
            cursor = page.cursor
            if not cursor:
                return total

    def position(self, ticker: str) -> Decimal:
        """The signed position in a market."""
        self._ask("get_portfolio_resting_order_total_value")
        self._ask("get_trades", ticker=ticker, limit=20)
        held = self._ask("get_positions", ticker=ticker, count_filter="position").market_positions
        return sum((Decimal(row.position_fp) for row in held), Decimal(0))

    def use_group(self, group: str) -> None:
        """Everything that can be done with an order group."""
        assert [row.id for row in self._ask("get_order_groups").order_groups] == [group]
        self._ask("update_order_group_limit", group, official.UpdateOrderGroupLimitRequest(contracts_limit=400))
        assert self._ask("get_order_group", group).contracts_limit_fp == "400.00"
        self._ask("trigger_order_group", group)
        assert self._ask("get_order_group", group).orders == []
        self._ask("reset_order_group", group)
        self._ask("delete_order_group", group)

    def end_orders(self) -> None:
        """No open order remains."""
        self._ask("cancel_all_orders")

    def settled(self) -> int:
        """Cents that were paid out."""
        return sum(row.revenue for row in self._ask("get_settlements", limit=100).settlements)

    def balance(self) -> int:
        """Cents."""
        return int(self._ask("get_balance").balance)

    def look_back(self, ticker: str, now: datetime) -> int:
        """What is historical by now: how many orders, fills and positions."""
        span = {"start_ts": seconds(now, -24 * 200), "end_ts": seconds(now), "period_interval": HOUR}
        event = ticker.rpartition("-")[0]
        assert self._ask("get_historical_market", ticker).market.result in ("yes", "no")
        assert self._ask("get_historical_markets", event_ticker=event).markets
        assert self._ask("get_market_candlesticks_historical", ticker, **span).candlesticks
        assert self._ask("get_trades_historical", ticker=ticker).trades
        found = [
            self._ask("get_historical_orders").orders,
            self._ask("get_fills_historical").fills,
            self._ask("get_historical_positions").market_positions,
        ]
        assert all(found)
        return sum(map(len, found))


def _create(ticker: str, side: str, price: str, count: str, time_in_force: str, **more: Any) -> Any:
    what = {"ticker": ticker, "side": side, "price": price, "count": count, "time_in_force": time_in_force}
    return official.CreateOrderV2Request(**what, self_trade_prevention_type="taker_at_cross", **more)
