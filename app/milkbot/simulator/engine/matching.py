"""Carrying out what a crossing promises: tape, holders, fills of accounts, and own orders that give way."""

from __future__ import annotations

from datetime import datetime

from milkbot.simulator.engine import groups
from milkbot.simulator.engine.ledger import book_fill
from milkbot.simulator.engine.orderbook import Crossing, Resting
from milkbot.simulator.engine.records import Market, Order, Trade
from milkbot.simulator.engine.state import State


def execute(state: State, market: Market, owner: str, order: Order | None, crossing: Crossing, at: datetime) -> None:
    """Fill an incoming order (of an account, or of the house when `order` is None) against the book."""
    traded_groups: list[str] = []
    for match in crossing.matches:
        resting = match.resting
        _move(market, owner, resting, match.lots)
        _print(state, market, resting, match.lots, at)
        if order is not None:
            book_fill(state, order, resting.cents, match.lots, at, is_taker=True)
            traded_groups += _counted(state, order, match.lots, at)
        if not resting.is_house:
            maker = state.orders[resting.ref]
            book_fill(state, maker, resting.cents, match.lots, at, is_taker=False)
            traded_groups += _counted(state, maker, match.lots, at)
    market.orderbook.apply(crossing)
    groups.enforce(state, traded_groups, at)
    for own in crossing.own_removed:
        if own.is_house:
            market.orderbook.remove([own.ref])
        else:
            state.cancel(state.orders[own.ref], at)
    state.touch(market)


def _counted(state: State, order: Order, lots: int, at: datetime) -> list[str]:
    groups.count(state, order, lots, at)
    return [] if order.group_id is None else [order.group_id]


def _print(state: State, market: Market, resting: Resting, lots: int, at: datetime) -> None:
    trade_id, sequence = state.new_id("trade")
    market.trade(resting.cents, lots, at)
    trade = Trade(trade_id, sequence, market.ticker, lots, resting.cents, not resting.is_bid, at, market.open_interest)
    state.trades.append(trade)
    state.touch(trade)


def _move(market: Market, taker: str, resting: Resting, lots: int) -> None:
    signed = -lots if resting.is_bid else lots
    market.holders[taker] = market.holders.get(taker, 0) + signed
    market.holders[resting.owner] = market.holders.get(resting.owner, 0) - signed
