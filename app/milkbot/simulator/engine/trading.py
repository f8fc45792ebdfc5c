"""Creating and canceling an account's orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from milkbot.domain.markets import MarketStatus
from milkbot.domain.orders import TimeInForce
from milkbot.domain.units import ZERO
from milkbot.simulator.engine import rejects
from milkbot.simulator.engine.book import Crossing
from milkbot.simulator.engine.collateral import available, reserved, reserved_total, signed_lots
from milkbot.simulator.engine.ledger import cash_change, position_of, preview
from milkbot.simulator.engine.matching import execute
from milkbot.simulator.engine.pause import is_paused
from milkbot.simulator.engine.records import Account, Market, Order
from milkbot.simulator.engine.request import OrderRequest, check
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.venue.values import VenueOrderStatus

RECENT = timedelta(days=7)
"""How long a client order id stays taken after its order ended. The exchange only says `recent`."""


def place(state: State, account: Account, request: OrderRequest) -> Order:
    """Match an order and rest what remains. Raises RejectError, and then nothing was changed."""
    check(request, state.now)
    market = _open_market(state, request.ticker)
    if _is_taken(state, account, request.client_order_id):
        raise rejects.already_exists()
    lots = _allowed_lots(account, request)
    crossing = market.book.crossing(
        account.key_id, is_bid=request.is_bid, cents=request.cents, lots=lots, self_trade=request.self_trade
    )
    if request.post_only and (crossing.matches or crossing.own_removed or crossing.stopped):
        raise rejects.post_only_cross()
    if request.time_in_force is TimeInForce.FILL_OR_KILL and crossing.lots < lots:
        raise rejects.fok_insufficient_volume()
    order = _new_order(state, account, request, lots)
    _check_balance(state, account, market, order, crossing)

    state.orders[order.order_id] = order
    state.touch(order)
    execute(state, market, account.key_id, order, crossing, state.now)
    if order.remaining_lots:
        if request.time_in_force is TimeInForce.GOOD_TILL_CANCELED and not crossing.stopped:
            state.rest(order)
        else:
            state.cancel(order, state.now)
    return order


def cancel(state: State, account: Account, order_id: str) -> tuple[Order, int]:
    """Cancel one order. Returns it with the lots that no longer rest. Raises RejectError."""
    order = state.orders.get(order_id)
    if order is None or order.account != account.key_id or order.status is not VenueOrderStatus.RESTING:
        raise rejects.not_found("order")
    if state.markets[order.ticker].plan.status(state.now) is not MarketStatus.ACTIVE:
        raise rejects.market_inactive()
    return order, state.cancel(order, state.now)


def cancel_all(state: State, account: Account) -> int:
    """Cancel every resting order of an account. Returns how many."""
    mine = [order for order in state.resting.values() if order.account == account.key_id]
    for order in mine:
        state.cancel(order, state.now)
    return len(mine)


def _open_market(state: State, ticker: str) -> Market:
    market = state.markets.get(ticker)
    if market is None:
        raise rejects.not_found(f"market {ticker}")
    if market.plan.status(state.now) is not MarketStatus.ACTIVE:
        raise rejects.market_inactive()
    if is_paused(state.now):
        raise rejects.trading_paused()
    return market


def _is_taken(state: State, account: Account, client_order_id: str) -> bool:
    if not client_order_id:
        return False
    since = state.now - RECENT
    return any(
        order.client_order_id == client_order_id
        and order.account == account.key_id
        and (order.status is VenueOrderStatus.RESTING or order.updated_at >= since)
        for order in state.orders.values()
    )


def _allowed_lots(account: Account, request: OrderRequest) -> int:
    """The whole count, or what is left to close for a reduce-only order. Raises RejectError if that is nothing."""
    if not request.reduce_only:
        return request.lots
    held = signed_lots(account, request.ticker)
    closable = max(0, -held if request.is_bid else held)
    if closable == 0:
        raise rejects.invalid_order("reduce_only order has no position to reduce")
    return min(request.lots, closable)


def _new_order(state: State, account: Account, request: OrderRequest, lots: int) -> Order:
    order_id, sequence = state.new_id("order")
    return Order(
        order_id=order_id,
        account=account.key_id,
        client_order_id=request.client_order_id,
        ticker=request.ticker,
        is_bid=request.is_bid,
        cents=request.cents,
        initial_lots=lots,
        remaining_lots=lots,
        filled_lots=0,
        time_in_force=request.time_in_force,
        self_trade=request.self_trade,
        cancel_on_pause=request.cancel_order_on_pause,
        expires_at=request.expires_at,
        created_at=state.now,
        updated_at=state.now,
        status=VenueOrderStatus.RESTING,
        sequence=sequence,
    )


def _check_balance(state: State, account: Account, market: Market, order: Order, crossing: Crossing) -> None:
    """Raise RejectError unless cash covers the fills, their fees and what would rest beside the other orders."""
    before = position_of(account, market.ticker)
    position, cash = before, account.cash
    for match in crossing.matches:
        fill = preview(order, match.resting.cents, match.lots, state.now)
        after = position.after(fill)
        cash += cash_change(position, after, fill.fee)
        position = after
    mine = [o for o in state.resting.values() if o.account == account.key_id and o.ticker == market.ticker]
    elsewhere = reserved_total(state, account) - reserved(mine, signed_lots(account, market.ticker))
    left = order.remaining_lots - crossing.lots
    if left and order.time_in_force is TimeInForce.GOOD_TILL_CANCELED:
        mine = [*mine, replace(order, remaining_lots=left)]
    here = reserved(mine, int(position.signed_count * LOTS_PER_CONTRACT))
    if cash - elsewhere - here < min(available(state, account), ZERO):
        raise rejects.insufficient_balance()
