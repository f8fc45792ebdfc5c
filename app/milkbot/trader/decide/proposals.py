"""A decision to buy or to sell as the risk engine wants to see it: its worst case, and what is known of its market."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from milkbot.domain.markets import Market, MarketStatus
from milkbot.domain.order_fees import dearest
from milkbot.domain.orderbook import OrderBook
from milkbot.domain.orders import Leg
from milkbot.domain.units import ZERO, Cash, Count
from milkbot.risk.engine import MarketFacts
from milkbot.risk.exposure import OpenOrder
from milkbot.risk.portfolio import Exposure, Proposal
from milkbot.risk.terms import Terms
from milkbot.trader.decide.strategy import Action, Decision, Reason
from milkbot.trader.observe.observation import Observed


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decision for one market, with what it was decided by."""

    seen: Observed
    market: Market
    decision: Decision
    weather_problem: Reason | None = None
    """What is missing of its weather, also where its forecaster does without."""
    needs_weather: bool = True
    """Whether its forecaster does not do without."""


def proposal_of(candidate: Candidate, held: Count, exposure: Exposure) -> Proposal:
    """The order that a decision to buy or to sell asks for. `held` is the market's signed position.

    It reduces only as far as no open order of the same leg closes the position before it: two that close the same
    contracts open a position together. Raises ValueError for a decision that names no leg or no price.
    """
    decision, seen = candidate.decision, candidate.seen
    leg, price = decision.bought
    count = decision.count
    each = price + dearest(count, price, seen.fees) / count
    order = OpenOrder(decision.ticker, leg, count, Cash(each))
    signed = count if leg is Leg.YES else -count
    stake = exposure.stakes.get(seen.event.ticker)
    pending = _pending(stake.ledger.orders if stake else (), order)
    return Proposal(
        event_ticker=seen.event.ticker,
        city_code=seen.city.code,
        cluster=seen.city.cluster,
        order=order,
        held_after=Count(max(abs(held + signed), pending + count - _closable(held, order.leg))),
        reduces=pending + count <= _closable(held, order.leg),
        reduce_only=decision.action is Action.SELL,
    )


def facts_of(candidate: Candidate, terms: Terms, now: datetime) -> MarketFacts:
    """What is known of the market of a decision."""
    seen, market = candidate.seen, candidate.market
    orderbook = seen.orderbooks.get(market.ticker)
    forecast = seen.weather.forecast
    return MarketFacts(
        active=market.status is MarketStatus.ACTIVE and market.open_time <= now < market.close_time,
        spread=orderbook.spread if orderbook else None,
        depth=depth_of(orderbook),
        orderbook_age=now - orderbook.captured_at if orderbook else None,
        forecast_age=now - forecast.issued_at if forecast else None,
        terms=terms,
    )


def depth_of(orderbook: OrderBook | None) -> Count:
    """Contracts that rest in an order book, both sides together."""
    levels = (*orderbook.yes_bids, *orderbook.no_bids) if orderbook else ()
    return Count(sum((level.count for level in levels), ZERO))


def _closable(held: Count, leg: Leg) -> Count:
    """Contracts of the position that buying `leg` closes."""
    return Count(max(ZERO, -held if leg is Leg.YES else held))


def _pending(orders: Iterable[OpenOrder], order: OpenOrder) -> Count:
    """Contracts that open orders of the same market and leg may still buy."""
    same = (other.count for other in orders if (other.ticker, other.leg) == (order.ticker, order.leg))
    return Count(sum(same, ZERO))
