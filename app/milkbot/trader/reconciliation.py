"""Making our books agree with the exchange: by evidence only, fills before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from milkbot import failpoints
from milkbot.db import books, ticks
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.db.session import transaction
from milkbot.domain.clock import Clock
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import UNRESOLVED, OrderState
from milkbot.domain.units import ZERO, Count
from milkbot.trader.bookkeeping import adopt_fills, record_fills, record_settlements
from milkbot.trader.places import place_of
from milkbot.venue.client import KalshiClient
from milkbot.venue.values import Balance, VenueOrder, VenueOrderStatus, VenuePosition

# Listings are read from a little before the newest row that we have: rows may appear late and out of order.
OVERLAP = timedelta(hours=1)
# The exchange's portfolio views lag its engine. An order that they do not show this long after it was sent, by their
# own account of how fresh they are, does not exist.
ABSENCE_PROOF = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the reconciliation found. No new risk is taken in `blocked_events`."""

    balance: Balance
    blocked_events: frozenset[str]
    resting: tuple[VenueOrder, ...]
    new_fills: int
    new_settlements: int
    mismatches: int


class Reconciler:
    """Reads the account's orders, fills, positions, settlements and balance, and brings the database in line."""

    def __init__(self, engine: Engine, venue: KalshiClient, clock: Clock, mode: TradingMode) -> None:
        self._engine = engine
        self._venue = venue
        self._clock = clock
        self._mode = mode

    def run(self, tick_id: int) -> Reconciled:
        """One pass over everything. Raises VenueReadError if the exchange does not answer: then nothing changed."""
        with transaction(self._engine) as session:
            ours = order_rows.open_orders(session, self._mode)
            fills_since = _before(books.newest_fill_time(session, self._mode))
            settled_since = _before(books.newest_settlement_time(session, self._mode))
        as_of = self._venue.user_data_as_of()
        oldest = min((order.created_at for order in ours), default=None)
        listed = self._venue.orders(since=oldest - OVERLAP) if oldest else []
        resting = self._venue.orders(status=VenueOrderStatus.RESTING)
        fills = self._venue.fills(since=fills_since)
        settlements = self._venue.settlements(since=settled_since)
        positions = self._venue.positions()
        balance = self._venue.balance()
        failpoints.reach("account.read")
        with transaction(self._engine) as session:
            unresolved = self._apply_evidence(session, tick_id, {*listed, *resting}, as_of)
            new_fills = record_fills(session, self._mode, fills, at=self._clock.now())
            new_settlements = record_settlements(session, self._mode, settlements, at=self._clock.now())
            foreign = self._foreign_orders(session, tick_id, resting)
            odd = self._position_mismatches(session, tick_id, positions)
            books.save_balance(
                session,
                trading_mode=self._mode,
                tick_id=tick_id,
                captured_at=self._clock.now(),
                cash=balance.cash,
                portfolio_value=balance.portfolio_value,
            )
        failpoints.reach("reconciled.committed")
        return Reconciled(
            balance, frozenset({*unresolved, *foreign, *odd}), tuple(resting), new_fills, new_settlements, len(odd)
        )

    def fills_only(self) -> int:
        """Read and record the newest fills, after orders were sent; returns how many were new."""
        with transaction(self._engine) as session:
            since = _before(books.newest_fill_time(session, self._mode))
        fills = self._venue.fills(since=since)
        with transaction(self._engine) as session:
            return record_fills(session, self._mode, fills, at=self._clock.now())

    def _apply_evidence(
        self, session: Session, tick_id: int, listed: Iterable[VenueOrder], as_of: datetime
    ) -> list[str]:
        """Move each open order to what the exchange shows; returns the events that keep an unresolved one."""
        by_client_id = {order.client_order_id: order for order in listed}
        blocked: list[str] = []
        for order in order_rows.open_orders(session, self._mode):
            seen = by_client_id.get(order.client_order_id)
            if seen is not None:
                state = state_of_listing(seen)
                order_rows.move(
                    session, order, state, at=self._clock.now(), reason="listed", venue_order_id=seen.order_id
                )
                adopt_fills(session, self._mode, order)
            elif OrderState(order.state) in UNRESOLVED and as_of - order.created_at >= ABSENCE_PROOF:
                reason = f"absent at the exchange as of {as_of.isoformat()}"
                order_rows.move(session, order, OrderState.REJECTED, at=self._clock.now(), reason=reason)
            else:
                blocked.append(order.event_ticker)
                self._note(session, tick_id, "order_unresolved", order.ticker, _unresolved(order))
        return blocked

    def _foreign_orders(self, session: Session, tick_id: int, resting: Sequence[VenueOrder]) -> list[str]:
        """Events in which an order rests that is not in our books: somebody else trades, or a book was lost."""
        known = order_rows.known_client_ids(session, [order.client_order_id for order in resting])
        blocked: list[str] = []
        for order in resting:
            place = place_of(order.ticker)
            if order.client_order_id not in known and place is not None:
                blocked.append(place.event_ticker)
                self._note(
                    session, tick_id, "foreign_order", order.ticker, f"order {order.order_id} is not in our books"
                )
        return blocked

    def _position_mismatches(self, session: Session, tick_id: int, positions: Sequence[VenuePosition]) -> list[str]:
        """Events in which the exchange holds something else than our fold of fills says."""
        theirs = {row.ticker: row.signed_count for row in positions if row.signed_count != ZERO}
        ours = {row.ticker: Count(row.signed_count) for row in books.held_positions(session, self._mode)}
        blocked: list[str] = []
        for ticker in sorted(theirs.keys() | ours.keys()):
            expected, found = ours.get(ticker, ZERO), theirs.get(ticker, ZERO)
            place = place_of(ticker)
            if expected != found and place is not None:
                blocked.append(place.event_ticker)
                self._note(
                    session,
                    tick_id,
                    "position_mismatch",
                    ticker,
                    f"our fills fold to {expected}, the exchange holds {found}",
                )
        return blocked

    def _note(self, session: Session, tick_id: int, kind: str, ticker: str, message: str) -> None:
        place = place_of(ticker)
        ticks.save_risk_event(
            session,
            trading_mode=self._mode,
            tick_id=tick_id,
            event_type=kind,
            severity="warning",
            message=message,
            city_code=place.city.code if place else None,
            ticker=ticker,
            event_time=self._clock.now(),
        )


def state_of_listing(order: VenueOrder) -> OrderState:
    """The state that the exchange's listing of an order proves."""
    if order.status is VenueOrderStatus.EXECUTED:
        return OrderState.FILLED
    if order.status is VenueOrderStatus.CANCELED:
        return OrderState.CANCELED
    return OrderState.PARTIALLY_FILLED if order.fill_count > ZERO else OrderState.RESTING


def _before(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment - OVERLAP


def _unresolved(order: Order) -> str:
    since = order.updated_at.isoformat()
    return f"order {order.client_order_id} is {order.state} since {since} and the exchange does not list it"
