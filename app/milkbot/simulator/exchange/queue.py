"""Where an account's resting orders stand: the contracts that must trade before them, by price, then time."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.engine.records import Order
from milkbot.simulator.engine.rejects import not_found
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import names


def router(desk: Desk) -> APIRouter:
    """The routes. They stand before those with an order's id in their path."""
    routes = APIRouter(prefix="/portfolio/orders")

    @routes.get("/queue_positions")
    def queue_positions(request: Request, market_tickers: str = "", event_ticker: str = "") -> JSONResponse:
        wanted = names(market_tickers)
        with desk.viewed(request) as (state, account):
            mine = [
                order
                for order in state.resting.values()
                if order.account == account.key_id
                and (not wanted or order.ticker in wanted)
                and event_ticker in ("", state.markets[order.ticker].plan.ticker)
            ]
            rows = [
                {
                    "order_id": order.order_id,
                    "market_ticker": order.ticker,
                    "queue_position_fp": text.lots(_ahead(desk, state, order)),
                }
                for order in sorted(mine, key=lambda order: order.sequence)
            ]
            return JSONResponse({"queue_positions": rows})

    @routes.get("/{order_id}/queue_position")
    def queue_position(request: Request, order_id: str) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            order = state.resting.get(order_id)
            if order is None or order.account != account.key_id:
                raise not_found("order")
            return JSONResponse({"queue_position_fp": text.lots(_ahead(desk, state, order))})

    return routes


def _ahead(desk: Desk, state: State, order: Order) -> int:
    desk.market(order.ticker)
    lots = 0
    for resting in state.markets[order.ticker].orderbook.side(is_bid=order.is_bid):
        if resting.ref == order.order_id:
            break
        lots += resting.lots
    return lots
