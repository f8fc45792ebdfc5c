"""What becomes of a resting order: kept, or canceled with a reason. A pure function of what is seen now.

An order that is taken away is replaced by the next tick, once its fills have been read: a market never has two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from milkbot.domain.orderbook import OrderBook
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import Price
from milkbot.trader.decide.quoting import QuoteRules, is_guarded


class Withdrawal(StrEnum):
    """Why a resting order is canceled."""

    NOT_ALLOWED = "not_allowed"
    """The trading state is not ACTIVE."""
    NOT_WANTED = "not_wanted"
    """No order may rest any more, or the reason of this one is unknown."""
    NEAR_CLOSE = "near_close"
    """The market closes soon, or the exchange pauses."""
    MARKET_UNSEEN = "market_unseen"
    """The market, its order book or its weather could not be read."""
    QUOTE_STALE = "quote_stale"
    FORECAST_MOVED = "forecast_moved"
    SPREAD_WIDENED = "spread_widened"
    EDGE_GONE = "edge_gone"
    PRICE_MOVED = "price_moved"
    """We would bid less now, or more within the bound for chasing."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A resting order of ours. `price` is of its own leg; `forecast_f` is what it was decided by, if known."""

    price: Price
    placed_at: datetime
    forecast_f: float | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen of the quote's market now. `probability` is of the leg; `price` what would be bid for it.

    `needs_weather`: whether the forecaster does; else no forecast of the weather withdraws a quote.
    """

    close_time: datetime
    pause_at: datetime | None
    orderbook: OrderBook | None
    forecast_f: float | None
    probability: Decimal | None
    price: Price | None
    needs_weather: bool = True


def judge(
    quote: Quote, scene: Scene | None, rules: QuoteRules, allowed: TradingState, now: datetime
) -> Withdrawal | None:
    """Why the quote is canceled, None to keep it. The gravest reason is returned."""
    if allowed is not TradingState.ACTIVE:
        return Withdrawal.NOT_ALLOWED
    if not rules.rests:
        return Withdrawal.NOT_WANTED
    if scene is None:
        return Withdrawal.MARKET_UNSEEN
    if is_guarded(rules, scene.close_time, scene.pause_at, now):
        return Withdrawal.NEAR_CLOSE
    return next(_market_reasons(quote, scene, rules, now), None)


def _market_reasons(quote: Quote, scene: Scene, rules: QuoteRules, now: datetime) -> Iterator[Withdrawal]:
    blind = scene.needs_weather and scene.forecast_f is None
    if scene.orderbook is None or scene.probability is None or blind:
        yield Withdrawal.MARKET_UNSEEN
        return
    if scene.orderbook.spread is None or scene.orderbook.spread > rules.max_spread:
        yield Withdrawal.SPREAD_WIDENED
    if scene.needs_weather and _forecast_moved(quote.forecast_f, scene.forecast_f, rules):
        yield Withdrawal.FORECAST_MOVED
    if scene.probability - quote.price < rules.min_edge:
        yield Withdrawal.EDGE_GONE
    if scene.price is None or abs(scene.price - quote.price) >= rules.max_drift:
        yield Withdrawal.PRICE_MOVED
    if now - quote.placed_at >= rules.max_age:
        yield Withdrawal.QUOTE_STALE


def _forecast_moved(then_f: float | None, now_f: float | None, rules: QuoteRules) -> bool:
    return then_f is None or now_f is None or abs(now_f - then_f) >= rules.max_forecast_move_f
