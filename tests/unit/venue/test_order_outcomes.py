"""An order that lives but is thought dead doubles a position; one that is dead but thought alive blocks an event."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOON, Answer, FakeClock, ScriptedServer, reply

from milkbot.domain.orders import BookSide, OrderIntent, TimeInForce
from milkbot.domain.units import count, price
from milkbot.errors import ConfigError
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import (
    CancelFailedError,
    OrderNotSentError,
    OrderOutcomeUnknownError,
    OrderRejectedError,
)
from milkbot.venue.refusals import REFUSALS, Refusal
from milkbot.venue.signing import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, ApiCredentials, verify

KEY = ed25519.Ed25519PrivateKey.generate()
BASE = "https://exchange.test/trade-api/v2"
INTENT = OrderIntent(
    client_order_id="mb-1",
    ticker="KXHIGHNY-26JUL19-B80.5",
    side=BookSide.ASK,
    count=count("3.5"),
    price=price("0.49"),
    time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    exchange_index=0,
    created_at=NOON,
)
CREATED = {
    "order_id": "85f92316",
    "client_order_id": "mb-1",
    "fill_count": "1.00",
    "remaining_count": "0.00",
    "average_fill_price": "0.4900",
    "average_fee_paid": "0.0175",
    "ts_ms": 1784336830522,
}


def create(*answers: Answer, intent: OrderIntent = INTENT) -> ScriptedServer:
    server = ScriptedServer(*answers)
    KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport).create_order(intent)
    return server


def error(status: int, code: str, details: object = "") -> Answer:
    return reply({"error": {"code": code, "message": code.replace("_", " "), "details": details}}, status)


def cancel(*answers: Answer) -> Decimal:
    server = ScriptedServer(*answers)
    return KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport).cancel_order("85f92316", 0)


def test_an_order_is_sent_in_the_exchanges_form_and_signed() -> None:
    server = ScriptedServer(reply(CREATED, 201))
    placed = KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport).create_order(INTENT)

    (request,) = server.requests
    assert (placed.order_id, placed.fill_count, placed.remaining_count) == ("85f92316", Decimal(1), Decimal(0))
    assert placed.accepted_at.isoformat() == "2026-07-18T01:07:10.522000+00:00"
    assert json.loads(request.content) == {
        "ticker": "KXHIGHNY-26JUL19-B80.5",
        "client_order_id": "mb-1",
        "side": "ask",
        "count": "3.50",
        "price": "0.4900",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
        "post_only": False,
        "reduce_only": False,
        "cancel_order_on_pause": True,
        "exchange_index": 0,
    }
    assert request.url.path == "/trade-api/v2/portfolio/events/orders"
    assert request.headers[KEY_HEADER] == "id"
    signature, stamp = request.headers[SIGNATURE_HEADER], request.headers[TIMESTAMP_HEADER]
    assert verify(KEY.public_key(), signature, stamp, "POST", "/trade-api/v2/portfolio/events/orders")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "invalid_order_size", "message": "too small", "details": ""}, "invalid_order_size"),
        ({"error": {"code": "available_balance_too_low", "message": "m", "service": "exchange"}}, "available_balance"),
        ({"error": "too many requests"}, "too_many_requests"),
    ],
    ids=["top-level", "nested", "text"],
)
def test_a_refusal_is_proven_in_each_form_of_the_error_body(body: object, code: str) -> None:
    with pytest.raises(OrderRejectedError, match=code) as refused:
        create(reply(body, 400))
    assert refused.value.http_status == 400


@given(status=st.integers(200, 599), order_id=st.sampled_from([None, ""]))
def test_no_status_proves_a_refusal_without_a_code(status: int, order_id: str | None) -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="mb-1"):
        create(reply({**CREATED, "order_id": order_id}, status))


@given(status=st.integers(200, 599))
def test_an_unknown_code_leaves_the_outcome_unknown_whatever_its_status(status: int) -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="mb-1"):
        create(reply({"error": {"code": "duplicate_client_order_id", "message": "seen before"}}, status))


@pytest.mark.parametrize("status", [400, 409])
def test_a_halted_market_refuses_whatever_the_status(status: int) -> None:
    with pytest.raises(OrderRejectedError, match="trading_is_paused") as refused:
        create(error(status, "trading_is_paused"))
    assert (refused.value.code, refused.value.http_status) == ("trading_is_paused", status)


@given(row=st.sampled_from([row for row in REFUSALS if row.proves]), status=st.integers(400, 499))
def test_every_known_code_proves_a_refusal_with_a_4xx(row: Refusal, status: int) -> None:
    expected = OrderOutcomeUnknownError if status == 408 else OrderRejectedError
    with pytest.raises(expected):
        create(error(status, row.codes[0], row.details))


@given(
    code=st.sampled_from(["trading_is_paused", "invalid_order", "market_closed"]),
    status=st.integers(200, 399) | st.integers(500, 599),
)
def test_no_code_proves_a_refusal_without_a_4xx(code: str, status: int) -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="mb-1"):
        create(error(status, code))


@pytest.mark.parametrize("code", ["order_already_exists", "ORDER_ALREADY_EXISTS", "order already exists"])
@given(status=st.integers(400, 599))
def test_a_duplicate_is_never_taken_for_a_refusal(code: str, status: int) -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="mb-1"):
        create(error(status, code))


def test_of_the_409s_only_the_duplicate_is_ambiguous() -> None:
    assert [row.codes for row in REFUSALS if 409 in row.statuses and not row.proves] == [("order_already_exists",)]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ("post only cross", "invalid_order: post only cross"),
        ("", "invalid_order"),
        ("two\nlines\t and  more", "invalid_order: two lines and more"),
        ({"field": "price"}, 'invalid_order: {"field": "price"}'),
        ("x" * 200, "invalid_order: " + "x" * 200),
        ("x" * 201, "invalid_order: " + "x" * 199 + "…"),
    ],
    ids=["words", "none", "lines", "object", "longest", "longer"],
)
def test_the_details_of_a_refusal_are_kept_on_one_bounded_line(details: object, reason: str) -> None:
    with pytest.raises(OrderRejectedError) as refused:
        create(error(400, "invalid_order", details))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.ReadTimeout("no answer"), "no answer"),
        (error(503, "service_unavailable"), "HTTP 503 service_unavailable;"),
        (httpx2.Response(502, content=b"<html>"), "HTTP 502 <html>;"),
        (reply({}, 201), "HTTP 201 without a readable order: order_id"),
        (reply({**CREATED, "client_order_id": "mb-2"}, 201), "HTTP 201 .*: the reply names another order: mb-2: {"),
    ],
    ids=["timeout", "5xx", "a-proxy", "no-order", "other-order"],
)
def test_an_unknown_outcome_names_the_order_its_market_and_what_came(answer: Answer, said: str) -> None:
    with pytest.raises(
        OrderOutcomeUnknownError, match=f"^outcome of order mb-1 in {INTENT.ticker} is unknown: .*{said}"
    ):
        create(answer)


def test_a_refusal_is_reported_in_the_words_of_the_exchange() -> None:
    with pytest.raises(OrderRejectedError, match=r"invalid_order: invalid order: post only cross \(HTTP 400\)"):
        create(error(400, "invalid_order", "post only cross"))


def test_an_accepted_order_keeps_its_own_name_and_what_is_unknown_in_the_reply_is_counted() -> None:
    server = ScriptedServer(reply({**CREATED, "client_order_id": None, "shade": "red"}, 201))
    client = KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport)
    assert client.create_order(INTENT).client_order_id == "mb-1"
    assert client.unknown_fields == {("CreatedOrder", "shade"): 1}


def test_an_unknown_code_is_kept_on_one_bounded_line() -> None:
    with pytest.raises(OrderOutcomeUnknownError, match=f"HTTP 400 a_b{'c' * 196}…; it counts"):
        create(error(400, "a_b" + "c" * 300))


def test_an_unknown_outcome_names_the_answer_with_its_details() -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="is unknown: HTTP 409 brand_new: of today; it counts"):
        create(error(409, "brand_new", "of today"))


@pytest.mark.parametrize(
    "answer",
    [
        error(409, "order_already_exists"),
        error(200, "deprecated_v1_order_endpoint"),
        reply([], 400),
        httpx2.Response(403, content=b"<html>"),
        reply({**CREATED, "client_order_id": "mb-2"}, 201),
        httpx2.Response(201, content=b"<html>"),
        httpx2.Response(302, headers={"Location": "https://elsewhere.test"}),
        httpx2.ReadTimeout("no answer"),
        httpx2.ReadError("reset"),
        httpx2.WriteError("broken pipe"),
        httpx2.RemoteProtocolError("closed"),
    ],
    ids=[
        "duplicate",
        "retired-2xx",
        "no-code",
        "a-proxy",
        "other-order",
        "no-json",
        "redirect",
        "timeout",
        "reset",
        "pipe",
        "closed",
    ],
)
def test_an_answer_without_a_proof_makes_the_outcome_unknown(answer: Answer) -> None:
    with pytest.raises(OrderOutcomeUnknownError, match="mb-1"):
        create(answer)


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow")])
def test_an_order_without_a_connection_counts_as_not_sent(error: Exception) -> None:
    with pytest.raises(OrderNotSentError, match=f"not_sent: .*{error}"):
        create(error)


@pytest.mark.parametrize("answer", [error(429, "too_many_requests"), reply({}, 503), httpx2.ReadError("reset")])
def test_a_create_is_never_sent_twice(answer: Answer) -> None:
    server = ScriptedServer(answer, reply(CREATED, 201))
    client = KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport)
    with pytest.raises((OrderRejectedError, OrderOutcomeUnknownError)):
        client.create_order(INTENT)
    assert len(server.requests) == 1


def test_an_invalid_order_is_not_sent() -> None:
    too_long = OrderIntent(
        "x" * 65, INTENT.ticker, INTENT.side, INTENT.count, INTENT.price, INTENT.time_in_force, 0, NOON
    )
    with pytest.raises(OrderNotSentError, match="client_order_id"):
        create(intent=too_long)


def test_an_order_without_a_key_is_not_sent() -> None:
    server = ScriptedServer()
    with pytest.raises(ConfigError, match="KALSHI_API_KEY_ID"):
        KalshiClient(BASE, None, FakeClock(), server.transport).create_order(INTENT)
    assert server.requests == []


def test_a_cancel_returns_the_canceled_count() -> None:
    assert cancel(reply({"order_id": "85f92316", "reduced_by": "2.50", "ts_ms": 1})) == Decimal("2.5")


def test_a_cancel_of_an_ended_order_returns_zero() -> None:
    assert cancel(reply({"error": {"code": "not_found"}}, 404)) == 0


@pytest.mark.parametrize(
    "answer",
    [reply({"code": "market_inactive"}, 400), reply({}, 503), httpx2.ReadTimeout(""), reply({"error": "x"}, 200)],
)
def test_a_cancel_without_a_proof_counts_as_failed(answer: Answer) -> None:
    with pytest.raises(CancelFailedError, match="85f92316"):
        cancel(answer)


def test_cancel_all_is_one_request_and_its_refusal_is_an_error() -> None:
    server = ScriptedServer(httpx2.Response(204), reply({}, 500), httpx2.ReadError(""))
    client = KalshiClient(BASE, ApiCredentials("id", KEY), FakeClock(), server.transport)
    client.cancel_all()
    assert (server.requests[0].method, server.requests[0].url.path) == (
        "DELETE",
        "/trade-api/v2/portfolio/events/orders",
    )
    for _ in range(2):
        with pytest.raises(CancelFailedError):
            client.cancel_all()
