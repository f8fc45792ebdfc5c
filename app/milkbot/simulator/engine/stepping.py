"""Bringing one market's book up to a moment: expiries, the house's new quotes, the crowd's orders.

A market where an account's order rests is stepped through every change; any other jumps to the newest one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from milkbot.simulator.engine.matching import execute
from milkbot.simulator.engine.orderbook import Resting, SelfTrade
from milkbot.simulator.engine.plan import House, Quote
from milkbot.simulator.engine.records import Market
from milkbot.simulator.engine.state import State

LAST_STEP = timedelta(microseconds=1)
"""At the close itself nothing trades any more."""


def refresh(state: State, house: House, market: Market, until: datetime) -> None:
    """Step an open market to `until`, at most to its close; nothing happens in one that is not open."""
    plan = market.plan
    if state.now >= plan.closes_at or until < plan.opens_at or market.irregular.closed_at is not None:
        return
    until = min(until, plan.closes_at - LAST_STEP)
    after = market.stepped_at or plan.opens_at
    if any(not resting.is_house for resting in market.orderbook):
        for moment in house.moments(plan, market.ticker, after, until):
            _step(state, house, market, moment)
    latest = house.latest_moment(plan, market.ticker, until)
    if latest is not None and latest >= plan.opens_at and (market.stepped_at is None or latest > market.stepped_at):
        _step(state, house, market, latest)


def expire(state: State, market: Market, at: datetime) -> None:
    """Cancel the orders whose time is up."""
    for ref in market.user_orders():
        order = state.orders[ref]
        if order.expires_at is not None and order.expires_at <= at:
            state.cancel(order, order.expires_at)


def _step(state: State, house: House, market: Market, at: datetime) -> None:
    expire(state, market, at)
    if not state.is_paused(at) and market.is_trading(at):
        _requote(state, market, house.quotes(market.plan, market.strike, at, market.holders), at)
        for take in house.takes(market.plan, market.strike, at, market.stepped_at):
            crossing = market.orderbook.crossing(
                take.owner, is_bid=take.is_bid, cents=take.cents, lots=take.lots, self_trade=SelfTrade.MAKER
            )
            execute(state, market, take.owner, None, crossing, at)
    market.stepped_at = at
    state.touch(market)


def _requote(state: State, market: Market, quotes: list[Quote], at: datetime) -> None:
    """Withdraw quotes that changed, then post the new ones through the same matching as everyone's orders."""
    wanted = {quote.key: quote.stamp for quote in quotes}
    market.orderbook.remove(key for key, stamp in market.marks.items() if wanted.get(key) != stamp)
    fresh = [quote for quote in quotes if market.marks.get(quote.key) != quote.stamp]
    market.marks = wanted
    for quote in fresh:
        crossing = market.orderbook.crossing(
            quote.owner, is_bid=quote.is_bid, cents=quote.cents, lots=quote.lots, self_trade=SelfTrade.MAKER
        )
        execute(state, market, quote.owner, None, crossing, at)
        left = quote.lots - crossing.lots
        if left:
            market.orderbook.add(
                Resting(quote.owner, quote.key, quote.is_bid, quote.cents, left, state.next_sequence(), True)
            )
