"""Refusals on the wire: an object `error` with code and message, as recorded; 429 has its own older form."""

from __future__ import annotations

from starlette.responses import JSONResponse

from milkbot.simulator.engine.rejects import RejectError

TOO_MANY_REQUESTS = 429


def refused(error: RejectError) -> JSONResponse:
    """The reply to a refused request. 429 has no code and no Retry-After."""
    if error.status == TOO_MANY_REQUESTS:
        return JSONResponse({"error": error.message}, error.status)
    return JSONResponse({"error": body_of(error)}, error.status)


def body_of(error: RejectError) -> dict[str, str]:
    """The error itself, as it also stands in a row of a batch."""
    body = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = error.details
    return body


def too_many_requests() -> RejectError:
    """The caller's token bucket is empty."""
    return RejectError(TOO_MANY_REQUESTS, "too_many_requests", "too many requests")
