"""Time passing: events are created, close, are determined and paid out, and resting orders meet the house meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from milkbot.domain.markets import MarketStatus
from milkbot.domain.positions import Position
from milkbot.domain.units import ONE, ZERO, Cash, Count, Price
from milkbot.simulator.engine.pause import pauses_between
from milkbot.simulator.engine.plan import EventPlan, World
from milkbot.simulator.engine.records import Account, Market, Settled
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.stepping import expire, refresh


class Stage(IntEnum):
    """What may happen at a moment, in the order in which it happens when moments coincide."""

    PAUSED = 0
    REACTIVATED = 1
    CREATED = 2
    CLOSED = 3
    DETERMINED = 4
    AMENDED = 5
    FINALIZED = 6


Step = tuple[datetime, Stage, EventPlan | Market | None]


def advance(state: State, world: World, until: datetime) -> None:
    """Carry the exchange to a later moment; an earlier one changes nothing."""
    if until <= state.now:
        return
    created = world.created_between(state.now, until)
    steps: list[Step] = [(moment, Stage.PAUSED, None) for moment in pauses_between(state.now, until)]
    steps += [(plan.created_at, Stage.CREATED, plan) for plan in created]
    for plan in [*_unfinished(state), *created]:
        ends = (
            (plan.closes_at, Stage.CLOSED),
            (plan.determined_at, Stage.DETERMINED),
            (plan.finalized_at, Stage.FINALIZED),
        )
        steps += [(moment, stage, plan) for moment, stage in ends if state.now < moment <= until]
    steps += [step for step in _irregular_steps(state) if state.now < step[0] <= until]
    for moment, stage, subject in sorted(steps, key=lambda step: step[:2]):
        _step_resting(state, world, moment)
        state.now = moment
        if subject is None:
            _cancel_for_pause(state, moment)
        elif isinstance(subject, Market):
            _enter_alone(state, subject, stage)
        else:
            _enter(state, world, subject, stage)
    _step_resting(state, world, until)
    state.now = until
    state.irregular = {name for name in state.irregular if state.markets[name].irregular.is_pending(until)}


def _irregular_steps(state: State) -> Iterator[Step]:
    for ticker in sorted(state.irregular):
        market = state.markets[ticker]
        odd = market.irregular
        if odd.inactive_until is not None:
            yield odd.inactive_until, Stage.REACTIVATED, market
        if odd.disputed_until is not None:
            yield odd.disputed_until, Stage.AMENDED, market
            yield market.finalized_at, Stage.FINALIZED, market


def _unfinished(state: State) -> list[EventPlan]:
    return [plan for plan in state.plans.values() if plan.status(state.now) is not MarketStatus.FINALIZED]


def _step_resting(state: State, world: World, until: datetime) -> None:
    """Every market where an account's order rests, through each change of its quotes."""
    for ticker in sorted({order.ticker for order in state.resting.values()}):
        market = state.markets[ticker]
        refresh(state, world.house, market, until)
        expire(state, market, until)


def _cancel_for_pause(state: State, at: datetime) -> None:
    for order in [order for order in state.resting.values() if order.cancel_on_pause]:
        state.cancel(order, at)


def _enter(state: State, world: World, plan: EventPlan, stage: Stage) -> None:
    if stage is Stage.CREATED:
        state.add_plan(plan)
        return
    for market in state.markets_of(plan.ticker):
        if stage is Stage.CLOSED:
            close(state, market, plan.closes_at)
        elif stage is Stage.DETERMINED:
            _determine(state, market, world.official(plan))
        elif market.irregular.disputed_until is None:
            _pay_out(state, market, plan.finalized_at)
        state.touch(market)


def _enter_alone(state: State, market: Market, stage: Stage) -> None:
    if stage is Stage.REACTIVATED:
        for order_id in list(market.user_orders()):
            state.cancel(state.orders[order_id], state.now)
        market.updated_at = state.now
    elif stage is Stage.AMENDED:
        if market.irregular.amended_high is not None:
            _determine(state, market, market.irregular.amended_high)
    else:
        _pay_out(state, market, state.now)
    state.touch(market)


def close(state: State, market: Market, at: datetime) -> None:
    """Take all orders out of a market and end its trading."""
    for order_id in market.user_orders():
        state.cancel(state.orders[order_id], at)
    market.orderbook.remove([resting.ref for resting in market.orderbook])
    market.marks = {}
    market.updated_at = at


def _determine(state: State, market: Market, degrees: int) -> None:
    market.result, market.expiration_value = outcome(market, degrees)
    market.updated_at = state.now


def outcome(market: Market, degrees: int) -> tuple[str, str]:
    """Result and expiration value for an official high or low in whole degrees Fahrenheit."""
    return "yes" if market.strike.contains(degrees) else "no", f"{degrees}.00"


def _pay_out(state: State, market: Market, at: datetime) -> None:
    market.updated_at = at
    yes_value = Price(ONE if market.result == "yes" else ZERO)
    for _, account in sorted(state.accounts.items()):
        holding = account.holdings.get(market.ticker)
        if holding is None:
            continue
        if holding.position.signed_count:
            _settle(state, account, market, holding.position, yes_value, at)
        account.holdings[market.ticker] = replace(
            holding, position=_after_settlement(holding.position, yes_value), is_settled=True, updated_at=at
        )
        state.touch(account)


def _settle(state: State, account: Account, market: Market, position: Position, yes_value: Price, at: datetime) -> None:
    revenue = Cash(payout(position, yes_value))
    account.cash += revenue
    account.updated_at = at
    event, sequence = market.plan.ticker, state.next_sequence()
    settled = Settled(sequence, account.key_id, market.ticker, event, market.result, position, revenue, at)
    state.settlements.append(settled)
    state.touch(settled)


def payout(position: Position, yes_value: Price) -> Decimal:
    """Dollars that a position pays when each YES pays `yes_value`."""
    pays: Decimal = yes_value if position.signed_count > ZERO else ONE - yes_value
    return abs(position.signed_count) * pays


def _after_settlement(position: Position, yes_value: Price) -> Position:
    return replace(
        position,
        signed_count=Count(ZERO),
        cost=Cash(ZERO),
        realized=Cash(position.realized + position.settled(yes_value)),
    )
