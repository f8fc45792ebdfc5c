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
    """The answer to a create, alone or in a batch. A success of the retired endpoint has no order id."""

    UNREAD = frozenset({"average_fill_price", "average_fee_paid", "error"})

    order_id: str = Field(min_length=1)
    client_order_id: str | None = None
    fill_count: CountText
    remaining_count: CountText
    ts_ms: int


class CanceledOrder(WireModel):
    """The answer to a cancel, or a row of one in a batch: how many contracts no longer rest."""

    UNREAD = frozenset({"client_order_id", "ts_ms", "error"})

    order_id: str = Field(min_length=1)
    reduced_by: CountText


class AmendOrder(WireModel):
    """POST .../amend. `count` is the new total, what is filled already included; `expiration_time` 0 takes it away."""

    ticker: str = Field(min_length=1)
    side: BookSide
    price: PriceText
    count: CountText
    client_order_id: str | None = Field(default=None, min_length=1, max_length=64)
    updated_client_order_id: str | None = Field(default=None, min_length=1, max_length=64)
    exchange_index: int = 0
    expiration_time: int | None = None


class AmendedOrder(WireModel):
    """The answer to an amend: the counts are absent where neither size nor fills changed."""

    UNREAD = frozenset({"average_fill_price", "average_fee_paid"})

    order_id: str = Field(min_length=1)
    client_order_id: str | None = None
    fill_count: CountText | None = None
    remaining_count: CountText | None = None
    ts_ms: int


class DecreaseOrder(WireModel):
    """POST .../decrease: exactly one of the two."""

    reduce_by: CountText | None = None
    reduce_to: CountText | None = None
    exchange_index: int = 0

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.reduce_by is None) == (self.reduce_to is None):
            raise ValueError(f"give either by or to; they are {self.reduce_by} and {self.reduce_to}")
        return self


class DecreasedOrder(WireModel):
    """The answer to a decrease: what still rests."""

    UNREAD = frozenset({"client_order_id", "ts_ms"})

    order_id: str = Field(min_length=1)
    remaining_count: CountText
