"""Writing orders (V2): the exchange's single order book, decimal text. What is None is left out of the body."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.venue.wire.base import CountText, PriceText, WireModel


class CreateOrder(WireModel):
    """POST /portfolio/events/orders. `side` and `price` are of the YES leg, `expiration_time` in unix seconds."""

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
    expiration_time: int | None = None
    order_group_id: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _expires_only_where_it_rests(self) -> Self:
        if self.expiration_time is not None and self.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            raise ValueError(f"expiration_time goes with good_till_canceled only, not with {self.time_in_force}")
        return self


class CreatedOrder(WireModel):
    """The answer to a create. A success of the retired endpoint has no order id."""

    UNREAD = frozenset({"average_fill_price", "average_fee_paid"})

    order_id: str = Field(min_length=1)
    client_order_id: str | None = None
    fill_count: CountText
    remaining_count: CountText
    ts_ms: int


class CanceledOrder(WireModel):
    """The answer to a cancel: how many contracts no longer rest."""

    UNREAD = frozenset({"client_order_id", "ts_ms"})

    order_id: str = Field(min_length=1)
    reduced_by: CountText
