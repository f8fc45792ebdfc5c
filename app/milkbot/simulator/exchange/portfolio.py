"""What an account has: balance and positions. Every route needs a signature."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.domain.units import ZERO
from milkbot.simulator.engine.collateral import available, reserved_total
from milkbot.simulator.engine.records import Account, Holding, Market
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.simulator.exchange import render_portfolio as render
from milkbot.simulator.exchange import text
from milkbot.simulator.exchange.archive import cutoff
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.filters import names
from milkbot.simulator.exchange.paging import DEFAULT_LIMIT, page
from milkbot.simulator.exchange.render_market import EXCHANGE_INDEX

Limit = Annotated[int, Query(ge=1, le=1000)]
CountFilter = Annotated[str, Query(pattern="^(position|total_traded)?(,(position|total_traded))*$")]
SettlementStatus = Annotated[str, Query(pattern="^(unsettled|settled|all)$")]


def router(desk: Desk) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter(prefix="/portfolio")

    @routes.get("/balance")
    def balance(request: Request, *, exchange_index: int | None = None) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            shards = {EXCHANGE_INDEX: available(state, account), **desk.cash_elsewhere(request)}
            asked = [index for index in shards if exchange_index in (None, index)]
            free = sum((shards[index] for index in asked), ZERO)
            dollars = f"{free:.4f}"
            return JSONResponse(
                {
                    "balance": int(free * LOTS_PER_CONTRACT),
                    "balance_dollars": dollars,
                    "portfolio_value": render.portfolio_value(state, account),
                    "updated_ts": int((account.updated_at or state.now).timestamp()),
                    "balance_breakdown": [
                        {"exchange_index": index, "balance": f"{shards[index]:.4f}"} for index in asked
                    ],
                }
            )

    @routes.get("/positions")
    def positions(
        request: Request,
        *,
        limit: Limit = DEFAULT_LIMIT,
        cursor: str = "",
        count_filter: CountFilter = "",
        ticker: str = "",
        event_ticker: str = "",
        settlement_status: SettlementStatus = "unsettled",
    ) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            rows = [
                (market, holding)
                for market, holding in _holdings(state, account)
                if ticker in ("", market.ticker)
                and event_ticker in ("", market.plan.ticker)
                and settlement_status in ("all", "settled" if holding.is_settled else "unsettled")
                and (not _only_open(count_filter) or holding.position.signed_count)
                and not (holding.is_settled and holding.updated_at < cutoff(state.now))
            ]
            part, after = page(rows, lambda row: row[0].ticker, limit, cursor)
            return JSONResponse(
                {
                    "market_positions": [render.market_position(market.ticker, held) for market, held in part],
                    "event_positions": render.event_positions(list(part)),
                    "cursor": after,
                }
            )

    @routes.get("/summary/total_resting_order_value")
    def total_resting_order_value(request: Request) -> JSONResponse:
        with desk.viewed(request) as (state, account):
            value = reserved_total(state, account)
            breakdown = [{"exchange_index": EXCHANGE_INDEX, "balance": text.dollars(value)}]
            return JSONResponse(
                {
                    "total_resting_order_value": int(value * LOTS_PER_CONTRACT),
                    "resting_order_value_breakdown": breakdown,
                }
            )

    return routes


def _holdings(state: State, account: Account) -> list[tuple[Market, Holding]]:
    return [(state.markets[ticker], holding) for ticker, holding in account.holdings.items()]


def _only_open(count_filter: str) -> bool:
    """Everything that was ever traded has a total, so only the word `position` alone narrows the list."""
    return names(count_filter) == {"position"}
