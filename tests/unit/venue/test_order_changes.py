"""An amend or decrease that is misread leaves another order in the book than the one that is counted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from tests.fakes import NOON, Answer, reply
from tests.unit.venue.orders import TICKER, created, intent, trader

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.units import count, price
from milkbot.venue.calls.orders import KEEP
from milkbot.venue.errors import (
    CancelFailedError,
    OrderNotSentError,
    OrderOutcomeUnknownError,
    OrderRejectedError,
)

TOMORROW = NOON + timedelta(days=1)
AMEND: dict[str, Any] = {
    "ticker": TICKER,
    "side": BookSide.BID,
    "price": price("0.5"),
    "count": count(3),
    "exchange_index": 0,
}


def test_an_order_is_sent_with_its_expiry_and_its_group() -> None:
    kalshi, server, _ = trader(reply(created(), 201))
    kalshi.create_order(intent(expires_at=TOMORROW, order_group_id="group"))
    sent = json.loads(server.requests[0].content)
    assert (sent["expiration_time"], sent["order_group_id"]) == (int(TOMORROW.timestamp()), "group")


def test_an_order_without_expiry_and_group_omits_both_fields() -> None:
    kalshi, server, _ = trader(reply(created(), 201))
    kalshi.create_order(intent())
    assert not {"expiration_time", "order_group_id"} & json.loads(server.requests[0].content).keys()


def test_an_expiry_on_an_order_that_cannot_rest_is_not_sent() -> None:
    kalshi, server, _ = trader()
    with pytest.raises(OrderNotSentError, match="expiration_time goes with good_till_canceled only"):
        kalshi.create_order(intent(expires_at=TOMORROW, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL))
    assert server.requests == []


@pytest.mark.parametrize(
    ("expires_at", "sent"), [(KEEP, {}), (None, {"expiration_time": 0}), (NOON, {"expiration_time": 1784376000})]
)
def test_an_amend_keeps_changes_or_removes_the_expiry(expires_at: datetime | str | None, sent: dict[str, int]) -> None:
    kalshi, server, _ = trader(reply({"order_id": "o", "remaining_count": "1.00", "fill_count": "2.00", "ts_ms": 1}))
    amended = kalshi.amend_order("o/1", **AMEND, updated_client_order_id="mb-2", expires_at=expires_at)
    assert (amended.order_id, amended.fill_count, amended.remaining_count) == ("o", count(2), count(1))
    (request,) = server.requests
    assert request.url.raw_path == b"/trade-api/v2/portfolio/events/orders/o%2F1/amend"
    body = {
        "ticker": TICKER,
        "side": "bid",
        "price": "0.5000",
        "count": "3.00",
        "updated_client_order_id": "mb-2",
        "exchange_index": 0,
    }
    assert json.loads(request.content) == body | sent


def test_an_amend_that_changes_neither_size_nor_fills_returns_no_remaining_count() -> None:
    kalshi, _, _ = trader(reply({"order_id": "o", "remaining_count": None, "ts_ms": 1}))
    amended = kalshi.amend_order("o", **AMEND)
    assert (amended.fill_count, amended.remaining_count) == (count(0), None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"code": "order_side_mismatch"}, 400), OrderRejectedError),
        (reply({"error": {"code": "not_found"}}, 404), OrderRejectedError),
        (reply({}, 409), OrderOutcomeUnknownError),
        (reply({}, 503), OrderOutcomeUnknownError),
        (reply({"error": "x"}, 200), OrderOutcomeUnknownError),
        (httpx2.ReadTimeout(""), OrderOutcomeUnknownError),
        (httpx2.ConnectError(""), OrderNotSentError),
    ],
)
def test_an_amend_is_refused_or_unknown_and_sent_once(answer: Answer, error: type[Exception]) -> None:
    kalshi, server, _ = trader(answer)
    with pytest.raises(error) as raised:
        kalshi.amend_order("o", **AMEND)
    assert type(raised.value) is error
    assert len(server.requests) == 1


@pytest.mark.parametrize("change", [{"count": Decimal("1.234")}, {"ticker": ""}, {"expires_at": "never"}])
def test_an_invalid_amend_is_not_sent(change: dict[str, Any]) -> None:
    kalshi, server, _ = trader()
    with pytest.raises(OrderNotSentError, match="amend is not valid"):
        kalshi.amend_order("o", **{**AMEND, **change})
    assert server.requests == []


@pytest.mark.parametrize(
    ("asked", "sent"), [({"by": count(1)}, {"reduce_by": "1.00"}), ({"to": count(2)}, {"reduce_to": "2.00"})]
)
def test_a_decrease_returns_the_remaining_count(asked: dict[str, Any], sent: dict[str, str]) -> None:
    kalshi, server, _ = trader(reply({"order_id": "o", "remaining_count": "2.00", "ts_ms": 1}))
    assert kalshi.decrease_order("o", 0, **asked) == 2
    assert json.loads(server.requests[0].content) == {**sent, "exchange_index": 0}


@pytest.mark.parametrize("asked", [{}, {"by": count(1), "to": count(1)}])
def test_a_decrease_needs_either_by_or_to(asked: dict[str, Any]) -> None:
    kalshi, server, _ = trader()
    with pytest.raises(ValueError, match="either by or to"):
        kalshi.decrease_order("o", 0, **asked)
    assert server.requests == []


def test_a_decrease_of_an_ended_order_returns_zero() -> None:
    kalshi, _, _ = trader(reply({"error": {"code": "not_found"}}, 404))
    assert kalshi.decrease_order("o", 0, to=count(1)) == 0


@pytest.mark.parametrize("answer", [reply({}, 400), reply({}, 500), reply({}, 200), httpx2.ReadError("")])
def test_a_decrease_without_a_proof_counts_as_failed(answer: Answer) -> None:
    kalshi, _, _ = trader(answer)
    with pytest.raises(CancelFailedError, match="decrease of order o"):
        kalshi.decrease_order("o", 0, to=count(1))


def test_cancel_all_answered_by_404_counts_as_failed() -> None:
    kalshi, _, _ = trader(reply({"error": "not found"}, 404))
    with pytest.raises(CancelFailedError, match="404"):
        kalshi.cancel_all()
