"""What is at risk now, from the database: each event's positions and open orders at their worst outcome."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sqlalchemy.orm import Session

from milkbot.db import ledger, terms
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.cities import city_of_series
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_fees import worst_case_cost
from milkbot.domain.orders import UNRESOLVED, OrderState, leg_of
from milkbot.domain.units import ZERO, Cash, Count
from milkbot.risk.exposure import EventLedger, Holding, OpenOrder
from milkbot.risk.portfolio import Exposure, Stake


def current_exposure(session: Session, mode: TradingMode, cash: Cash, blocked_events: frozenset[str]) -> Exposure:
    """The exposure of a mode's ledger. `cash` is what the exchange says is free.

    An order of unknown outcome also lowers the cash: the exchange may not have reserved it yet.
    """
    holdings: dict[str, list[Holding]] = defaultdict(list)
    for row in ledger.held_positions(session, mode):
        holdings[row.event_ticker].append(Holding(row.ticker, Count(row.signed_count), Cash(row.cost)))
    open_orders: dict[str, list[OpenOrder]] = defaultdict(list)
    filled = order_rows.filled_by_order(session, mode)
    reserved = ZERO
    for order in order_rows.open_orders(session, mode):
        rest = rest_of(order, filled.get(order.id, ZERO))
        open_orders[order.event_ticker].append(rest)
        if OrderState(order.state) in UNRESOLVED:
            reserved += rest.cost
    known = terms.ladders(session, holdings.keys() | open_orders.keys())
    stakes: dict[str, Stake] = {}
    for event in sorted(holdings.keys() | open_orders.keys()):
        exclusive, brackets = known.get(event, (False, frozenset()))
        of_event = EventLedger(tuple(holdings[event]), tuple(open_orders[event]), brackets, exclusive)
        stakes[event] = Stake.of(of_event, *place_of(event))
    return Exposure(Cash(cash - reserved), stakes, blocked_events)


def place_of(event_ticker: str) -> tuple[str, str]:
    """The city and the cluster in whose limits an event counts.

    What is held in a series that the table does not know, or no longer knows, counts as a place of its own: it must not
    end every tick.
    """
    ticker = event_ticker.partition("-")[0]
    try:
        city = city_of_series(ticker)
    except KeyError:
        return ticker, ticker
    return city.code, city.cluster


def rest_of(order: Order, filled: Decimal) -> OpenOrder:
    """What of an order may fill still, each contract at its worst case."""
    each = worst_case_cost(order.side, order.price)
    return OpenOrder(order.ticker, leg_of(order.side), Count(order.count - filled), each)
