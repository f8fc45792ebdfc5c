"""The limits that each order must pass, in dollars that could be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ZERO, Cash, Count


class DenialCode(StrEnum):
    """Why the risk engine refused an order."""

    TRADING_HALTED = "trading_halted"
    ONLY_REDUCING = "only_reducing"
    EVENT_UNRESOLVED = "event_unresolved"
    BALANCE_TOO_LOW = "balance_too_low"
    TRADE_RISK = "trade_risk"
    POSITION_SIZE = "position_size"
    EVENT_RISK = "event_risk"
    CITY_EXPOSURE = "city_exposure"
    CLUSTER_EXPOSURE = "cluster_exposure"
    OPEN_RISK = "open_risk"


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds in dollars at risk, and in contracts for one market."""

    trade: Cash
    event: Cash
    city: Cash
    cluster: Cash
    open_risk: Cash
    position: Count


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order as the engine sees it. `risk` is its worst case: what is paid if it fills whole and loses, fee included.

    `held_after` is the size of the market's position if it fills whole; `reduces` says that it opens nothing.
    """

    ticker: str
    event_ticker: str
    city_code: str
    cluster: str
    risk: Cash
    held_after: Count
    reduces: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """Dollars at risk now: positions at cost, and every order that is open or of unknown outcome at its worst case.

    `blocked_events` hold something that is not resolved: no new risk there.
    """

    cash: Cash
    by_event: Mapping[str, Cash] = field(default_factory=dict)
    by_city: Mapping[str, Cash] = field(default_factory=dict)
    by_cluster: Mapping[str, Cash] = field(default_factory=dict)
    blocked_events: frozenset[str] = frozenset()

    @property
    def total(self) -> Cash:
        """Dollars at risk over all events."""
        return Cash(sum(self.by_event.values(), ZERO))

    def with_order(self, order: Proposal) -> Exposure:
        """The exposure once that order counts too."""
        return replace(
            self,
            cash=Cash(self.cash - order.risk),
            by_event=_plus(self.by_event, order.event_ticker, order.risk),
            by_city=_plus(self.by_city, order.city_code, order.risk),
            by_cluster=_plus(self.by_cluster, order.cluster, order.risk),
        )


def denials(order: Proposal, exposure: Exposure, limits: Limits, state: TradingState) -> tuple[DenialCode, ...]:
    """Every reason against the order; empty means that it may be sent. Orders that only reduce pass all limits."""
    if state is TradingState.HALTED:
        return (DenialCode.TRADING_HALTED,)
    if order.event_ticker in exposure.blocked_events:
        return (DenialCode.EVENT_UNRESOLVED,)
    if order.reduces:
        return ()
    if state is TradingState.REDUCING:
        return (DenialCode.ONLY_REDUCING,)
    return tuple(_broken(order, exposure, limits))


def _broken(order: Proposal, exposure: Exposure, limits: Limits) -> Iterator[DenialCode]:
    after = exposure.with_order(order)
    if after.cash < ZERO:
        yield DenialCode.BALANCE_TOO_LOW
    if order.risk > limits.trade:
        yield DenialCode.TRADE_RISK
    if order.held_after > limits.position:
        yield DenialCode.POSITION_SIZE
    if after.by_event[order.event_ticker] > limits.event:
        yield DenialCode.EVENT_RISK
    if after.by_city[order.city_code] > limits.city:
        yield DenialCode.CITY_EXPOSURE
    if after.by_cluster[order.cluster] > limits.cluster:
        yield DenialCode.CLUSTER_EXPOSURE
    if after.total > limits.open_risk:
        yield DenialCode.OPEN_RISK


def _plus(amounts: Mapping[str, Cash], key: str, more: Cash) -> dict[str, Cash]:
    return {**amounts, key: Cash(amounts.get(key, ZERO) + more)}
