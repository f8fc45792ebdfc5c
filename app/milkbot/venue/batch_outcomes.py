"""What the reply to a batch proves, order by order.

A row has no HTTP status of its own, so only a code that names a refusal proves one; any other error leaves the order
unknown. A row is found by its id, since nothing says that rows keep their order or that none is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from milkbot.domain.orders import OrderIntent
from milkbot.domain.units import ZERO, Count
from milkbot.http import Reply
from milkbot.validation import reason
from milkbot.venue import outcomes
from milkbot.venue.errors import CancelFailedError, OrderOutcomeUnknownError, OrderRejectedError
from milkbot.venue.values import PlacedOrder
from milkbot.venue.wire.base import UnknownFields
from milkbot.venue.wire.batches import BatchReply, RowHead
from milkbot.venue.wire.exchange import error_body
from milkbot.venue.wire.orders import CanceledOrder, CreatedOrder

Created = PlacedOrder | OrderRejectedError | OrderOutcomeUnknownError

REFUSAL_CODES: Final = frozenset(
    {
        "available_balance_too_low",
        "exchange_paused",
        "fok_insufficient_volume",
        "insufficient_balance",
        "invalid_order",
        "invalid_order_size",
        "invalid_parameters",
        "invalid_price",
        "market_inactive",
        "not_found",
        "order_group_triggered",
        "post_only_cross",
        "too_many_requests",
        "trading_paused",
    }
)
"""Codes after which the order certainly does not exist. `order_already_exists` is none of them."""


def created(intents: Sequence[OrderIntent], reply: Reply, unknown: UnknownFields) -> list[Created]:
    """One outcome an intent. A listed 4xx of the whole batch refuses all of it; what has no row is unknown."""
    if not reply.ok:
        return [outcomes.failure(intent.client_order_id, intent.ticker, reply) for intent in intents]
    try:
        rows = BatchReply.from_wire(reply.json(), unknown).orders
    except ValueError as error:
        said = f"HTTP {reply.status} without readable rows: {reason(error)}"
        return [outcomes.unknown(intent.client_order_id, intent.ticker, said) for intent in intents]
    by_id = {head.client_order_id: (raw, head) for raw, head in _with_heads(rows)}
    return [_created(intent, by_id.get(intent.client_order_id), unknown) for intent in intents]


def canceled(ids: Sequence[str], answer: BatchReply, unknown: UnknownFields) -> list[Count | CancelFailedError]:
    """One outcome an id: what no longer rests, 0 for an order that is not there, an error for all else."""
    by_id = {head.order_id: (raw, head) for raw, head in _with_heads(answer.orders)}
    return [_canceled(name, by_id.get(name), unknown) for name in ids]


def _created(intent: OrderIntent, row: tuple[object, RowHead] | None, unknown: UnknownFields) -> Created:
    if row is None:
        return outcomes.unknown(intent.client_order_id, intent.ticker, "the batch's answer has no row for it")
    raw, head = row
    if head.error is None:
        try:
            return outcomes.accepted(intent, CreatedOrder.from_wire(raw, unknown))
        except (ValueError, OverflowError) as error:
            return outcomes.unknown(intent.client_order_id, intent.ticker, f"its row has no order: {reason(error)}")
    said = error_body(head.error)
    if head.order_id is None and said.code.lower() in REFUSAL_CODES:
        return OrderRejectedError(said.code, said.message, 0)
    return outcomes.unknown(intent.client_order_id, intent.ticker, f"its row says {said.code or head.error}")


def _canceled(order_id: str, row: tuple[object, RowHead] | None, unknown: UnknownFields) -> Count | CancelFailedError:
    if row is None:
        return CancelFailedError(f"cancel of order {order_id}: the batch's answer has no row for it")
    raw, head = row
    if head.error is not None:
        said = error_body(head.error)
        if said.code.lower() == "not_found":
            return Count(ZERO)
        return CancelFailedError(f"cancel of order {order_id}: {said.code or head.error}: {said.message}")
    try:
        return CanceledOrder.from_wire(raw, unknown).reduced_by
    except ValueError as error:
        return CancelFailedError(f"cancel of order {order_id} has no readable answer: {reason(error)}")


def _with_heads(rows: Iterable[object]) -> list[tuple[object, RowHead]]:
    found = []
    for raw in rows:
        try:
            found.append((raw, RowHead.from_wire(raw)))
        except ValueError:
            # It names no order, so it can prove nothing; the order that it was for is then without a row.
            continue
    return found
