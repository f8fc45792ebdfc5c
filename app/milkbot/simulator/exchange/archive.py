"""What an account's lists hold: the live ones what is newer than the cutoff, the historical ones the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from milkbot.domain.positions import Fill
from milkbot.simulator.engine.records import Account, Market, Order, Trade
from milkbot.simulator.engine.state import State
from milkbot.simulator.exchange.filters import Window
from milkbot.venue.values import VenueOrderStatus

LIVE = timedelta(days=90)
"""How long something remains in the live lists. The exchange aims at about three months."""


def cutoff(now: datetime) -> datetime:
    """What ended before this moment is historical. It moves once a day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - LIVE


def is_archived_market(market: Market, now: datetime) -> bool:
    """Whether a market was paid out so long ago that only the historical tier has it."""
    return market.finalized_at < cutoff(now)


def is_archived(order: Order, now: datetime) -> bool:
    """Whether an order has left the live list; a resting order never does."""
    return order.status is not VenueOrderStatus.RESTING and order.updated_at < cutoff(now)


def orders_of(state: State, account: Account, created: Window, *, archived: bool) -> Iterator[Order]:
    """The account's orders of the one tier or the other, newest first."""
    for order in sorted(state.orders.values(), key=lambda order: order.sequence, reverse=True):
        mine = order.account == account.key_id and created.holds(order.created_at)
        if mine and is_archived(order, state.now) is archived:
            yield order


def tape_of(state: State, ticker: str, happened: Window, *, archived: bool) -> list[Trade]:
    """The public tape of the one tier or the other, newest first; no ticker for all markets."""
    return [
        line
        for line in reversed(state.trades)
        if ticker in ("", line.ticker) and happened.holds(line.at) and (line.at < cutoff(state.now)) is archived
    ]


def fills_of(state: State, account: Account, happened: Window, *, archived: bool) -> Iterator[Fill]:
    """The account's fills of the one tier or the other, newest first."""
    for filled in reversed(state.fills):
        mine = filled.account == account.key_id and happened.holds(filled.fill.filled_at)
        if mine and (filled.fill.filled_at < cutoff(state.now)) is archived:
            yield filled.fill
