"""In a batch each order lives or dies alone: one answer for all of them would double some and forget others."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx2
import pytest
from tests.fakes import NOON, Answer, reply
from tests.unit.venue.orders import created, intent, trader

from milkbot.domain.units import count
from milkbot.venue.errors import (
    CancelFailedError,
    OrderNotSentError,
    OrderOutcomeUnknownError,
    OrderRejectedError,
)
from milkbot.venue.values import PlacedOrder


def kinds(outcomes: object) -> list[str]:
    assert isinstance(outcomes, list)
    return [type(outcome).__name__ for outcome in outcomes]


def error_row(name: str | None, code: str, **more: object) -> dict[str, object]:
    return {"client_order_id": name, "error": {"code": code, "message": "said so"}, **more}


def test_each_row_of_a_batch_is_evaluated_alone_by_its_id() -> None:
    rows = [
        error_row("mb-2", "available_balance_too_low"),
        created("mb-1"),
        error_row("mb-3", "order_already_exists"),
        error_row("mb-4", "internal_error"),
        created("mb-5", order_id=""),
        error_row("mb-6", "invalid_price", order_id="it-has-an-order-after-all"),
        "no row at all",
    ]
    kalshi, server, _ = trader(reply({"orders": rows}, 201))
    found = kalshi.create_orders([intent(f"mb-{number}") for number in range(1, 8)])
    assert kinds(found) == [
        "PlacedOrder",
        "OrderRejectedError",
        *["OrderOutcomeUnknownError"] * 5,
    ]
    assert isinstance(found[0], PlacedOrder)
    assert found[0].order_id == "order-of-mb-1"
    assert "no row for it" in str(found[6])
    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/trade-api/v2/portfolio/events/orders/batched")
    sent = json.loads(request.content)["orders"]
    assert [row["client_order_id"] for row in sent] == [f"mb-{number}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({"error": "too many requests"}, 429), OrderRejectedError),
        (reply({"code": "invalid_parameters"}, 400), OrderRejectedError),
        (reply({}, 409), OrderOutcomeUnknownError),
        (reply({}, 502), OrderOutcomeUnknownError),
        (reply({"error": {"code": "x"}}, 201), OrderOutcomeUnknownError),
        (httpx2.ReadError(""), OrderOutcomeUnknownError),
        (httpx2.ConnectError(""), OrderNotSentError),
    ],
)
def test_a_batch_without_rows_counts_as_refused_only_if_proved(answer: Answer, kind: type) -> None:
    kalshi, server, _ = trader(answer)
    found = kalshi.create_orders([intent("mb-1"), intent("mb-2")])
    assert [type(outcome) for outcome in found] == [kind, kind]
    assert len(server.requests) == 1


def test_an_invalid_order_of_a_batch_does_not_stop_the_others() -> None:
    kalshi, server, _ = trader(reply({"orders": [created("mb-1")]}, 201))
    found = kalshi.create_orders([intent("x" * 65), intent("mb-1")])
    assert kinds(found) == ["OrderNotSentError", "PlacedOrder"]
    assert len(json.loads(server.requests[0].content)["orders"]) == 1


def test_a_batch_is_split_so_that_each_part_fits_the_write_bucket() -> None:
    names = [f"mb-{number}" for number in range(23)]
    parts = [names[:10], names[10:20], names[20:]]
    kalshi, server, clock = trader(*[reply({"orders": [created(name) for name in part]}, 201) for part in parts])
    found = kalshi.create_orders([intent(name) for name in names])
    assert [outcome.client_order_id for outcome in found if isinstance(outcome, PlacedOrder)] == names
    assert [len(json.loads(request.content)["orders"]) for request in server.requests] == [10, 10, 3]
    assert clock.slept == pytest.approx([1.0, 0.3])


def test_an_empty_batch_sends_no_request() -> None:
    kalshi, server, _ = trader()
    assert (kalshi.create_orders([]), kalshi.cancel_orders([])) == ([], [])
    assert server.requests == []


def test_no_batch_is_sent_with_a_wrong_clock() -> None:
    late = {"Date": format_datetime(NOON - timedelta(minutes=5), usegmt=True)}
    kalshi, server, _ = trader(reply({"reduced_by": "1.00", "order_id": "o"}, headers=late))
    kalshi.cancel_order("o", 0)
    assert kinds(kalshi.create_orders([intent("mb-1")])) == ["OrderNotSentError"]
    assert len(server.requests) == 1


def test_each_cancel_of_a_batch_needs_its_own_proof() -> None:
    rows = [
        {"order_id": "c", "reduced_by": "0.00", "error": {"code": "not_found"}},
        {"order_id": "a", "reduced_by": "2.50", "ts_ms": 1},
        {"order_id": "b", "reduced_by": "0.00", "error": {"code": "market_inactive", "message": "closed"}},
        {"order_id": "d"},
    ]
    kalshi, server, _ = trader(reply({"orders": rows}))
    found = kalshi.cancel_orders(["a", "b", "c", "d", "e"], 3)
    assert (found[0], found[2]) == (Decimal("2.5"), count(0))
    assert kinds([found[1], found[3], found[4]]) == ["CancelFailedError"] * 3
    assert "market_inactive" in str(found[1])
    assert "no row for it" in str(found[4])
    (request,) = server.requests
    assert request.method == "DELETE"
    assert json.loads(request.content)["orders"][0] == {"order_id": "a", "exchange_index": 3}


@pytest.mark.parametrize("answer", [reply({}, 503), reply({}, 404), reply([], 200), httpx2.ReadTimeout("")])
def test_cancels_without_a_readable_answer_count_as_failed(answer: Answer) -> None:
    kalshi, _, _ = trader(answer)
    found = kalshi.cancel_orders(["a", "b"])
    assert [type(outcome) for outcome in found] == [CancelFailedError, CancelFailedError]
