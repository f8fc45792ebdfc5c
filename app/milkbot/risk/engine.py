"""What each order must pass before it is sent. Every reason against it has its code; none is decided anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO, Count
from milkbot.risk.limits import DenialCode, Limits
from milkbot.risk.portfolio import Exposure, Proposal
from milkbot.risk.terms import Terms


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What is known of the market that an order is for. A missing age or spread is None and never passes.

    `depth`: contracts that rest in its order book, both sides together.
    """

    active: bool
    spread: Decimal | None
    depth: Count
    orderbook_age: timedelta | None
    forecast_age: timedelta | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for every order of a moment. `orders` were sent in the hour before it.

    `clock_skew` is None before the exchange sent its time; then there is nothing to compare. `group_ready`:
    the exchange-side order group takes orders, or there shall be none.
    """

    state: TradingState
    orders: int = 0
    exchange_open: bool = True
    clock_skew: timedelta | None = None
    group_ready: bool = True

    def after_order(self) -> Conditions:
        """The conditions once one more order is sent."""
        return replace(self, orders=self.orders + 1)


def denials(
    proposal: Proposal, market: MarketFacts, exposure: Exposure, limits: Limits, now: Conditions
) -> tuple[DenialCode, ...]:
    """Every reason against the order; empty means that it may be sent.

    One that only reduces passes all that limits risk, unless it puts more at risk: closing what would pay for the rest
    of its event does. A market that is closed, a price that is old, an hour that is full stop it too. Cancels are no
    orders: they never come here.
    """
    if now.state is TradingState.HALTED:
        return (DenialCode.TRADING_HALTED,)
    if proposal.event_ticker in exposure.blocked_events:
        return (DenialCode.EVENT_UNRESOLVED,)
    if now.state is TradingState.REDUCING and not proposal.reduces:
        return (DenialCode.ONLY_REDUCING,)
    if proposal.reduce_only and not proposal.reduces:
        return (DenialCode.NOT_REDUCING,)
    reasons = [*_impossible(market, limits, now)]
    after = exposure.with_order(proposal)
    if not proposal.reduces:
        reasons += [*_ill_advised(proposal, market, limits), *_too_large(proposal, after, limits)]
    if not proposal.reduces or after.total > exposure.total:
        reasons += _too_much(proposal, after, limits)
    return tuple(reasons)


def adds_too_much(proposal: Proposal, exposure: Exposure, limits: Limits) -> bool:
    """Whether the order puts more at risk than there is, and than a limit allows."""
    after = exposure.with_order(proposal)
    return after.total > exposure.total and any(_too_much(proposal, after, limits))


def _impossible(market: MarketFacts, limits: Limits, now: Conditions) -> Iterator[DenialCode]:
    if not now.exchange_open:
        yield DenialCode.EXCHANGE_PAUSED
    if not market.active:
        yield DenialCode.MARKET_INACTIVE
    if now.clock_skew is not None and abs(now.clock_skew) > limits.clock_skew:
        yield DenialCode.CLOCK_SKEW
    if not now.group_ready:
        yield DenialCode.ORDER_GROUP_MISSING
    if _is_old(market.orderbook_age, limits.orderbook_age):
        yield DenialCode.BOOK_STALE
    if now.orders >= limits.orders:
        yield DenialCode.ORDER_RATE


def _ill_advised(proposal: Proposal, market: MarketFacts, limits: Limits) -> Iterator[DenialCode]:
    if _is_old(market.forecast_age, limits.forecast_age):
        yield DenialCode.FORECAST_STALE
    if market.terms is not Terms.ACCEPTED:
        yield DenialCode(market.terms)
    if market.spread is None or market.spread > limits.spread:
        yield DenialCode.SPREAD_WIDE
    if market.depth < limits.liquidity * proposal.order.count:
        yield DenialCode.LIQUIDITY_LOW


def _too_large(proposal: Proposal, after: Exposure, limits: Limits) -> Iterator[DenialCode]:
    if after.cash < ZERO:
        yield DenialCode.BALANCE_TOO_LOW
    if proposal.order.cost > limits.trade:
        yield DenialCode.TRADE_RISK
    if proposal.held_after > limits.position:
        yield DenialCode.POSITION_SIZE


def _too_much(proposal: Proposal, after: Exposure, limits: Limits) -> Iterator[DenialCode]:
    if after.by_event[proposal.event_ticker] > limits.event:
        yield DenialCode.EVENT_RISK
    if after.by_city[proposal.city_code] > limits.city:
        yield DenialCode.CITY_EXPOSURE
    if after.by_cluster[proposal.cluster] > limits.cluster:
        yield DenialCode.CLUSTER_EXPOSURE
    if after.total > limits.open_risk:
        yield DenialCode.OPEN_RISK


def _is_old(age: timedelta | None, limit: timedelta) -> bool:
    return age is None or age > limit
