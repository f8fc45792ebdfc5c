"""Every reply of the simulated exchange fits the exchange's own document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.openapi import SPEC, ExchangeDocument
from tests.unit.simulator.api import Api, served
from tests.unit.simulator.scripted import MIDDLE, OPENS, ScriptedWorld


@pytest.fixture(scope="module")
def document(shared_data: Path) -> ExchangeDocument:
    return ExchangeDocument(shared_data / SPEC)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An exchange on which one account has orders in every state, a position, and settled ones of the days before."""
    with served(tmp_path_factory.mktemp("state")) as api:
        for number in range(4):
            market = api.liquid_market()
            ask = {"side": "ask", "price": market["yes_bid_dollars"], "time_in_force": "immediate_or_cancel"}
            assert api.order(ticker=market["ticker"], client_order_id=f"taker-{number}", **ask).status_code == 201
            resting = {"client_order_id": f"maker-{number}", "expiration_time": int(api.now.timestamp()) + 86_400}
            assert api.order(ticker=market["ticker"], **resting).status_code == 201
            api.tick(hours=22)
        group = api.ask("POST", "/portfolio/order_groups/create", json={"contracts_limit": 50}).json()
        last = {"client_order_id": "last", "order_group_id": group["order_group_id"]}
        assert api.order(ticker=api.liquid_market()["ticker"], **last).status_code == 201
        yield api


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An exchange whose one event is long over: what an account did there is historical."""
    world = ScriptedWorld()
    world.house.quote(MIDDLE, OPENS, 40, 50)
    with served(tmp_path_factory.mktemp("old"), world, OPENS) as api:
        take = {"price": "0.5000", "time_in_force": "immediate_or_cancel"}
        assert api.order(ticker=MIDDLE, **take).status_code == 201
        api.tick(days=100)
        yield api


@pytest.fixture(autouse=True)
def rested(traded: Api) -> None:
    """Full token buckets for each test."""
    traded.tick(seconds=3)


def ticker_of(api: Api) -> str:
    return str(api.liquid_market()["ticker"])


SPAN = {"start_ts": "{six_hours_ago}", "end_ts": "{now}", "period_interval": "60"}
READS = [
    ("/series/fee_changes", {}),
    ("/events/fee_changes", {}),
    ("/events/{event_ticker}/metadata", {}),
    ("/search/tags_by_categories", {}),
    ("/portfolio/deposits", {}),
    ("/portfolio/withdrawals", {}),
    ("/series/{series_ticker}/markets/{ticker}/candlesticks", SPAN),
    ("/series/{series_ticker}/events/{ticker}/candlesticks", SPAN),
    ("/series/{series_ticker}/events/{ticker}/forecast_percentile_history", {"percentiles": ["1", "5000"], **SPAN}),
    ("/markets/candlesticks", {"market_tickers": "{ticker}", **SPAN}),
    ("/exchange/status", {}),
    ("/exchange/schedule", {}),
    ("/exchange/user_data_timestamp", {}),
    ("/series", {"category": "Climate and Weather"}),
    ("/series/{series_ticker}", {}),
    ("/events", {"with_nested_markets": "true"}),
    ("/events", {"status": "settled", "limit": 2}),
    ("/events", {"tickers": "{event_ticker},KXHIGHNY-99JAN01", "with_nested_markets": "true"}),
    ("/events/{event_ticker}", {"with_nested_markets": "true"}),
    ("/markets", {"status": "open"}),
    ("/markets", {"status": "settled"}),
    ("/markets", {"status": "closed"}),
    ("/markets/{ticker}", {}),
    ("/markets/{ticker}/orderbook", {"depth": 3}),
    ("/markets/orderbooks", {"tickers": ["{ticker}", "KXHIGHNY-99JAN01-B1.5"]}),
    ("/markets/trades", {"limit": 50}),
    ("/portfolio/balance", {}),
    ("/portfolio/positions", {"settlement_status": "all"}),
    ("/portfolio/orders", {}),
    ("/portfolio/orders/{order_id}", {}),
    ("/portfolio/orders/queue_positions", {}),
    ("/portfolio/orders/{order_id}/queue_position", {}),
    ("/portfolio/order_groups", {}),
    ("/portfolio/order_groups/{order_group_id}", {}),
    ("/historical/cutoff", {}),
    ("/portfolio/fills", {}),
    ("/portfolio/settlements", {}),
    ("/portfolio/summary/total_resting_order_value", {}),
    ("/account/limits", {}),
    ("/account/endpoint_costs", {}),
]
ROWS = frozenset(
    [
        "events",
        "markets",
        "trades",
        "orders",
        "fills",
        "settlements",
        "market_positions",
        "orderbooks",
        "series",
        "queue_positions",
        "order_groups",
        "candlesticks",
        "market_candlesticks",
        "forecast_history",
    ]
)


@pytest.mark.parametrize(("path", "params"), READS, ids=lambda part: str(part)[:40])
def test_read_replies_fit_the_document(
    document: ExchangeDocument, traded: Api, path: str, params: dict[str, Any]
) -> None:
    ticker = ticker_of(traded)
    names = {
        "ticker": ticker,
        "event_ticker": ticker.rpartition("-")[0],
        "series_ticker": "KXHIGHNY",
        "order_id": traded.get("/portfolio/orders", status="resting")["orders"][0]["order_id"],
        "order_group_id": traded.get("/portfolio/order_groups")["order_groups"][0]["id"],
        "now": int(traded.now.timestamp()),
        "six_hours_ago": int(traded.now.timestamp()) - 6 * 3600,
    }
    filled = {
        name: [part.format(**names) for part in value] if isinstance(value, list) else str(value).format(**names)
        for name, value in params.items()
    }

    # The document calls an event's ticker by two names.
    reply = traded.ask("GET", path.replace("/events/{ticker}", "/events/{event_ticker}").format(**names), params=filled)

    body = reply.json()
    assert reply.status_code == 200
    assert document.problems("GET", path, 200, body) == []
    assert all(body[name] for name in ROWS if name in body), "an empty list proves nothing"


def test_created_and_canceled_orders_fit_the_document(document: ExchangeDocument, traded: Api) -> None:
    path = "/portfolio/events/orders"
    ticker = ticker_of(traded)
    resting = traded.order(ticker=ticker, client_order_id="resting")
    filled = traded.order(ticker=ticker, client_order_id="filled", price="0.9900", time_in_force="immediate_or_cancel")
    order_id = resting.json()["order_id"]
    canceled = traded.ask("DELETE", f"{path}/{order_id}")

    assert [resting.status_code, filled.status_code, canceled.status_code] == [201, 201, 200]
    assert document.problems("POST", path, 201, resting.json()) == []
    assert document.problems("POST", path, 201, filled.json()) == []
    assert filled.json()["average_fill_price"]
    assert document.problems("DELETE", f"{path}/{{order_id}}", 200, canceled.json()) == []


def test_changed_orders_fit_the_document(document: ExchangeDocument, traded: Api) -> None:
    path = "/portfolio/events/orders"
    ticker = ticker_of(traded)
    order_id = traded.order(ticker=ticker, client_order_id="to-change", count="5.00").json()["order_id"]
    change = {"ticker": ticker, "side": "bid", "price": "0.0200", "count": "4.00", "exchange_index": 0}
    amended = traded.ask("POST", f"{path}/{order_id}/amend", json=change)
    decreased = traded.ask("POST", f"{path}/{order_id}/decrease", json={"reduce_by": "1.00"})

    assert (amended.json()["remaining_count"], decreased.json()["remaining_count"]) == ("4.00", "3.00")
    assert document.problems("POST", f"{path}/{{order_id}}/amend", 200, amended.json()) == []
    assert document.problems("POST", f"{path}/{{order_id}}/decrease", 200, decreased.json()) == []


def test_batches_with_accepted_and_refused_rows_fit_the_document(document: ExchangeDocument, traded: Api) -> None:
    path = "/portfolio/events/orders/batched"
    row = {
        "ticker": ticker_of(traded),
        "side": "bid",
        "count": "1.00",
        "price": "0.0100",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    asked = [{**row, "client_order_id": "batch-1"}, {**row, "client_order_id": "batch-2", "price": "2.0000"}, {}]
    created = traded.ask("POST", path, json={"orders": asked})
    order_id = created.json()["orders"][0]["order_id"]
    canceled = traded.ask("DELETE", path, json={"orders": [{"order_id": order_id}, {"order_id": "none"}]})

    assert [row.get("error", {}).get("code") for row in created.json()["orders"]] == [
        None,
        "invalid_price",
        "invalid_parameters",
    ]
    assert [row["reduced_by"] for row in canceled.json()["orders"]] == ["1.00", "0.00"]
    assert document.problems("POST", path, 201, created.json()) == []
    assert document.problems("DELETE", path, 200, canceled.json()) == []


def test_order_groups_fit_the_document(document: ExchangeDocument, traded: Api) -> None:
    path = "/portfolio/order_groups"
    made = traded.ask("POST", f"{path}/create", json={"contracts_limit_fp": "20.00"})
    assert document.problems("POST", f"{path}/create", 201, made.json()) == []
    group = f"{path}/{made.json()['order_group_id']}"
    for verb, body in (("trigger", None), ("reset", None), ("limit", {"contracts_limit": 10})):
        reply = traded.ask("PUT", f"{group}/{verb}", json=body or {})
        assert (reply.status_code, reply.json()) == (200, {})
        assert document.problems("PUT", f"{path}/{{order_group_id}}/{verb}", 200, reply.json()) == []
    assert traded.ask("DELETE", group).status_code == 200
    assert traded.ask("GET", group).status_code == 404


def test_the_historical_lists_fit_the_document(document: ExchangeDocument, old: Api) -> None:
    for what, key in (("orders", "orders"), ("fills", "fills"), ("positions", "market_positions")):
        path = f"/historical/{what}"
        body = old.get(path)
        assert body[key], path
        assert document.problems("GET", path, 200, body) == []


def test_refusals_fit_the_document(document: ExchangeDocument, traded: Api) -> None:
    path = "/portfolio/events/orders"
    ticker = ticker_of(traded)
    traded.order(ticker=ticker, client_order_id="twice")
    refused = [
        traded.order(ticker=ticker, client_order_id="odd", price="0.015"),
        traded.order(ticker=ticker, client_order_id="twice"),
        traded.ask("POST", path, signed=False, json={}),
    ]

    assert [reply.status_code for reply in refused] == [400, 409, 401]
    for reply in refused:
        assert document.problems("POST", path, reply.status_code, reply.json()["error"]) == []


def test_a_wrong_reply_is_found(document: ExchangeDocument) -> None:
    assert document.problems("GET", "/exchange/status", 200, {"exchange_active": "yes"})
