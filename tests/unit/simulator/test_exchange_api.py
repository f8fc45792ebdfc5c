"""Keys, limits, paging and filters of the exchange's HTTP surface."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest
from tests.unit.simulator.api import Api


def refused(reply: httpx2.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_market_data_needs_no_key_and_the_portfolio_does(api: Api) -> None:
    assert api.ask("GET", "/markets", signed=False).status_code == 200
    assert refused(api.ask("GET", "/portfolio/balance", signed=False)) == (401, "authentication_error")


@pytest.mark.parametrize("age", [timedelta(minutes=-2), timedelta(minutes=2)])
def test_signature_of_another_time_is_refused(api: Api, age: timedelta) -> None:
    path = "/portfolio/balance"
    headers = api.headers("GET", path, api.now - age)

    reply = api.http.get(f"/trade-api/v2{path}", headers=headers)

    assert refused(reply) == (401, "authentication_error")


def test_signature_of_another_path_or_method_is_refused(api: Api) -> None:
    elsewhere = api.headers("GET", "/portfolio/orders")
    other_method = api.headers("GET", "/portfolio/events/orders")

    assert refused(api.http.get("/trade-api/v2/portfolio/balance", headers=elsewhere))[0] == 401
    assert refused(api.http.post("/trade-api/v2/portfolio/events/orders", headers=other_method, json={}))[0] == 401


def test_query_is_not_part_of_the_signature(api: Api) -> None:
    assert api.get("/portfolio/orders", limit=5, status="resting")["orders"] == []


def test_unknown_key_is_refused_even_for_public_data(api: Api) -> None:
    headers = api.headers("GET", "/markets") | {"KALSHI-ACCESS-KEY": "someone-else"}

    assert refused(api.http.get("/trade-api/v2/markets", headers=headers)) == (401, "authentication_error")


def test_reads_are_limited_with_a_burst_and_refill_with_time(api: Api) -> None:
    statuses = [api.ask("GET", "/exchange/status").status_code for _ in range(62)]
    reply = api.ask("GET", "/exchange/status")

    assert statuses == [200] * 60 + [429] * 2
    assert reply.json() == {"error": "too many requests"}
    assert "retry-after" not in reply.headers
    api.tick(seconds=1)
    assert [api.ask("GET", "/exchange/status").status_code for _ in range(21)] == [200] * 20 + [429]


def test_writes_are_limited_without_a_burst_and_cancels_are_cheap(api: Api) -> None:
    ticker = api.liquid_market()["ticker"]
    created = [api.order(ticker=ticker, client_order_id=f"n{number}") for number in range(11)]
    api.tick(seconds=1)
    order_id = created[0].json()["order_id"]
    canceled = [api.ask("DELETE", f"/portfolio/events/orders/{order_id}").status_code for _ in range(51)]

    assert [reply.status_code for reply in created] == [201] * 10 + [429]
    assert canceled == [200] + [404] * 49 + [429]


def test_old_order_endpoints_are_gone_and_place_nothing(api: Api) -> None:
    for method, path in (
        ("POST", "/portfolio/orders"),
        ("POST", "/portfolio/orders/batched"),
        ("DELETE", "/portfolio/orders/x"),
        ("POST", "/portfolio/orders/x/amend"),
        ("POST", "/portfolio/orders/x/decrease"),
    ):
        assert refused(api.ask(method, path)) in [(404, "not_found"), (405, "not_found")]
    assert api.get("/portfolio/orders")["orders"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"price": 0.5},
        {"count": "many"},
        {"count": "NaN"},
        {"side": "yes"},
        {"time_in_force": "GTT"},
        {"self_trade_prevention_type": None},
        {"post_only": "true"},
        {"exchange_index": 2},
        {"price": "1e-400"},
    ],
    ids=str,
)
def test_malformed_order_is_refused_with_the_field_named(api: Api, change: dict[str, object]) -> None:
    reply = api.order(ticker=api.liquid_market()["ticker"], **change)

    assert refused(reply) == (400, "invalid_parameters")
    assert next(iter(change)) in reply.json()["error"]["message"]


def test_body_that_is_no_json_is_refused(api: Api) -> None:
    assert refused(api.ask("POST", "/portfolio/events/orders", content=b"{")) == (400, "invalid_parameters")


def test_pages_add_up_to_the_whole_list(api: Api) -> None:
    whole = [market["ticker"] for market in api.get("/markets", limit=1000)["markets"]]
    pages: list[str] = []
    cursor = ""
    while True:
        body = api.get("/markets", limit=30, cursor=cursor)
        pages += [market["ticker"] for market in body["markets"]]
        cursor = body["cursor"]
        if not cursor:
            break

    assert pages == whole
    assert len(set(whole)) == len(whole) > 60
    assert refused(api.ask("GET", "/markets", params={"cursor": "bm9uZQ=="})) == (400, "invalid_cursor")


def test_filters_narrow_the_list(api: Api) -> None:
    event = api.get("/events", series_ticker="KXHIGHDEN")["events"][0]["event_ticker"]
    markets = api.get("/markets", event_ticker=event)["markets"]

    assert {market["event_ticker"] for market in markets} == {event}
    assert len(markets) == 6
    assert api.get("/markets", status="settled")["markets"] == []
    assert refused(api.ask("GET", "/markets", params={"status": "active"})) == (400, "invalid_parameters")
    assert refused(api.ask("GET", "/markets", params={"limit": 1001})) == (400, "invalid_parameters")


def test_order_book_shows_bids_of_both_legs_best_last(api: Api) -> None:
    market = api.liquid_market()
    book = api.get(f"/markets/{market['ticker']}/orderbook")["orderbook_fp"]
    shallow = api.get(f"/markets/{market['ticker']}/orderbook", depth=1)["orderbook_fp"]

    assert book["yes_dollars"][-1] == [market["yes_bid_dollars"], market["yes_bid_size_fp"]]
    assert book["no_dollars"][-1][0] == market["no_bid_dollars"]
    assert shallow["yes_dollars"] == book["yes_dollars"][-1:]
    for side in book.values():
        assert [row[0] for row in side] == sorted(row[0] for row in side)


def test_unknown_market_has_an_empty_book_and_no_page(api: Api) -> None:
    assert api.get("/markets/NOPE/orderbook")["orderbook_fp"] == {"yes_dollars": [], "no_dollars": []}
    assert refused(api.ask("GET", "/markets/NOPE")) == (404, "not_found")
    assert refused(api.ask("GET", "/nothing/here")) == (404, "not_found")


def test_duplicate_answers_conflict_without_the_first_order(api: Api) -> None:
    ticker = api.liquid_market()["ticker"]
    api.order(ticker=ticker)

    reply = api.order(ticker=ticker)

    assert refused(reply) == (409, "order_already_exists")
    assert "order_id" not in reply.text


def test_order_of_another_account_is_not_shown(api: Api) -> None:
    order_id = api.order(ticker=api.liquid_market()["ticker"]).json()["order_id"]
    api.simulator.state.orders[order_id].account = "bob"

    assert refused(api.ask("GET", f"/portfolio/orders/{order_id}")) == (404, "not_found")
    assert api.get("/portfolio/orders")["orders"] == []


def test_cancel_all_cancels_every_order_of_the_account(api: Api) -> None:
    ticker = api.liquid_market()["ticker"]
    for number in range(3):
        api.order(ticker=ticker, client_order_id=f"n{number}", count="10", price="0.02")
    assert api.get("/portfolio/balance")["balance_dollars"] == "999.4000"
    assert api.get("/portfolio/summary/total_resting_order_value")["total_resting_order_value"] == 60

    reply = api.ask("DELETE", "/portfolio/events/orders")

    assert (reply.status_code, reply.content) == (204, b"")
    assert api.get("/portfolio/balance")["balance_dollars"] == "1000.0000"
    assert {order["status"] for order in api.get("/portfolio/orders")["orders"]} == {"canceled"}
