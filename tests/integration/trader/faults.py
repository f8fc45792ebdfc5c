"""What may happen to an order on its way: each fault is played by the wire instead of the exchange's answer."""

from __future__ import annotations

import httpx2
from tests.fakes import reply
from tests.integration.trader.stage import Fault, Send


def reply_lost(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The exchange got the order; the connection broke before its answer came."""
    send(request)
    raise httpx2.ReadError("the connection broke", request=request)


def server_error_after_accepting(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The exchange got the order, and answers with its own failure."""
    send(request)
    return reply({"error": {"code": "internal_error", "message": "try again"}}, 500)


def success_without_order_id(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The exchange got the order, and answers 201 with a body that names none."""
    send(request)
    return reply({}, 201)


def conflict(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The exchange has an order of that client id already: the same request arrived twice."""
    send(request)
    return send(request)


def timeout_before_arrival(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The order left and never arrived; nobody can distinguish that from a lost answer."""
    del send
    raise httpx2.ReadTimeout("no answer", request=request)


def connection_refused(request: httpx2.Request, send: Send) -> httpx2.Response:
    """No connection, so no byte of the order left."""
    del send
    raise httpx2.ConnectError("connection refused", request=request)


def too_many_requests(request: httpx2.Request, send: Send) -> httpx2.Response:
    """The exchange's rate limit: the order was not read."""
    del request, send
    return reply({"error": {"code": "too_many_requests", "message": "slow down"}}, 429)


def unlisted(client_order_id: str) -> Fault:
    """The lists of orders lack this one, however fresh they say that they are."""

    def without(request: httpx2.Request, send: Send) -> httpx2.Response:
        answer = send(request)
        if request.method != "GET" or not request.url.path.endswith("/portfolio/orders"):
            return answer
        body = answer.json()
        rows = [row for row in body["orders"] if row["client_order_id"] != client_order_id]
        return reply({**body, "orders": rows})

    return without


def exchange_down(request: httpx2.Request, send: Send) -> httpx2.Response:
    """Nobody listens, for any request."""
    return connection_refused(request, send)


def exchange_paused(request: httpx2.Request, send: Send) -> httpx2.Response:
    """All of the exchange is, and says so whatever is asked."""
    del request, send
    return reply({"exchange_active": False, "trading_active": False}, 503)
