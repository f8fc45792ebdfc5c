"""An account that is read wrongly is corrected wrongly: what cannot be understood is never left out unnoticed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.fakes import NOON, reply
from tests.unit.venue.served import client

from milkbot.domain.orders import BookSide
from milkbot.domain.unread import Unread
from milkbot.venue.errors import UnusableReplyError
from milkbot.venue.values import VenueOrderStatus


def test_orders_are_filtered_at_the_exchange_and_cash_never_becomes_a_float() -> None:
    order = {
        "order_id": "o",
        "client_order_id": "mb-1",
        "ticker": "T",
        "book_side": "ask",
        "status": "resting",
        "yes_price_dollars": "0.1234",
        "initial_count_fp": "2192.15",
        "fill_count_fp": "0.15",
        "remaining_count_fp": "2192.00",
        "created_time": None,
        "exchange_index": 0,
    }
    kalshi, server, _ = client(reply({"orders": [order], "cursor": ""}))
    (found,) = kalshi.orders(ticker="T", status=VenueOrderStatus.RESTING, since=NOON)
    assert (found.side, found.price, found.initial_count) == (BookSide.ASK, Decimal("0.1234"), Decimal("2192.15"))
    sent = dict(server.requests[0].url.params)
    assert sent == {"ticker": "T", "status": "resting", "min_ts": str(int(NOON.timestamp()) - 1), "limit": "1000"}


def fill(fill_id: str, **changes: object) -> dict[str, object]:
    whole = {
        "fill_id": fill_id,
        "trade_id": fill_id,
        "order_id": "o",
        "ticker": "T",
        "book_side": "bid",
        "count_fp": "0.50",
        "yes_price_dollars": "0.4900",
        "fee_cost": "0.008747",
        "is_taker": True,
        "created_time": "2026-07-18T12:00:00.5Z",
    }
    return whole | changes


def test_fills_are_returned_in_the_order_of_their_times() -> None:
    early = fill("b", created_time=None, ts=int(NOON.timestamp()))
    kalshi, _, _ = client(reply({"fills": [fill("a"), early], "cursor": ""}))
    found = kalshi.fills()
    assert [f.fill_id for f in found] == ["b", "a"]
    assert found[1].fee == Decimal("0.008747")


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        (fill("a", created_time=None), "a"),
        (fill("a", book_side="yes"), "a"),
        (fill(""), "o"),
        (fill("a", created_time="2026-07-18T13:00:01Z"), "a"),
        (fill("a", count_fp="1000000000.01"), "a"),
        (None, "sha256 74234e98afe7498f"),
    ],
)
def test_an_invalid_fill_is_an_error_unless_the_caller_takes_it_apart(odd: object, named: str) -> None:
    kalshi, _, _ = client(*[reply({"fills": [fill("b"), odd], "cursor": ""})] * 2)
    with pytest.raises(UnusableReplyError, match="fill"):
        kalshi.fills()
    unread: Unread = []
    assert [one.fill_id for one in kalshi.fills(unread=unread)] == ["b"]
    assert [(one.kind, one.subject) for one in unread] == [("fill", named)]


def test_a_row_that_is_dated_an_hour_ahead_may_be_the_clocks_difference() -> None:
    kalshi, _, _ = client(reply({"fills": [fill("a", created_time="2026-07-18T13:00:00Z")], "cursor": ""}))
    assert len(kalshi.fills()) == 1


ORDER = {
    "order_id": "o",
    "client_order_id": "mb-1",
    "ticker": "T",
    "book_side": "ask",
    "status": "resting",
    "yes_price_dollars": "0.1234",
    "initial_count_fp": "2.00",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "2.00",
}
POSITION = {
    "ticker": "T",
    "position_fp": "-2.00",
    "market_exposure_dollars": "1",
    "realized_pnl_dollars": "0",
    "fees_paid_dollars": "0",
}


@pytest.mark.parametrize("odd", [None, {}, ORDER | {"status": "pending"}, ORDER | {"exchange_index": 10**12}])
def test_an_invalid_order_is_taken_apart_from_the_others(odd: object) -> None:
    kalshi, _, _ = client(*[reply({"orders": [odd, ORDER], "cursor": ""})] * 2)
    unread: Unread = []
    assert [one.order_id for one in kalshi.orders(unread=unread)] == ["o"]
    assert [one.kind for one in unread] == ["order"]
    with pytest.raises(UnusableReplyError):
        kalshi.orders()


@pytest.mark.parametrize("odd", [None, {}, POSITION | {"position_fp": "many"}])
def test_an_invalid_position_is_taken_apart_from_the_others(odd: object) -> None:
    kalshi, _, _ = client(*[reply({"market_positions": [odd, POSITION], "cursor": ""})] * 2)
    unread: Unread = []
    assert [one.signed_count for one in kalshi.positions(unread=unread)] == [Decimal(-2)]
    assert [one.kind for one in unread] == ["position"]
    with pytest.raises(UnusableReplyError):
        kalshi.positions()


def test_the_balance_is_that_of_the_shard_that_weather_markets_trade_on() -> None:
    kalshi, server, _ = client(reply({"balance_dollars": "12.50", "portfolio_value": 100, "updated_ts": 1}))
    assert kalshi.balance().cash == Decimal("12.50")
    assert dict(server.requests[0].url.params) == {"exchange_index": "0"}


def settlement(**changes: object) -> dict[str, object]:
    whole = {
        "ticker": "T",
        "event_ticker": "E",
        "market_result": "yes",
        "yes_count_fp": "2.00",
        "no_count_fp": "0.00",
        "yes_total_cost_dollars": "0.980000",
        "no_total_cost_dollars": "0.000000",
        "revenue": 200,
        "fee_cost": "0.0350",
        "settled_time": "2026-07-18T11:18:31.435826Z",
        "value": 100,
    }
    return whole | changes


@pytest.mark.parametrize(
    ("changes", "pays"),
    [({}, "1"), ({"market_result": "no", "value": None}, "0"), ({"market_result": "scalar", "value": 45}, "0.45")],
)
def test_a_settlement_pays_by_its_result(changes: dict[str, object], pays: str) -> None:
    kalshi, _, _ = client(reply({"settlements": [settlement(**changes)], "cursor": ""}))
    (found,) = kalshi.settlements()
    assert (found.yes_value, found.revenue) == (Decimal(pays), Decimal(2))
    assert found.settled_at == datetime(2026, 7, 18, 11, 18, 31, 435826, UTC)


@pytest.mark.parametrize(
    "changes",
    [{"market_result": "scalar", "value": None}, {"market_result": ""}, {"settled_time": "2026-07-18T13:00:01Z"}],
)
def test_a_settlement_without_a_payout_is_an_error_unless_it_is_taken_apart(changes: dict[str, object]) -> None:
    rows = [settlement(**changes), settlement(ticker="U")]
    kalshi, _, _ = client(*[reply({"settlements": rows, "cursor": ""})] * 2)
    with pytest.raises(UnusableReplyError, match="settlement T"):
        kalshi.settlements()
    unread: Unread = []
    assert [one.ticker for one in kalshi.settlements(unread=unread)] == ["U"]
    assert [(one.kind, one.subject, one.ticker) for one in unread] == [("settlement", "T", "T")]
