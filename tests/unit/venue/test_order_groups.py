"""The exchange's own guard and kill switch: one that is thought set or pulled, and is not, is worse than none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import httpx2
import pytest
from tests.fakes import NOON, Answer, reply
from tests.unit.venue.orders import trader

from milkbot.domain.units import count
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import OrderGroupError, VenueReadError

WRITES: list[Callable[[KalshiClient], object]] = [
    lambda kalshi: kalshi.create_order_group(100),
    lambda kalshi: kalshi.trigger_order_group("g"),
    lambda kalshi: kalshi.reset_order_group("g"),
]


def test_a_group_is_created_with_its_limit() -> None:
    kalshi, server, _ = trader(reply({"order_group_id": "g", "subaccount": 0}, 201))
    assert kalshi.create_order_group(200) == "g"
    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/trade-api/v2/portfolio/order_groups/create")
    assert json.loads(request.content) == {"contracts_limit": 200, "exchange_index": 0}


@pytest.mark.parametrize("limit", [0, 1_000_001])
def test_a_limit_outside_the_exchanges_range_is_not_sent(limit: int) -> None:
    kalshi, server, _ = trader()
    with pytest.raises(OrderGroupError, match="contracts_limit"):
        kalshi.create_order_group(limit)
    assert server.requests == []


def test_an_answer_without_a_group_is_an_error() -> None:
    kalshi, _, _ = trader(reply({"subaccount": 0}, 201))
    with pytest.raises(OrderGroupError, match="order_group_id"):
        kalshi.create_order_group(200)


def test_a_group_is_triggered_and_reset_by_its_id() -> None:
    kalshi, server, _ = trader(reply({}), reply({}))
    kalshi.trigger_order_group("g")
    kalshi.reset_order_group("g")
    sent = [(request.method, request.url.path.removeprefix("/trade-api/v2")) for request in server.requests]
    assert sent == [
        ("PUT", "/portfolio/order_groups/g/trigger"),
        ("PUT", "/portfolio/order_groups/g/reset"),
    ]


def test_a_group_can_be_triggered_with_a_wrong_clock() -> None:
    late = {"Date": format_datetime(NOON - timedelta(minutes=5), usegmt=True)}
    kalshi, server, _ = trader(reply({}, headers=late), reply({}))
    kalshi.reset_order_group("g")
    kalshi.trigger_order_group("g")
    assert len(server.requests) == 2


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("answer", [reply({}, 404), reply({}, 503), httpx2.ReadError("reset")])
def test_a_failed_group_call_is_an_error_and_is_sent_once(
    call: Callable[[KalshiClient], object], answer: Answer
) -> None:
    kalshi, server, _ = trader(answer)
    with pytest.raises(OrderGroupError, match="order group"):
        call(kalshi)
    assert len(server.requests) == 1


def test_a_group_has_its_orders_and_whether_it_accepts_more() -> None:
    body = {"is_auto_cancel_enabled": False, "orders": ["a", "b"], "contracts_limit_fp": "200.00"}
    kalshi, _, _ = trader(reply(body), reply({"order_groups": [{"id": "g", "is_auto_cancel_enabled": True}]}))
    group = kalshi.order_group("g")
    assert (group.is_active, group.order_ids, group.contracts_limit) == (False, ("a", "b"), count(200))
    assert kalshi.order_group_ids() == ["g"]


def test_a_group_without_its_state_is_an_error() -> None:
    kalshi, _, _ = trader(reply({"orders": []}))
    with pytest.raises(VenueReadError, match="is_auto_cancel_enabled"):
        kalshi.order_group("g")
