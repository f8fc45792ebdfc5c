"""Many orders in one request: billed by the order, each row done or refused alone."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from milkbot.simulator.engine.changing import cancel
from milkbot.simulator.engine.records import Account
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.trading import place
from milkbot.simulator.exchange import render_orders as render
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.errors import body_of
from milkbot.simulator.exchange.limits import CANCEL_COST, DEFAULT_COST, WRITE
from milkbot.simulator.exchange.order_bodies import BatchBody, CancelRow, CreateOrderBody, checked, parsed

Row = dict[str, object]


def router(desk: Desk) -> APIRouter:
    """The routes. They stand before those with an order's id in their path."""
    routes = APIRouter(prefix="/portfolio/events/orders/batched")

    @routes.post("")
    async def create(request: Request) -> Response:
        return await run_in_threadpool(_create, desk, request, await request.body())

    @routes.delete("")
    async def cancel_some(request: Request) -> Response:
        return await run_in_threadpool(_cancel, desk, request, await request.body())

    return routes


def _create(desk: Desk, request: Request, raw: bytes) -> Response:
    rows = _rows(raw)
    with desk.signed(request, WRITE, DEFAULT_COST * len(rows)) as (state, account):
        parsed(BatchBody, raw)
        return JSONResponse({"orders": [_placed(desk, request, state, account, row) for row in rows]}, 201)


def _cancel(desk: Desk, request: Request, raw: bytes) -> Response:
    rows = _rows(raw)
    with desk.signed(request, WRITE, CANCEL_COST * len(rows)) as (state, account):
        parsed(BatchBody, raw)
        return JSONResponse({"orders": [_canceled(state, account, row) for row in rows]})


def _rows(raw: bytes) -> list[object]:
    """The rows that are billed; a body that is none is billed as one."""
    try:
        return parsed(BatchBody, raw).orders
    except RejectError:
        return [None]


def _placed(desk: Desk, request: Request, state: State, account: Account, row: object) -> Row:
    named = row.get("client_order_id") if isinstance(row, dict) else None
    try:
        asked = checked(CreateOrderBody, row).request()
        desk.market(asked.ticker)
        desk.before_create(request, state, asked)
        return render.created(place(state, account, asked))
    except RejectError as error:
        return {"client_order_id": named if isinstance(named, str) else None, "error": body_of(error)}


def _canceled(state: State, account: Account, row: object) -> Row:
    named = row.get("order_id") if isinstance(row, dict) else None
    try:
        return render.canceled(*cancel(state, account, checked(CancelRow, row).order_id), state.now)
    except RejectError as error:
        return {"order_id": str(named or ""), "reduced_by": "0.00", "error": body_of(error)}
