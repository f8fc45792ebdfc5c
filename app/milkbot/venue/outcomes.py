"""What a reply to a create proves. A known code with a 4xx proves a refusal; whatever else is no success is unknown.

The codes are in `refusals`. A status alone proves nothing: a 409 is what a halted market gets, and a repeated
client_order_id, whose earlier order lives.
"""

from __future__ import annotations

from http import HTTPStatus

from milkbot.domain.orders import OrderIntent
from milkbot.http import Reply, TransportError
from milkbot.validation import reason
from milkbot.venue.errors import OrderNotSentError, OrderOutcomeUnknownError, OrderRejectedError
from milkbot.venue.refusals import kept, reason_of, refusal_of
from milkbot.venue.values import PlacedOrder
from milkbot.venue.wire.base import UnknownFields, from_unix_ms
from milkbot.venue.wire.exchange import ErrorBody, error_body
from milkbot.venue.wire.orders import CreatedOrder


def placed(intent: OrderIntent, reply: Reply, unknown_fields: UnknownFields | None = None) -> PlacedOrder:
    """The accepted order. Raises OrderRejectedError or OrderOutcomeUnknownError."""
    if not reply.ok:
        raise failure(intent.client_order_id, intent.ticker, reply)
    try:
        return accepted(intent, CreatedOrder.from_wire(reply.json(), unknown_fields))
    except (ValueError, OverflowError) as error:
        said = f"HTTP {reply.status} without a readable order: {reason(error)}: {reply.excerpt()}"
        raise unknown(intent.client_order_id, intent.ticker, said) from error


def accepted(intent: OrderIntent, wire: CreatedOrder) -> PlacedOrder:
    """An accepted order as a value. Raises ValueError where it is not the one that was asked for."""
    if wire.client_order_id not in (None, intent.client_order_id):
        raise ValueError(f"the reply names another order: {wire.client_order_id}")
    return PlacedOrder(
        order_id=wire.order_id,
        client_order_id=intent.client_order_id,
        fill_count=wire.fill_count,
        remaining_count=wire.remaining_count,
        accepted_at=from_unix_ms(wire.ts_ms),
    )


def no_reply(order: str, ticker: str, error: TransportError) -> OrderNotSentError | OrderOutcomeUnknownError:
    """What a write without a reply means: not sent if that is provable, unknown otherwise."""
    return unknown(order, ticker, str(error)) if error.possibly_sent else OrderNotSentError(str(error))


def failure(order: str, ticker: str, reply: Reply) -> OrderRejectedError | OrderOutcomeUnknownError:
    """What a reply that is no success means, by the code in its body."""
    said = read_error_body(reply)
    code, details = kept(said.code), kept(said.details)
    row = refusal_of(code, details)
    if row is not None and row.proves and _may_prove(reply.status):
        return OrderRejectedError(code, said.message, reply.status, details)
    return unknown(order, ticker, f"HTTP {reply.status} {reason_of(code, details) or reply.excerpt()}")


def _may_prove(status: int) -> bool:
    """Whether the exchange itself judged the request: a 5xx may come from something before it, a 408 is its silence."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT


def unknown(order: str, ticker: str, why: str) -> OrderOutcomeUnknownError:
    """The error of an outcome that is not known."""
    return OrderOutcomeUnknownError(
        f"outcome of order {order} in {ticker} is unknown: {why}; "
        "it counts at its worst case until the exchange's order list shows it or the operator resolves it"
    )


def read_error_body(reply: Reply) -> ErrorBody:
    """The error in a reply; empty parts where the body is no JSON."""
    try:
        return error_body(reply.json())
    except ValueError:
        return ErrorBody()
