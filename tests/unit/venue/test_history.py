"""After weeks away the live lists are not whole: what is older must come from the historical tier, and only that."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes import NOON, reply
from tests.unit.venue.served import client
from tests.unit.venue.test_kalshi_portfolio import fill

CUTOFF = {
    "market_settled_ts": "2026-04-19T00:00:00Z",
    "trades_created_ts": "2026-07-17T12:00:00Z",
    "orders_updated_ts": "2026-07-16T12:00:00Z",
}


def order(order_id: str, created_time: str | None) -> dict[str, object]:
    return {
        "order_id": order_id,
        "client_order_id": "mb-1",
        "ticker": "T",
        "book_side": "bid",
        "status": "executed",
        "yes_price_dollars": "0.4000",
        "initial_count_fp": "1.00",
        "fill_count_fp": "1.00",
        "remaining_count_fp": "0.00",
        "created_time": created_time,
        "last_update_time": "2026-07-01T12:00:00Z",
        "expiration_time": None,
        "order_group_id": "",
    }


def test_recent_orders_and_fills_are_not_read_from_the_historical_lists() -> None:
    kalshi, server, _ = client(reply(CUTOFF), reply(CUTOFF))
    assert kalshi.historical_fills(since=NOON - timedelta(days=1)) == []
    assert kalshi.historical_orders(since=NOON - timedelta(days=2)) == []
    assert [request.url.path.rpartition("/")[2] for request in server.requests] == ["cutoff", "cutoff"]


def test_older_fills_are_read_to_the_last_page_and_filtered_by_time() -> None:
    rows = [fill("a"), fill("b", created_time="2026-07-01T00:00:00Z")]
    kalshi, server, _ = client(
        reply(CUTOFF),
        reply({"fills": rows, "cursor": "next"}),
        reply({"fills": [fill("c", created_time="2026-07-15T00:00:00Z")], "cursor": ""}),
    )
    found = kalshi.historical_fills(since=NOON - timedelta(days=5), ticker="T")
    assert [each.fill_id for each in found] == ["c", "a"]
    assert dict(server.requests[1].url.params) == {"ticker": "T", "limit": "1000"}


def test_an_old_order_without_a_creation_time_is_included() -> None:
    rows = [order("a", None), order("b", "2026-07-15T00:00:00Z"), order("c", "2026-06-01T00:00:00Z")]
    kalshi, _, _ = client(reply(CUTOFF), reply({"orders": rows, "cursor": ""}))
    found = kalshi.historical_orders(since=NOON - timedelta(days=5))
    assert [each.order_id for each in found] == ["a", "b"]
    assert (found[0].order_group_id, found[0].expires_at) == (None, None)


def test_the_whole_history_is_read_without_a_bound() -> None:
    kalshi, server, _ = client(reply({"orders": [order("a", None)], "cursor": ""}))
    assert len(kalshi.historical_orders()) == 1
    assert len(server.requests) == 1


def test_the_cutoffs_are_those_of_the_exchange() -> None:
    kalshi, _, _ = client(reply(CUTOFF))
    cutoff = kalshi.historical_cutoff()
    assert (NOON - cutoff.trades, NOON - cutoff.orders) == (timedelta(days=1), timedelta(days=2))
    assert cutoff.markets.isoformat() == "2026-04-19T00:00:00+00:00"
