"""Changing and taking back an account's resting orders: amend, decrease, cancel."""

from __future__ import annotations

from dataclasses import dataclass

from milkbot.domain.markets import MarketStatus
from milkbot.domain.orders import BookSide
from milkbot.domain.units import ZERO, Count, Price
from milkbot.simulator.engine import rejects
from milkbot.simulator.engine.matching import execute
from milkbot.simulator.engine.records import Account, Market, Order
from milkbot.simulator.engine.request import check_expiry, check_size_and_price
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.trading import check_balance, is_taken, may_rest, open_market
from milkbot.simulator.engine.units import cents_of, lots_of
from milkbot.venue.values import VenueOrderStatus

KEEP = -1
"""An expiration_time that was not given; 0 takes the expiry away."""


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """An amend as it comes off the wire. `count` is the new total with what is filled already."""

    ticker: str
    side: BookSide
    price: Price
    count: Count
    client_order_id: str = ""
    updated_client_order_id: str = ""
    expiration_time: int = KEEP


def amend(state: State, account: Account, order_id: str, request: AmendRequest) -> tuple[Order, int]:
    """Change an order; only a smaller size keeps its place in the queue. Returns it with the lots that it filled.

    Raises RejectError, and then nothing was changed.
    """
    order = _resting(state, account, order_id)
    market = open_market(state, order.ticker)
    _check(state, account, order, request)
    cents, remaining = cents_of(request.price), lots_of(request.count) - order.filled_lots
    filled = 0
    if cents == order.cents and remaining <= order.remaining_lots:
        _shrink(market, order, remaining)
    else:
        filled = _requeue(state, account, market, order, cents, remaining)
    order.initial_lots = lots_of(request.count)
    order.client_order_id = request.updated_client_order_id or order.client_order_id
    if request.expiration_time != KEEP:
        expiry = request.expiration_time
        order.expires_at = rejects.moment_of(expiry) if expiry else None
    order.updated_at = state.now
    state.touch(order)
    state.touch(market)
    return order, filled


def decrease(state: State, account: Account, order_id: str, *, by: Count | None, to: Count | None) -> Order:
    """Let fewer contracts rest, in the same place. Raises RejectError unless that is fewer than now."""
    order = _resting(state, account, order_id)
    market = state.markets[order.ticker]
    _check_cancelable(state, market)
    if (by is None) == (to is None):
        raise rejects.bad_request("exactly one of reduce_by and reduce_to is needed")
    left = order.remaining_lots - lots_of(by) if by is not None else lots_of(to or ZERO)
    if not 0 <= left < order.remaining_lots:
        raise rejects.invalid_size(f"{left / 100:.2f} contracts would rest, of {order.remaining_lots / 100:.2f}")
    if left == 0:
        state.cancel(order, state.now)
        return order
    _shrink(market, order, left)
    order.updated_at = state.now
    state.touch(order)
    state.touch(market)
    return order


def cancel(state: State, account: Account, order_id: str) -> tuple[Order, int]:
    """Cancel one order. Returns it with the lots that no longer rest. Raises RejectError."""
    order = _resting(state, account, order_id)
    _check_cancelable(state, state.markets[order.ticker])
    return order, state.cancel(order, state.now)


def cancel_all(state: State, account: Account) -> int:
    """Cancel every resting order of an account. Returns how many. Raises RejectError while the exchange is down."""
    if state.is_down(state.now):
        raise rejects.exchange_is_paused()
    mine = [order for order in state.resting.values() if order.account == account.key_id]
    for order in mine:
        state.cancel(order, state.now)
    return len(mine)


def _resting(state: State, account: Account, order_id: str) -> Order:
    order = state.orders.get(order_id)
    if order is None or order.account != account.key_id or order.status is not VenueOrderStatus.RESTING:
        raise rejects.not_found("order")
    return order


def _check_cancelable(state: State, market: Market) -> None:
    """A stopped market and a pause of trading let cancels through; a closed market and a closed exchange do not."""
    if market.status(state.now) not in {MarketStatus.ACTIVE, MarketStatus.INACTIVE}:
        raise rejects.market_closed()
    if state.is_down(state.now):
        raise rejects.exchange_is_paused()


def _check(state: State, account: Account, order: Order, request: AmendRequest) -> None:
    if request.ticker != order.ticker:
        raise rejects.invalid_order(f"order {order.order_id} is in {order.ticker}, not in {request.ticker}")
    if request.side is not order.side:
        raise rejects.side_mismatch()
    if request.client_order_id not in ("", order.client_order_id):
        raise rejects.id_mismatch()
    check_size_and_price(request.count, request.price)
    if lots_of(request.count) <= order.filled_lots:
        raise rejects.invalid_size(f"count {request.count} is not more than what is filled")
    if request.expiration_time > 0:
        check_expiry(request.expiration_time, state.now)
    renamed = request.updated_client_order_id
    if renamed and renamed != order.client_order_id and is_taken(state, account, renamed):
        raise rejects.already_exists()


def _shrink(market: Market, order: Order, lots: int) -> None:
    order.remaining_lots = lots
    for resting in market.orderbook:
        if resting.ref == order.order_id:
            resting.lots = lots


def _requeue(state: State, account: Account, market: Market, order: Order, cents: int, lots: int) -> int:
    """Take the order out and place it anew at the end of its queue. Returns the lots that it filled on the way."""
    before = (order.cents, order.remaining_lots, order.sequence)
    market.orderbook.remove([order.order_id])
    del state.resting[order.order_id]
    order.cents, order.remaining_lots, order.sequence = cents, lots, state.next_sequence()
    crossing = market.orderbook.crossing(
        account.key_id, is_bid=order.is_bid, cents=cents, lots=lots, self_trade=order.self_trade
    )
    try:
        if order.post_only and (crossing.matches or crossing.own_removed or crossing.stopped):
            raise rejects.post_only_cross()
        check_balance(state, account, market, order, crossing)
    except rejects.RejectError:
        order.cents, order.remaining_lots, order.sequence = before
        state.rest(order)
        raise
    execute(state, market, account.key_id, order, crossing, state.now)
    if order.remaining_lots:
        if may_rest(state, order) and not crossing.stopped:
            state.rest(order)
        else:
            state.cancel(order, state.now)
    return crossing.lots
