"""Writing one order: create, cancel, amend, decrease."""

from __future__ import annotations

from decimal import Decimal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from milkbot.domain.units import Count
from milkbot.simulator.engine.changing import amend, cancel, cancel_all, decrease
from milkbot.simulator.engine.trading import place
from milkbot.simulator.exchange import render_orders as render
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.limits import CANCEL_COST, DEFAULT_COST, WRITE
from milkbot.simulator.exchange.order_bodies import AmendOrderBody, CreateOrderBody, DecreaseOrderBody, parsed


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
            return JSONResponse(render.canceled(*cancel(state, account, order_id), state.now))

    @routes.post("/events/orders/{order_id}/amend")
    async def amend_one(request: Request, order_id: str) -> Response:
        return await run_in_threadpool(_amend, desk, request, order_id, await request.body())

    @routes.post("/events/orders/{order_id}/decrease")
    async def decrease_one(request: Request, order_id: str) -> Response:
        return await run_in_threadpool(_decrease, desk, request, order_id, await request.body())

    return routes


def _create(desk: Desk, request: Request, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        asked = parsed(CreateOrderBody, raw).request()
        desk.market(asked.ticker)
        desk.before_create(request, state, asked)
        return JSONResponse(render.created(place(state, account, asked)), 201)


def _amend(desk: Desk, request: Request, order_id: str, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        asked = parsed(AmendOrderBody, raw).request()
        desk.market(asked.ticker)
        order, filled = amend(state, account, order_id, asked)
        return JSONResponse(render.amended(order, filled, state.now))


def _decrease(desk: Desk, request: Request, order_id: str, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        asked = parsed(DecreaseOrderBody, raw)
        order = decrease(state, account, order_id, by=_count(asked.reduce_by), to=_count(asked.reduce_to))
        return JSONResponse(render.decreased(order, state.now))


def _count(text: str | None) -> Count | None:
    return None if text is None else Count(Decimal(text))
