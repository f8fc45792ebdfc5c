"""What a reply to a create proves. Only a listed 4xx proves a refusal; whatever else is not a success is unknown.

Source: the exchange's order error page of 2026. A 409 is left unknown although the exchange lists it: it is also what a
repeated client_order_id gets, and then the earlier order lives.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from milkbot.domain.orders import OrderIntent
from milkbot.http import Reply, TransportError
from milkbot.venue.errors import OrderNotSentError, OrderOutcomeUnknownError, OrderRejectedError
from milkbot.venue.values import PlacedOrder
from milkbot.venue.wire.base import from_unix_ms
from milkbot.venue.wire.exchange import ErrorBody, error_body
from milkbot.venue.wire.orders import CreatedOrder

PROVEN_REFUSALS: Final = frozenset({400, 401, 403, 404, 410, 429})


def placed(intent: OrderIntent, reply: Reply) -> PlacedOrder:
    """The accepted order. Raises OrderRejectedError or OrderOutcomeUnknownError."""
    if not reply.ok:
        raise _failure(intent, reply)
    try:
        created = CreatedOrder.model_validate(reply.json())
        accepted_at = from_unix_ms(created.ts_ms)
    except (ValidationError, ValueError, OverflowError) as error:
        raise _unknown(intent, f"HTTP {reply.status} without a readable order: {reply.excerpt()}") from error
    if created.client_order_id not in (None, intent.client_order_id):
        raise _unknown(intent, f"the reply names another order: {created.client_order_id}")
    return PlacedOrder(
        order_id=created.order_id,
        client_order_id=intent.client_order_id,
        fill_count=created.fill_count,
        remaining_count=created.remaining_count,
        accepted_at=accepted_at,
    )


def no_reply(intent: OrderIntent, error: TransportError) -> OrderNotSentError | OrderOutcomeUnknownError:
    """What a create without a reply means: not sent if that is provable, unknown otherwise."""
    return _unknown(intent, str(error)) if error.possibly_sent else OrderNotSentError(str(error))


def read_error_body(reply: Reply) -> ErrorBody:
    """The error in a reply; empty parts where the body is no JSON."""
    try:
        return error_body(reply.json())
    except ValueError:
        return ErrorBody()


def _failure(intent: OrderIntent, reply: Reply) -> OrderRejectedError | OrderOutcomeUnknownError:
    said = read_error_body(reply)
    if reply.status in PROVEN_REFUSALS:
        return OrderRejectedError(said.code or f"http_{reply.status}", said.message or reply.excerpt(), reply.status)
    return _unknown(intent, f"HTTP {reply.status} {said.code or reply.excerpt()}")


def _unknown(intent: OrderIntent, reason: str) -> OrderOutcomeUnknownError:
    return OrderOutcomeUnknownError(
        f"outcome of order {intent.client_order_id} in {intent.ticker} is unknown: {reason}; "
        "it counts at its worst case until the exchange's order list shows it or the operator resolves it"
    )
