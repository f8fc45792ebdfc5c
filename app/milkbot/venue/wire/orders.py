"""Creating and canceling orders (V2): the exchange's single book, decimal text."""

from __future__ import annotations

from pydantic import Field

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.venue.wire.base import CountText, PriceText, WireModel


class CreateOrder(WireModel):
    """POST /portfolio/events/orders. `side` and `price` are of the YES leg."""

    ticker: str = Field(min_length=1)
    client_order_id: str = Field(min_length=1, max_length=64)
    side: BookSide
    count: CountText
    price: PriceText
    time_in_force: TimeInForce
    self_trade_prevention_type: str
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    exchange_index: int = 0


class CreatedOrder(WireModel):
    """The answer to a create. A success of the retired endpoint has no order id and does not fit here."""

    order_id: str = Field(min_length=1)
    client_order_id: str | None = None
    fill_count: CountText
    remaining_count: CountText
    ts_ms: int


class CanceledOrder(WireModel):
    """The answer to a cancel: how many contracts no longer rest."""

    order_id: str = Field(min_length=1)
    reduced_by: CountText
