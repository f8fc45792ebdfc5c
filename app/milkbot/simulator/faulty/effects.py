"""Faults that happen inside the exchange, within the turn of the request that they hit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from milkbot.domain.markets import MarketStatus
from milkbot.simulator.engine import interventions
from milkbot.simulator.engine.records import Account, Market
from milkbot.simulator.engine.request import OrderRequest
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.units import lots_of
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import Fired, only

_UNPAID = (MarketStatus.ACTIVE, MarketStatus.INACTIVE, MarketStatus.CLOSED, MarketStatus.DETERMINED)


def before(state: State, account: Account | None, fired: Iterable[Fired], order_id: str | None) -> None:
    """Play what comes before the request itself; `order_id` is the order that its path names."""
    for one in fired:
        kind, rule = one.rule.fault, one.rule
        if kind is FaultKind.MAINTENANCE_PAUSE:
            interventions.pause(state, timedelta(seconds=rule.seconds), whole_exchange=rule.whole_exchange)
        elif kind is FaultKind.FILL_WHILE_CANCELING and account is not None:
            _fill(state, account, one, order_id)
        elif kind in _MARKET_FAULTS:
            for market in _subjects(state, account, one, _MARKET_FAULTS[kind]):
                _on_market(state, market, one)


def before_create(state: State, fired: Iterable[Fired], market: Market | None, asked: OrderRequest) -> None:
    """Let an incoming order meet only a share of the house's offers, in as many pieces as the rule says."""
    one = only(fired, FaultKind.PARTIAL_FILLS)
    if one is None or market is None:
        return
    shown = sum(
        resting.lots
        for resting in market.orderbook.side(is_bid=not asked.is_bid)
        if resting.is_house and (resting.cents <= asked.cents if asked.is_bid else resting.cents >= asked.cents)
    )
    kept = int(min(shown, asked.lots) * one.rule.share)
    state.touch(market)
    interventions.thin_out(market, is_bid=asked.is_bid, cents=asked.cents, lots=kept, parts=one.rule.parts)


_MARKET_FAULTS: dict[FaultKind, tuple[MarketStatus, ...]] = {
    FaultKind.MARKET_DEACTIVATED: (MarketStatus.ACTIVE,),
    FaultKind.MARKET_HALTED: (MarketStatus.ACTIVE,),
    FaultKind.MARKET_CLOSED_EARLY: (MarketStatus.ACTIVE, MarketStatus.INACTIVE),
    FaultKind.MARKET_DISPUTED: _UNPAID,
    FaultKind.MARKET_RESETTLED: (MarketStatus.FINALIZED,),
}


def _on_market(state: State, market: Market, one: Fired) -> None:
    kind, rule = one.rule.fault, one.rule
    lasting = timedelta(seconds=rule.seconds)
    # An event has one official high, so its markets are disputed and corrected together.
    sisters = [m for m in state.markets_of(market.plan.ticker) if m.status(state.now) in _MARKET_FAULTS[kind]]
    if kind is FaultKind.MARKET_DEACTIVATED:
        interventions.deactivate(state, market, lasting)
    elif kind is FaultKind.MARKET_HALTED:
        interventions.halt(state, market, lasting)
    elif kind is FaultKind.MARKET_CLOSED_EARLY:
        interventions.close_early(state, market)
    elif kind is FaultKind.MARKET_DISPUTED:
        for sister in sisters:
            interventions.dispute(state, sister, lasting, rule.high)
    else:
        high = interventions.another_high(market) if rule.high is None else rule.high
        for sister in sisters:
            interventions.resettle(state, sister, high)


def _subjects(state: State, account: Account | None, one: Fired, statuses: Sequence[MarketStatus]) -> Iterable[Market]:
    """The market that the rule names, else one by draw: first of those in which the account has something."""
    if one.rule.ticker:
        named = state.markets.get(one.rule.ticker)
        return [] if named is None or named.status(state.now) not in statuses else [named]
    touched = {order.ticker for order in state.resting.values()}
    accounts = state.accounts.values() if account is None else [account]
    touched |= {ticker for each in accounts for ticker in each.holdings}
    pool = [state.markets[name] for name in sorted(touched) if state.markets[name].status(state.now) in statuses]
    pool = pool or [market for market in state.markets.values() if market.status(state.now) in statuses]
    return [pool[int(one.draws.uniform() * len(pool))]] if pool else []


def _fill(state: State, account: Account, one: Fired, order_id: str | None) -> None:
    orders = [
        order
        for order in state.resting.values()
        if order.account == account.key_id and order_id in (None, order.order_id)
    ]
    for order in sorted(orders, key=lambda order: order.sequence):
        if order.status != "resting" or state.markets[order.ticker].status(state.now) is not MarketStatus.ACTIVE:
            continue
        lots = order.remaining_lots if one.rule.count is None else lots_of(one.rule.count)
        interventions.fill_resting(state, order, lots)
