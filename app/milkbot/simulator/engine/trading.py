"""Creating an account's orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from milkbot.domain.markets import MarketStatus
from milkbot.domain.orders import TimeInForce
from milkbot.domain.units import ZERO
from milkbot.simulator.engine import groups, rejects
from milkbot.simulator.engine.collateral import available, reserved, reserved_total, signed_lots
from milkbot.simulator.engine.ledger import cash_change, position_of, preview
from milkbot.simulator.engine.matching import execute
from milkbot.simulator.engine.orderbook import Crossing
from milkbot.simulator.engine.records import Account, Market, Order
from milkbot.simulator.engine.request import OrderRequest, check
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import LOTS_PER_CONTRACT
from milkbot.venue.values import VenueOrderStatus

RECENT = timedelta(days=7)
"""How long a client order id remains in use after its order ended. The exchange only says `recent`."""


def place(state: State, account: Account, request: OrderRequest) -> Order:
    """Match an order and rest what remains. Raises RejectError, and then nothing was changed."""
    check(request, state.now)
    market = open_market(state, request.ticker)
    if is_taken(state, account, request.client_order_id):
        raise rejects.already_exists()
    if request.order_group_id:
        groups.open_group(state, account, request.order_group_id)
    lots = _allowed_lots(account, request)
    crossing = market.orderbook.crossing(
        account.key_id, is_bid=request.is_bid, cents=request.cents, lots=lots, self_trade=request.self_trade
    )
    if request.post_only and (crossing.matches or crossing.own_removed or crossing.stopped):
        raise rejects.post_only_cross()
    if request.time_in_force is TimeInForce.FILL_OR_KILL and crossing.lots < lots:
        raise rejects.fok_insufficient_volume()
    order = _new_order(state, account, request, lots)
    check_balance(state, account, market, order, crossing)

    state.orders[order.order_id] = order
    state.touch(order)
    execute(state, market, account.key_id, order, crossing, state.now)
    if order.remaining_lots:
        if may_rest(state, order) and not crossing.stopped:
            state.rest(order)
        else:
            state.cancel(order, state.now)
    return order


def open_market(state: State, ticker: str) -> Market:
    """A market that takes orders. Raises RejectError for any other."""
    market = state.markets.get(ticker)
    if market is None:
        raise rejects.not_found(f"market {ticker}")
    status = market.status(state.now)
    if status is MarketStatus.INITIALIZED:
        raise rejects.market_inactive()
    if status not in {MarketStatus.ACTIVE, MarketStatus.INACTIVE}:
        raise rejects.market_closed()
    if state.is_down(state.now):
        raise rejects.exchange_is_paused()
    if state.is_paused(state.now) or not market.is_trading(state.now):
        raise rejects.trading_is_paused()
    return market


def is_taken(state: State, account: Account, client_order_id: str) -> bool:
    """Whether a client order id is live or was used lately."""
    if not client_order_id:
        return False
    since = state.now - RECENT
    return any(
        order.client_order_id == client_order_id
        and order.account == account.key_id
        and (order.status is VenueOrderStatus.RESTING or order.updated_at >= since)
        for order in state.orders.values()
    )


def may_rest(state: State, order: Order) -> bool:
    """Whether what is left may wait: not where its own fills have just tripped its group."""
    tripped = order.group_id is not None and state.groups[order.group_id].is_triggered
    return order.time_in_force is TimeInForce.GOOD_TILL_CANCELED and not tripped


def _allowed_lots(account: Account, request: OrderRequest) -> int:
    """The whole count, or what is left to close for a reduce-only order. Raises RejectError if that is nothing."""
    if not request.reduce_only:
        return request.lots
    held = signed_lots(account, request.ticker)
    closable = max(0, -held if request.is_bid else held)
    if closable == 0:
        raise rejects.nothing_to_reduce()
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
        group_id=request.order_group_id or None,
        post_only=request.post_only,
    )


def check_balance(state: State, account: Account, market: Market, order: Order, crossing: Crossing) -> None:
    """Raise RejectError unless cash covers the fills, their fees and what would rest together with the other orders."""
    before = position_of(account, market.ticker)
    position, cash, ahead = before, account.cash, order
    for match in crossing.matches:
        fill, ahead = preview(ahead, match.resting.cents, match.lots, state.now)
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
