"""What is at risk now, from the database: positions at cost, and every open order at its worst case."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy.orm import Session

from milkbot.db import books
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.cities import city_of_series
from milkbot.domain.fees import TAKER_RATE
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import UNRESOLVED, BookSide, OrderState
from milkbot.domain.units import ONE, ZERO, Cash, Count
from milkbot.risk.engine import Exposure, Limits
from milkbot.settings import Settings

_PERCENT = Decimal(100)


def current_exposure(session: Session, mode: TradingMode, cash: Cash, blocked_events: frozenset[str]) -> Exposure:
    """The exposure of a mode's books. `cash` is what the exchange says is free.

    An order of unknown outcome also lowers the cash: the exchange may not have reserved it yet.
    """
    by_event: dict[str, Cash] = defaultdict(lambda: Cash(ZERO))
    for row in books.held_positions(session, mode):
        by_event[row.event_ticker] = Cash(by_event[row.event_ticker] + row.cost)
    filled = order_rows.filled_by_order(session, mode)
    reserved = ZERO
    for order in order_rows.open_orders(session, mode):
        worst = worst_case(order, filled.get(order.id, ZERO))
        by_event[order.event_ticker] = Cash(by_event[order.event_ticker] + worst)
        if OrderState(order.state) in UNRESOLVED:
            reserved += worst
    by_city: dict[str, Cash] = defaultdict(lambda: Cash(ZERO))
    by_cluster: dict[str, Cash] = defaultdict(lambda: Cash(ZERO))
    for event_ticker, risk in by_event.items():
        city = city_of_series(event_ticker.partition("-")[0])
        by_city[city.code] = Cash(by_city[city.code] + risk)
        by_cluster[city.cluster] = Cash(by_cluster[city.cluster] + risk)
    return Exposure(Cash(cash - reserved), dict(by_event), dict(by_city), dict(by_cluster), blocked_events)


def worst_case(order: Order, filled: Decimal) -> Cash:
    """Dollars lost if the rest of the order fills whole and the bet loses, the highest fee included."""
    leg_price = order.price if order.side == BookSide.BID else ONE - order.price
    remaining = order.count - filled
    return Cash(remaining * (leg_price + TAKER_RATE * order.price * (ONE - order.price)))


def limits_of(settings: Settings) -> Limits:
    """The configured percentages of the bankroll, in dollars."""

    def share(percent: Decimal) -> Cash:
        return Cash(settings.bankroll * percent / _PERCENT)

    return Limits(
        trade=share(settings.max_trade_risk_pct),
        event=share(settings.max_event_risk_pct),
        city=share(settings.max_city_exposure_pct),
        cluster=share(settings.max_cluster_exposure_pct),
        open_risk=share(settings.max_open_risk_pct),
        position=Count(Decimal(settings.max_position_size)),
    )
