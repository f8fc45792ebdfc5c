"""Order groups over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from milkbot.simulator.engine import groups
from milkbot.simulator.engine.records import OrderGroup
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.limits import DEFAULT_COST, WRITE
from milkbot.simulator.exchange.order_bodies import GroupBody, parsed
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/portfolio/order_groups")

    @routes.post("/create")
    async def create(request: Request) -> Response:
        return await run_in_threadpool(_create, desk, request, await request.body())

    @routes.get("")
    def all_of_them(request: Request) -> JSONResponse:
        with desk.signed(request) as (state, account):
            mine = [g for g in state.groups.values() if g.account == account.key_id and not g.is_deleted]
            return JSONResponse({"order_groups": [{"id": group.group_id, **_shown(group)} for group in mine]})

    @routes.get("/{group_id}")
    def one(request: Request, group_id: str) -> JSONResponse:
        with desk.signed(request) as (state, account):
            group = groups.of_account(state, account, group_id)
            ids = [order.order_id for order in groups.orders_of(state, group)]
            return JSONResponse({**_shown(group), "orders": ids})

    @routes.put("/{group_id}/trigger")
    def trigger(request: Request, group_id: str) -> JSONResponse:
        with desk.signed(request, WRITE) as (state, account):
            groups.trigger(state, groups.of_account(state, account, group_id), state.now)
            return JSONResponse({})

    @routes.put("/{group_id}/reset")
    def reset(request: Request, group_id: str) -> JSONResponse:
        with desk.signed(request, WRITE) as (state, account):
            groups.reset(state, groups.of_account(state, account, group_id))
            return JSONResponse({})

    @routes.put("/{group_id}/limit")
    async def limit(request: Request, group_id: str) -> Response:
        return await run_in_threadpool(_limit, desk, request, group_id, await request.body())

    @routes.delete("/{group_id}")
    def delete(request: Request, group_id: str) -> JSONResponse:
        with desk.signed(request, WRITE) as (state, account):
            groups.delete(state, groups.of_account(state, account, group_id))
            return JSONResponse({})

    return routes


def _create(desk: Desk, request: Request, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        group = groups.create(state, account, parsed(GroupBody, raw).limit())
        body = {"order_group_id": group.group_id, "subaccount": 0, "exchange_index": EXCHANGE_INDEX}
        return JSONResponse(body, 201)


def _limit(desk: Desk, request: Request, group_id: str, raw: bytes) -> Response:
    with desk.signed(request, WRITE, DEFAULT_COST) as (state, account):
        group = groups.of_account(state, account, group_id)
        groups.set_limit(state, group, parsed(GroupBody, raw).limit())
        return JSONResponse({})


def _shown(group: OrderGroup) -> dict[str, Any]:
    """A group that was triggered cancels nothing any more, since it takes no order."""
    return {
        "contracts_limit_fp": text.lots(group.limit_lots),
        "is_auto_cancel_enabled": not group.is_triggered,
        "exchange_index": EXCHANGE_INDEX,
    }
