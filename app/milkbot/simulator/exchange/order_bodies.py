"""The bodies of order requests, checked for form alone."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.domain.units import Count, Price
from milkbot.simulator.engine.changing import KEEP, AmendRequest
from milkbot.simulator.engine.orderbook import SelfTrade
from milkbot.simulator.engine.rejects import bad_request
from milkbot.simulator.engine.request import OrderRequest

MOST_DECIMALS = 6
LATEST = 4_102_444_800
"""The year 2100 in unix seconds."""


def _decimal(value: str) -> str:
    """Refuse what is no plain decimal number."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("expected a decimal number as text") from None
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not isinstance(exponent, int) or exponent < -MOST_DECIMALS:
        raise ValueError(f"expected a finite decimal number of at most {MOST_DECIMALS} places as text")
    return value


DecimalText = Annotated[str, Field(max_length=20), AfterValidator(_decimal)]
Shard = Annotated[int, Field(ge=-1, le=0)]
Subaccount = Annotated[int, Field(ge=0, le=0)]


class Body(BaseModel):
    """A request's body; what the exchange does not know it ignores."""

    model_config = ConfigDict(strict=True, extra="ignore")


BodyT = TypeVar("BodyT", bound=Body)


class CreateOrderBody(Body):
    """POST /portfolio/events/orders."""

    ticker: Annotated[str, Field(min_length=1)]
    client_order_id: str = ""
    side: Annotated[BookSide, Field(strict=False)]
    count: DecimalText
    price: DecimalText
    time_in_force: Annotated[TimeInForce, Field(strict=False)]
    self_trade_prevention_type: Annotated[SelfTrade, Field(strict=False)]
    expiration_time: Annotated[int, Field(ge=0, le=LATEST)] | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    order_group_id: str = ""
    subaccount: Subaccount = 0
    exchange_index: Shard = 0

    def request(self) -> OrderRequest:
        """The order that is asked for."""
        return OrderRequest(
            ticker=self.ticker,
            client_order_id=self.client_order_id,
            side=self.side,
            count=Decimal(self.count),
            price=Decimal(self.price),
            time_in_force=self.time_in_force,
            self_trade=self.self_trade_prevention_type,
            expiration_time=self.expiration_time,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
            cancel_order_on_pause=self.cancel_order_on_pause,
            order_group_id=self.order_group_id,
        )


class AmendOrderBody(Body):
    """POST /portfolio/events/orders/{order_id}/amend; an expiry of 0 takes it away, none keeps it."""

    ticker: Annotated[str, Field(min_length=1)]
    side: Annotated[BookSide, Field(strict=False)]
    price: DecimalText
    count: DecimalText
    client_order_id: str = ""
    updated_client_order_id: Annotated[str, Field(max_length=64)] = ""
    expiration_time: Annotated[int, Field(ge=0, le=LATEST)] | None = None
    exchange_index: Shard = 0

    def request(self) -> AmendRequest:
        """The change that is asked for."""
        return AmendRequest(
            self.ticker,
            self.side,
            Price(Decimal(self.price)),
            Count(Decimal(self.count)),
            self.client_order_id,
            self.updated_client_order_id,
            KEEP if self.expiration_time is None else self.expiration_time,
        )


class DecreaseOrderBody(Body):
    """POST /portfolio/events/orders/{order_id}/decrease."""

    reduce_by: DecimalText | None = None
    reduce_to: DecimalText | None = None
    exchange_index: Shard = 0


class BatchBody(Body):
    """POST or DELETE /portfolio/events/orders/batched; each row is checked alone."""

    orders: Annotated[list[object], Field(min_length=1)]


class CancelRow(Body):
    """One row of a batch of cancels."""

    order_id: Annotated[str, Field(min_length=1)]
    subaccount: Subaccount = 0
    exchange_index: Shard = 0


class GroupBody(Body):
    """POST /portfolio/order_groups/create, and a change of the limit."""

    contracts_limit: Annotated[int, Field(ge=1)] | None = None
    contracts_limit_fp: DecimalText | None = None
    subaccount: Subaccount = 0
    exchange_index: Shard = 0

    def limit(self) -> Count:
        """Contracts. Raises RejectError unless one is given, or both alike."""
        whole = None if self.contracts_limit is None else Decimal(self.contracts_limit)
        exact = None if self.contracts_limit_fp is None else Decimal(self.contracts_limit_fp)
        if whole is None and exact is None:
            raise bad_request("contracts_limit is needed")
        if whole is not None and exact is not None and whole != exact:
            raise bad_request("contracts_limit and contracts_limit_fp differ")
        return Count(whole if whole is not None else exact or Decimal(0))


def parsed(model: type[BodyT], raw: bytes) -> BodyT:
    """A body from the wire's bytes. Raises RejectError that names the first field that is wrong."""
    try:
        return checked(model, json.loads(raw))
    except ValueError:
        raise bad_request("the body is no JSON") from None


def checked(model: type[BodyT], body: object) -> BodyT:
    """A body from JSON values. Raises RejectError that names the first field that is wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_request(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None
