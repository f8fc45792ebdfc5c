"""An account that is read wrongly is corrected wrongly: what cannot be understood must stop the tick."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.fakes import NOON, reply
from tests.unit.venue.served import client

from milkbot.domain.orders import BookSide
from milkbot.venue.errors import VenueReadError
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


@pytest.mark.parametrize("odd", [fill("a", created_time=None), fill("a", book_side="yes"), fill("")])
def test_an_invalid_fill_is_an_error_and_never_omitted(odd: dict[str, object]) -> None:
    kalshi, _, _ = client(reply({"fills": [fill("b"), odd], "cursor": ""}))
    with pytest.raises(VenueReadError, match="Fill"):
        kalshi.fills()


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
        "settled_time": "2026-07-20T11:18:31.435826Z",
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
    assert found.settled_at == datetime(2026, 7, 20, 11, 18, 31, 435826, UTC)


@pytest.mark.parametrize("changes", [{"market_result": "scalar", "value": None}, {"market_result": ""}])
def test_a_settlement_without_a_payout_is_an_error(changes: dict[str, object]) -> None:
    kalshi, _, _ = client(reply({"settlements": [settlement(**changes)], "cursor": ""}))
    with pytest.raises(VenueReadError, match="Settlement"):
        kalshi.settlements()
