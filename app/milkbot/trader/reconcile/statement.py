"""Reading the account: everything that the exchange says of it, once, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from sqlalchemy import Engine

from milkbot.db import ledger
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.db.session import transaction
from milkbot.domain.modes import TradingMode
from milkbot.domain.positions import Fill
from milkbot.domain.unread import ObjectKind, Unread, UnreadObject
from milkbot.trader.reconcile import unread as unread_rows
from milkbot.trader.reconcile.evidence import absence_is_due
from milkbot.trader.tickers import parse_ticker
from milkbot.venue.client import KalshiClient
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition, VenueSettlement

_LATELY: Final = timedelta(days=2)
"""An order that is open for longer is searched in its own market, not in the list of all orders since then."""


class Reach(Enum):
    """How far before the newest row that we have the lists are read: rows may appear late and out of order."""

    NEAR = timedelta(hours=1), timedelta(hours=1)
    FAR = timedelta(days=2), timedelta(days=7)

    def before(self, newest: datetime | None) -> datetime | None:
        """Where to begin in a list of fills or orders whose newest known row is of that moment; None: at its start."""
        return None if newest is None else newest - self.value[0]

    def before_settlement(self, newest: datetime | None) -> datetime | None:
        """The same in the list of settlements."""
        return None if newest is None else newest - self.value[1]


@dataclass(frozen=True, slots=True)
class Statement:
    """What the exchange said, and how fresh that is by its own account.

    `orders` are the resting ones, the recent ones where one of ours is open, and those behind fills of unknown orders.
    `unlisted` are markets in which an order of the account may stand that no list shows. `unread` are the rows that
    could not be read, `since` is where the lists of fills and settlements began.
    """

    as_of: datetime
    orders: tuple[VenueOrder, ...]
    resting: tuple[VenueOrder, ...]
    fills: tuple[Fill, ...]
    settlements: tuple[VenueSettlement, ...]
    positions: tuple[VenuePosition, ...]
    balance: Balance
    unlisted: frozenset[str]
    unread: tuple[UnreadObject, ...] = ()
    since: Mapping[ObjectKind, datetime | None] = field(default_factory=dict)


def read_statement(engine: Engine, venue: KalshiClient, mode: TradingMode, reach: Reach) -> Statement:
    """Read all of it. Raises VenueReadError if the exchange does not answer: nothing has changed then."""
    with transaction(engine) as session:
        still_open = order_rows.open_orders(session, mode)
        usual = {
            ObjectKind.FILL: reach.before(ledger.newest_fill_time(session, mode)),
            ObjectKind.SETTLEMENT: reach.before_settlement(ledger.newest_settlement_time(session, mode)),
        }
        since = {kind: unread_rows.since(session, mode, kind, begins) for kind, begins in usual.items()}
    unread: Unread = []
    # First of all: everything that is read after it is at least as fresh.
    as_of = venue.user_data_as_of()
    oldest = min((order.created_at for order in still_open if as_of - order.created_at < _LATELY), default=None)
    listed = venue.orders(since=reach.before(oldest), unread=unread) if oldest else []
    resting = venue.orders(status=VenueOrderStatus.RESTING, unread=unread)
    fills = venue.fills(since=since[ObjectKind.FILL], unread=unread)
    shown = {order.order_id for order in (*listed, *resting)}
    gone = {order.ticker for order in still_open if _is_sought(order, shown, as_of)}
    behind = _orders_behind(engine, venue, mode, fills, shown, gone, unread)
    orders = {order.order_id: order for order in (*listed, *resting, *behind)}
    return Statement(
        as_of=as_of,
        orders=tuple(orders.values()),
        resting=tuple(resting),
        fills=tuple(fills),
        settlements=tuple(venue.settlements(since=since[ObjectKind.SETTLEMENT], unread=unread)),
        positions=tuple(venue.positions(unread=unread)),
        balance=venue.balance(),
        unlisted=_unlisted(venue, still_open, orders, as_of, unread),
        unread=tuple(dict.fromkeys(unread)),
        since=since,
    )


def _is_sought(order: Order, shown: set[str], as_of: datetime) -> bool:
    """Whether an open order is to be looked for in its market's list; one without an id only once it is old."""
    if order.venue_order_id is None:
        return as_of - order.created_at >= _LATELY
    return order.venue_order_id not in shown


def _unlisted(
    venue: KalshiClient, still_open: Sequence[Order], listed: Mapping[str, VenueOrder], as_of: datetime, unread: Unread
) -> frozenset[str]:
    """Before an order is given up for absent, the exchange's queue is asked, which names orders by their id alone.

    A row that could not be read may be any order: none is absent then.
    """
    if any(one.kind is ObjectKind.ORDER for one in unread):
        return frozenset(order.ticker for order in still_open)
    names = {order.client_order_id for order in listed.values()}
    absent = {one.ticker for one in still_open if absence_is_due(one, as_of) and one.client_order_id not in names}
    if not absent:
        return frozenset()
    known = listed.keys() | {order.venue_order_id for order in still_open}
    return frozenset(ticker for order_id, ticker in venue.queued(absent) if order_id not in known)


def _orders_behind(
    engine: Engine,
    venue: KalshiClient,
    mode: TradingMode,
    fills: Sequence[Fill],
    shown: set[str],
    gone: set[str],
    unread: Unread,
) -> list[VenueOrder]:
    """The orders of markets in which there are fills whose order nobody has shown so far, and of the markets `gone`."""
    ours = [fill for fill in fills if parse_ticker(fill.ticker) is not None]
    with transaction(engine) as session:
        unplaced = {(row.venue_order_id, row.ticker) for row in order_rows.fills_without_order(session, mode)}
        unplaced |= {(fill.order_id, fill.ticker) for fill in ours}
        ids = [order_id for order_id, _ in unplaced]
        known = order_rows.known_venue_orders(session, mode, venue_ids=ids, client_ids=())
    tickers = sorted(gone | {ticker for order_id, ticker in unplaced if order_id not in known | shown})
    return [order for ticker in tickers for order in venue.orders(ticker=ticker, unread=unread)]
