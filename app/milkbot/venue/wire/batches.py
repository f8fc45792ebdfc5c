"""Batches of creates and of cancels: one row an order in the answer, each of which succeeds or fails alone."""

from __future__ import annotations

from pydantic import Field

from milkbot.venue.wire.base import WireModel


class BatchReply(WireModel):
    """The answer to either batch. The rows stay raw: each is judged alone, so that an odd one spoils no other."""

    orders: tuple[object, ...]


class RowHead(WireModel):
    """What every row may say of itself: whose it is, and what went wrong."""

    order_id: str | None = None
    client_order_id: str | None = None
    error: object = None


class CanceledRow(WireModel):
    """An order to cancel in DELETE /portfolio/events/orders/batched."""

    order_id: str = Field(min_length=1)
    exchange_index: int = 0
