"""Our resting orders: which markets they hold, and which of them may not remain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot.db import quotes as quote_rows
from milkbot.db.ops import Order
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OURS, Leg, OrderState, leg_of
from milkbot.domain.trading_state import TradingState
from milkbot.domain.units import ONE, Price, complement
from milkbot.trader.decide.proposals import Candidate
from milkbot.trader.decide.quoting import QuoteRules
from milkbot.trader.decide.requote import Quote, Scene, Withdrawal, judge
from milkbot.trader.orders.manager import Cancel
from milkbot.venue.values import VenueOrder

CHASE_WINDOW: Final = timedelta(hours=6)
"""How long the first price that was bid in a market bounds the later ones."""
_AT_EXCHANGE: Final = (OrderState.RESTING, OrderState.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class OwnOrders:
    """Markets that hold an open order of ours, the first leg price bid in each of late, and when a pause begins."""

    markets: frozenset[str]
    anchors: Mapping[tuple[str, Leg], Price]
    pause_at: datetime | None


def own_orders(session: Session, mode: TradingMode, pause_at: datetime | None, now: datetime) -> OwnOrders:
    """What a decision has to know of our own orders."""
    markets = frozenset(order.ticker for order, _ in quote_rows.open_quotes(session, mode))
    first = quote_rows.first_prices(session, mode, now - CHASE_WINDOW)
    anchors = {
        (ticker, leg_of(side)): Price(price) if leg_of(side) is Leg.YES else complement(Price(price))
        for (ticker, side), price in first.items()
    }
    return OwnOrders(markets, anchors, pause_at)


def left_behind(resting: Iterable[VenueOrder]) -> list[Cancel]:
    """Every order of ours that the exchange shows resting, by its name: for where nothing may rest."""
    return [
        Cancel(order.client_order_id, order.order_id, order.exchange_index, order.ticker, Withdrawal.NOT_WANTED)
        for order in resting
        if order.client_order_id.startswith(OURS)
    ]


def to_withdraw(
    engine: Engine,
    mode: TradingMode,
    seen: Mapping[str, Candidate],
    rules: QuoteRules,
    allowed: TradingState,
    pause_at: datetime | None,
    now: datetime,
) -> list[Cancel]:
    """The orders of ours that may not rest any longer, each with the reason. `seen`: what was decided, by market."""
    with transaction(engine) as session:
        found = quote_rows.open_quotes(session, mode)
    cancels: list[Cancel] = []
    for order, forecast_f in found:
        if order.venue_order_id is None or OrderState(order.state) not in _AT_EXCHANGE:
            continue
        leg = leg_of(order.side)
        price = Price(order.price) if leg is Leg.YES else complement(Price(order.price))
        quote = Quote(price, order.created_at, forecast_f)
        reason = judge(quote, _scene(seen.get(order.ticker), leg, pause_at), rules, allowed, now)
        if reason is not None:
            cancels.append(_cancel(order, order.venue_order_id, reason))
    return cancels


def _cancel(order: Order, venue_order_id: str, reason: Withdrawal) -> Cancel:
    return Cancel(order.client_order_id, venue_order_id, order.exchange_index, order.ticker, reason)


def _scene(candidate: Candidate | None, leg: Leg, pause_at: datetime | None) -> Scene | None:
    if candidate is None:
        return None
    decision, forecast = candidate.decision, candidate.seen.weather.forecast
    probability = None
    if decision.p_yes is not None:
        yes = Decimal(decision.p_yes)
        probability = yes if leg is Leg.YES else ONE - yes
    return Scene(
        close_time=candidate.market.close_time,
        pause_at=pause_at,
        orderbook=candidate.seen.orderbooks.get(candidate.market.ticker),
        forecast_f=forecast.degrees_f if forecast else None,
        probability=probability,
        price=decision.price if decision.leg is leg else None,
        needs_weather=candidate.needs_weather,
    )
