"""What an execution does to an account: cash, position, order, fill."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.order_fees import DIRECT, FillFee, fill_fee
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import CASH_STEP, ONE, Cash
from milkbot.simulator.engine.records import Account, AccountFill, Holding, Order
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import count_of, leg_cost, price_of
from milkbot.venue.values import VenueOrderStatus

FEES = FeeSchedule(FeeType.QUADRATIC, ONE)
"""What every weather series charges: takers 0.07 x P x (1 - P), makers nothing."""


def fee(order: Order, cents: int, lots: int, *, is_taker: bool) -> FillFee:
    """The fee of an order's next execution, by the exchange's rounding over all of the order's fills."""
    count, price = count_of(lots), price_of(cents)
    revenue = count * (-price if order.is_bid else price)
    return fill_fee(revenue, FEES.model(count, price, is_taker=is_taker), order.carried, DIRECT)


def cash_change(before: Position, after: Position, paid: Cash) -> Decimal:
    """Dollars that flow in (out: negative) when a fill turns one position into the other."""
    flow = (before.cost - after.cost) + (after.realized - before.realized) - paid
    return flow.quantize(CASH_STEP)


def position_of(account: Account, ticker: str) -> Position:
    """What is held in a market, flat if nothing ever was."""
    holding = account.holdings.get(ticker)
    return Position.flat(ticker) if holding is None else holding.position


def preview(order: Order, cents: int, lots: int, at: datetime) -> tuple[Fill, Order]:
    """The fill that an order would get as taker, without an id, and the order with what it then has overpaid."""
    paid = fee(order, cents, lots, is_taker=True)
    count, price = count_of(lots), price_of(cents)
    fill = Fill("", order.order_id, order.ticker, order.side, count, price, paid.net, True, at)
    return fill, replace(order, carried=paid.carried)


def book_fill(state: State, order: Order, cents: int, lots: int, at: datetime, *, is_taker: bool) -> None:
    """Write one execution of an account's order into its order, position and cash."""
    account = state.accounts[order.account]
    fill_id, sequence = state.new_id("fill")
    parts = fee(order, cents, lots, is_taker=is_taker)
    paid = parts.net
    order.carried = parts.carried
    count, price = count_of(lots), price_of(cents)
    fill = Fill(fill_id, order.order_id, order.ticker, order.side, count, price, paid, is_taker, at)
    cost = leg_cost(order.is_bid, cents, lots)

    before = position_of(account, order.ticker)
    after = before.after(fill)
    account.cash += cash_change(before, after, paid)
    account.updated_at = at
    held = account.holdings.get(order.ticker)
    traded = cost if held is None else held.traded + cost
    traded_lots = lots if held is None else held.traded_lots + lots
    account.holdings[order.ticker] = Holding(after, traded, traded_lots, at)

    order.filled_lots += lots
    order.remaining_lots -= lots
    order.updated_at = at
    if is_taker:
        order.taker_cost += cost
        order.taker_fees += paid
    else:
        order.maker_cost += cost
        order.maker_fees += paid
    if order.remaining_lots == 0:
        order.status = VenueOrderStatus.EXECUTED
        state.resting.pop(order.order_id, None)

    filled = AccountFill(sequence, order.account, fill)
    state.fills.append(filled)
    state.touch(filled)
    state.touch(order)
    state.touch(account)
