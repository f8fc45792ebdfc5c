"""What an execution does to an account: cash, position, order, fill."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from milkbot.domain.fees import FeeSchedule, FeeType, aligned
from milkbot.domain.orders import BookSide
from milkbot.domain.positions import Fill, Position
from milkbot.domain.units import CASH_STEP, ONE, ZERO, Cash
from milkbot.simulator.engine.records import Account, AccountFill, Holding, Order
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import count_of, leg_cost, price_of
from milkbot.venue.values import VenueOrderStatus

FEES = FeeSchedule(FeeType.QUADRATIC, ONE)
"""What every weather series charges: takers 0.07 x P x (1 - P), makers nothing."""


def fee(cents: int, lots: int, *, is_taker: bool) -> Cash:
    """The fee of one execution as the balance shows it."""
    if not is_taker:
        return Cash(ZERO)
    return aligned(FEES.taker(count_of(lots), price_of(cents)))


def cash_change(before: Position, after: Position, paid: Cash) -> Decimal:
    """Dollars that flow in (out: negative) when a fill turns one position into the other."""
    flow = (before.cost - after.cost) + (after.realized - before.realized) - paid
    return flow.quantize(CASH_STEP)


def position_of(account: Account, ticker: str) -> Position:
    """What is held in a market, flat if nothing ever was."""
    holding = account.holdings.get(ticker)
    return Position.flat(ticker) if holding is None else holding.position


def preview(order: Order, cents: int, lots: int, at: datetime) -> Fill:
    """The fill that an order would get as taker, without an id."""
    side = BookSide.BID if order.is_bid else BookSide.ASK
    paid = fee(cents, lots, is_taker=True)
    return Fill("", order.order_id, order.ticker, side, count_of(lots), price_of(cents), paid, True, at)


def book_fill(state: State, order: Order, cents: int, lots: int, at: datetime, *, is_taker: bool) -> None:
    """Write one execution of an account's order into its order, position and cash."""
    account = state.accounts[order.account]
    fill_id, sequence = state.new_id("fill")
    paid = fee(cents, lots, is_taker=is_taker)
    side = BookSide.BID if order.is_bid else BookSide.ASK
    fill = Fill(fill_id, order.order_id, order.ticker, side, count_of(lots), price_of(cents), paid, is_taker, at)
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
    if order.remaining_lots == 0:
        order.status = VenueOrderStatus.EXECUTED
        state.resting.pop(order.order_id, None)

    filled = AccountFill(sequence, order.account, fill)
    state.fills.append(filled)
    state.touch(filled)
    state.touch(order)
    state.touch(account)
