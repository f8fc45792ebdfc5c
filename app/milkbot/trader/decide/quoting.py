"""How an order is to be sent: taken at once, or left to rest at a price of ours and never for longer than wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from milkbot.domain.markets import Market
from milkbot.domain.orderbook import OrderBook
from milkbot.domain.orders import Leg, TimeInForce
from milkbot.domain.units import ZERO, Price, complement, round_down

_CENT = Price(Decimal("0.01"))


class OrderStyle(StrEnum):
    """Whether an order takes what is offered, or waits for somebody who takes it."""

    IMMEDIATE = "immediate"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class QuoteRules:
    """Bounds of a resting order. Nothing rests within the guards, or beyond `expiry` without being renewed.

    `max_chase`: dollars by which the price for a leg may be raised over the first one of the last hours in its market.
    """

    style: OrderStyle
    expiry: timedelta
    max_age: timedelta
    close_guard: timedelta
    pause_guard: timedelta
    max_forecast_move_f: float
    max_spread: Decimal
    min_edge: Decimal
    max_drift: Decimal
    max_chase: Decimal

    @property
    def rests(self) -> bool:
        """Whether orders are left to rest."""
        return self.style is OrderStyle.RESTING


@dataclass(frozen=True, slots=True)
class Sending:
    """How the exchange must treat an order."""

    time_in_force: TimeInForce
    post_only: bool
    expires_at: datetime | None


AT_ONCE: Final = Sending(TimeInForce.IMMEDIATE_OR_CANCEL, post_only=False, expires_at=None)
"""It takes what is offered, and leaves nothing."""


def sending(rules: QuoteRules, close_time: datetime, pause_at: datetime | None, now: datetime) -> Sending:
    """A resting order ends by itself, at the exchange: a dead trader leaves no order."""
    if not rules.rests:
        return AT_ONCE
    ends = [now + rules.expiry, close_time - rules.close_guard]
    if pause_at is not None:
        ends.append(pause_at - rules.pause_guard)
    # The exchange counts in whole seconds.
    return Sending(TimeInForce.GOOD_TILL_CANCELED, post_only=True, expires_at=min(ends).replace(microsecond=0))


def is_guarded(rules: QuoteRules, close_time: datetime, pause_at: datetime | None, now: datetime) -> bool:
    """Whether the close or a pause is too near for an order to rest."""
    if now >= close_time - rules.close_guard:
        return True
    return pause_at is not None and now >= pause_at - rules.pause_guard


def quote_price(
    leg: Leg, orderbook: OrderBook, market: Market, probability: Decimal, rules: QuoteRules, anchor: Price | None
) -> Price | None:
    """Dollars to bid for a contract of the leg: at the best bid, never above what leaves the least edge, and never
    further than the bound above `anchor`, the first price that was bid for it. None where that leaves no price.
    """
    best = orderbook.best_yes_bid if leg is Leg.YES else orderbook.best_no_bid
    if best is None:
        return None
    limit = min(best.price, probability - rules.min_edge)
    if anchor is not None:
        limit = min(limit, anchor + rules.max_chase)
    price = round_down(max(limit, ZERO), _step(market, leg, Price(limit)))
    return Price(price) if price > ZERO else None


def _step(market: Market, leg: Leg, price: Price) -> Price:
    at = price if leg is Leg.YES else complement(price)
    for stretch in market.price_ranges:
        if stretch.start <= at <= stretch.end:
            return stretch.step
    return _CENT
