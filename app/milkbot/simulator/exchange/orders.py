"""Writing orders: V2 create and cancel. The V1 routes answer 410 since the summer of 2026."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from milkbot.domain.orders import BookSide, TimeInForce
from milkbot.simulator.engine.book import SelfTrade
from milkbot.simulator.engine.rejects import RejectError, bad_request
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.trading import cancel, cancel_all, place
from milkbot.simulator.exchange import render_portfolio as render
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.limits import CANCEL_COST, DEFAULT_COST, WRITE

MOST_DECIMALS = 6


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


class CreateOrderBody(BaseModel):
    """POST /portfolio/events/orders."""

    model_config = ConfigDict(strict=True, extra="ignore")

    ticker: Annotated[str, Field(min_length=1)]
    client_order_id: str = ""
    side: Annotated[BookSide, Field(strict=False)]
    count: DecimalText
    price: DecimalText
    time_in_force: Annotated[TimeInForce, Field(strict=False)]
    self_trade_prevention_type: Annotated[SelfTrade, Field(strict=False)]
    expiration_time: Annotated[int, Field(ge=0, le=4_102_444_800)] | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    subaccount: Annotated[int, Field(ge=0, le=0)] = 0
    exchange_index: Annotated[int, Field(ge=-1, le=0)] = 0

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
        )


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/portfolio")

    @routes.post("/events/orders")
    async def create(request: Request) -> Response:
        return await run_in_threadpool(_create, desk, request, await request.body())

    @routes.delete("/events/orders")
    def cancel_every_one(request: Request) -> Response:
        with desk.signed(request, WRITE, CANCEL_COST) as (state, account):
            cancel_all(state, account)
            return Response(status_code=204)

    @routes.delete("/events/orders/{order_id}")
    def cancel_one(request: Request, order_id: str) -> JSONResponse:
        with desk.signed(request, WRITE, CANCEL_COST) as (state, account):
            order, lots = cancel(state, account, order_id)
            return JSONResponse(
                {
                    "order_id": order.order_id,
                    "client_order_id": order.client_order_id,
                    "reduced_by": text.lots(lots),
                    "ts_ms": int(state.now.timestamp() * 1000),
                }
            )

    @routes.api_route("/orders", methods=["POST"])
    @routes.api_route("/orders/batched", methods=["POST", "DELETE"])
    @routes.api_route("/orders/{order_id}", methods=["DELETE"])
    @routes.api_route("/orders/{order_id}/amend", methods=["POST"])
    @routes.api_route("/orders/{order_id}/decrease", methods=["POST"])
    def retired(request: Request) -> JSONResponse:
        with desk.signed(request, WRITE, DEFAULT_COST):
            raise RejectError(410, "deprecated_v1_order_endpoint", "use /portfolio/events/orders")

    return routes


def _create(desk: Desk, request: Request, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        asked = _body(raw).request()
        desk.market(asked.ticker)
        return JSONResponse(render.created(place(state, account, asked)), 201)


def _body(raw: bytes) -> CreateOrderBody:
    try:
        return CreateOrderBody.model_validate(json.loads(raw))
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_request(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None
    except ValueError:
        raise bad_request("the body is no JSON") from None
