"""The exchange's refusals: HTTP status, code, message, details, as seen on the wire or in the exchange's documents.

A test compares those of a create with the table of the exchange's client, which was written from the same sources.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_MOMENTS: Final = range(-2_000_000_000, 200_000_000_000)
"""Unix seconds that leave room in the calendar for the length of any period before and after."""


class RejectError(Exception):
    """A request that the exchange refuses; nothing was changed."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        super().__init__(f"{status} {code}: {message}")


def bad_request(message: str, code: str = "invalid_parameters") -> RejectError:
    """400: the request itself is wrong."""
    return RejectError(400, code, message)


def moment_of(seconds: int) -> datetime:
    """The moment of unix seconds. Raises RejectError for what is in no calendar."""
    if seconds not in _MOMENTS:
        raise bad_request(f"{seconds} is no unix time in seconds")
    return datetime.fromtimestamp(seconds, UTC)


def invalid_order(message: str) -> RejectError:
    """400: fields that do not go together."""
    return RejectError(400, "invalid_order", message)


def nothing_to_reduce() -> RejectError:
    """400: a reduce-only order without a position to close. How the exchange words it was not seen."""
    return RejectError(400, "invalid_order", "invalid order", "reduce only")


def invalid_price(message: str) -> RejectError:
    """400: off the grid, or outside 0.01 to 0.99."""
    return RejectError(400, "invalid_price", message)


def invalid_size(message: str) -> RejectError:
    """400: not a positive multiple of 0.01."""
    return RejectError(400, "invalid_order_size", message)


def insufficient_balance() -> RejectError:
    """400: the order at its worst costs more than is free."""
    return RejectError(400, "available_balance_too_low", "available balance too low")


def market_inactive() -> RejectError:
    """400: the market does not trade yet."""
    return RejectError(400, "market_inactive", "market is not active")


def market_closed() -> RejectError:
    """409: after its close a market takes not even a cancel."""
    return RejectError(409, "market_closed", "market closed")


def trading_is_paused() -> RejectError:
    """409: one market was stopped or halted, or the exchange has its weekly maintenance; cancels still work."""
    return RejectError(409, "trading_is_paused", "trading is paused")


def exchange_is_paused() -> RejectError:
    """409: the whole exchange stands still, not even a cancel works."""
    return RejectError(409, "exchange_is_paused", "exchange is paused")


def side_mismatch() -> RejectError:
    """400: an amend cannot turn an order."""
    return RejectError(400, "order_side_mismatch", "side differs from the order's")


def id_mismatch() -> RejectError:
    """400: the client order id is another order's."""
    return RejectError(400, "order_id_and_client_order_id_mismatch", "client_order_id differs from the order's")


def group_triggered() -> RejectError:
    """400: the order's group reached its limit, or was triggered manually, and was not reset."""
    return RejectError(400, "order_group_triggered", "order group is triggered")


def post_only_cross() -> RejectError:
    """400: a post-only order would take. Its details alone tell it from another invalid order."""
    return RejectError(400, "invalid_order", "invalid order", "post only cross")


def fok_insufficient_volume() -> RejectError:
    """409: the book cannot fill it whole."""
    code = "fill_or_kill_insufficient_resting_volume"
    return RejectError(409, code, code.replace("_", " "))


def already_exists() -> RejectError:
    """409 without the order: the client order id is live or was used lately."""
    return RejectError(409, "order_already_exists", "order already exists")


def not_found(what: str) -> RejectError:
    """404."""
    return RejectError(404, "not_found", f"{what} not found")
