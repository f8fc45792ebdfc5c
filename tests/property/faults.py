"""What may go wrong on the wire of one tick: with the creates of orders, with cancels, or with every read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import httpx2

Send = Callable[[httpx2.Request], httpx2.Response]


class Kind(StrEnum):
    """The fault that is played in place of the exchange's own answer."""

    REPLY_LOST = "reply_lost"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    OK_WITHOUT_ORDER = "ok_without_order"
    SENT_TWICE = "sent_twice"
    RATE_LIMITED = "rate_limited"
    NEVER_ARRIVED = "never_arrived"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` happens to requests of `method` ("POST", "DELETE" or "GET"), after `skip` of them, `times` times."""

    kind: Kind
    method: str
    skip: int
    times: int


class FaultyWire(httpx2.BaseTransport):
    """A wire on which one fault at a time may be armed."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner
        self._armed: Fault | None = None
        self._seen = 0

    def arm(self, fault: Fault | None) -> None:
        """Play that fault from now on; None mends the wire."""
        self._armed, self._seen = fault, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        armed = self._armed
        if armed is None or request.method != armed.method:
            return self._inner.handle_request(request)
        self._seen += 1
        if not armed.skip < self._seen <= armed.skip + armed.times:
            return self._inner.handle_request(request)
        return _played(armed.kind, request, self._inner.handle_request)


def _played(kind: Kind, request: httpx2.Request, send: Send) -> httpx2.Response:
    match kind:
        case Kind.REPLY_LOST:
            send(request)
            raise httpx2.ReadError("the connection broke", request=request)
        case Kind.ERROR_BEFORE:
            return _reply(503, "service_unavailable")
        case Kind.ERROR_AFTER:
            send(request)
            return _reply(500, "internal_error")
        case Kind.OK_WITHOUT_ORDER:
            send(request)
            return httpx2.Response(200, content=b"{}")
        case Kind.SENT_TWICE:
            send(request)
            return send(request)
        case Kind.RATE_LIMITED:
            return _reply(429, "too_many_requests")
        case Kind.NEVER_ARRIVED:
            raise httpx2.ReadTimeout("no answer", request=request)
        case Kind.REFUSED:
            raise httpx2.ConnectError("connection refused", request=request)


def _reply(status: int, code: str) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps({"error": {"code": code, "message": code}}).encode())
