"""Repository of orders: the intent before it is sent, and each change of state after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from milkbot.db.ops import FillRow, Order
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OPEN, BookSide, OrderEvent, OrderIntent, OrderState, TimeInForce, event_of
from milkbot.domain.units import Count, Price


@dataclass(frozen=True, slots=True)
class IntentContext:
    """Where an order comes from: the decision behind it, and its market's event, city and day."""

    signal_id: int | None
    event_ticker: str
    city_code: str
    climate_day: date
    strategy_name: str
    attempt: int


def commit_intent(
    session: Session, intent: OrderIntent, context: IntentContext, *, mode: TradingMode, at: datetime
) -> int:
    """Write an order that is about to be sent; the caller commits before it touches a socket. Returns its id.

    `at` is when its commit begins, which may be long after the decision: its absence is proved from then on.
    """
    row = insert(Order).values(
        trading_mode=mode,
        **asdict(intent),
        **asdict(context),
        state=OrderState.PENDING,
        state_event=OrderEvent.COMMITTED,
        sent_at=at,
        updated_at=at,
    )
    return session.execute(row.returning(Order.id)).scalar_one()


def strategies_of(session: Session, mode: TradingMode, event_ticker: str) -> set[str]:
    """The strategies that have an order in an event."""
    wanted = select(Order.strategy_name).where(Order.trading_mode == mode, Order.event_ticker == event_ticker)
    return set(session.scalars(wanted.distinct()))


def adopt(
    session: Session,
    *,
    mode: TradingMode,
    client_order_id: str,
    venue_order_id: str,
    ticker: str,
    event_ticker: str,
    city_code: str,
    climate_day: date,
    strategy: str,
    side: BookSide,
    price: Price,
    count: Count,
    time_in_force: TimeInForce,
    exchange_index: int,
    created_at: datetime,
    expires_at: datetime | None,
    origin: str,
    at: datetime,
) -> None:
    """Write an order that the exchange has and the ledger had not, as pending until evidence moves it."""
    row = insert(Order).values(
        trading_mode=mode,
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        ticker=ticker,
        event_ticker=event_ticker,
        city_code=city_code,
        climate_day=climate_day,
        strategy_name=strategy,
        side=side,
        price=price,
        count=count,
        time_in_force=time_in_force,
        exchange_index=exchange_index,
        attempt=1,
        state=OrderState.PENDING,
        state_event=OrderEvent.ADOPTED,
        created_at=created_at,
        updated_at=at,
        expires_at=expires_at,
        origin=origin,
    )
    session.execute(row)


def move(
    session: Session,
    order: Order,
    new: OrderState,
    *,
    at: datetime,
    reason: str | None,
    venue_order_id: str | None = None,
    event: OrderEvent | None = None,
) -> bool:
    """Change an order's state along the table, by the plain event for that change if none is given.

    Returns whether anything changed. The database writes the event into the order's log. Raises IllegalTransitionError.
    """
    old = OrderState(order.state)
    known_id = venue_order_id or order.venue_order_id
    if new is old and known_id == order.venue_order_id:
        return False
    values: dict[str, Any] = {"state_reason": reason, "venue_order_id": known_id, "updated_at": at}
    if new is not old:
        values |= {"state": new, "state_event": event_of(old, new, event)}
    session.execute(update(Order).where(Order.id == order.id).values(values))
    session.refresh(order)
    return True


def open_orders(session: Session, mode: TradingMode) -> Sequence[Order]:
    """Every order that is not in a terminal state, oldest first."""
    states = [str(state) for state in OPEN]
    wanted = select(Order).where(Order.trading_mode == mode, Order.state.in_(states)).order_by(Order.id)
    return session.scalars(wanted).all()


def order_by_id(session: Session, order_id: int) -> Order:
    """The order with that id of ours; it must exist."""
    return session.get_one(Order, order_id)


def orders_by_ids(session: Session, ids: Collection[int]) -> Sequence[Order]:
    """The orders of those ids of ours, oldest first."""
    if not ids:
        return ()
    return session.scalars(select(Order).where(Order.id.in_(ids)).order_by(Order.id)).all()


def orders_after(session: Session, mode: TradingMode, order_id: int, limit: int = 1000) -> Sequence[Order]:
    """A mode's orders after that id, oldest first, at most `limit`."""
    wanted = select(Order).where(Order.trading_mode == mode, Order.id > order_id)
    return session.scalars(wanted.order_by(Order.id).limit(limit)).all()


def attempts(session: Session, mode: TradingMode, ticker: str, strategy: str, decided_at: datetime) -> int:
    """How many orders that same decision has had: its market, its strategy, its moment."""
    wanted = select(func.count()).where(
        Order.event_ticker == ticker.rpartition("-")[0],  # this one has an index
        Order.trading_mode == mode,
        Order.ticker == ticker,
        Order.strategy_name == strategy,
        Order.created_at == decided_at,
    )
    return session.scalar(wanted) or 0


def known_client_ids(session: Session, ids: Sequence[str]) -> set[str]:
    """Which of these client order ids are ours, in whatever mode."""
    if not ids:
        return set()
    return set(session.scalars(select(Order.client_order_id).where(Order.client_order_id.in_(ids))))


def known_venue_orders(
    session: Session, mode: TradingMode, *, venue_ids: Sequence[str], client_ids: Sequence[str]
) -> set[str]:
    """Which of these orders the ledger has: their ids at the exchange, and their client order ids."""
    known = known_client_ids(session, client_ids)
    if not venue_ids:
        return known
    by_id = select(Order.venue_order_id).where(Order.trading_mode == mode, Order.venue_order_id.in_(venue_ids))
    return known | {found for found in session.scalars(by_id) if found is not None}


def orders_of_client_ids(session: Session, mode: TradingMode, ids: Collection[str]) -> Sequence[Order]:
    """The orders of that mode that have these client order ids."""
    if not ids:
        return ()
    wanted = select(Order).where(Order.client_order_id.in_(ids), Order.trading_mode == mode)
    return session.scalars(wanted.order_by(Order.id)).all()


def fills_without_order(session: Session, mode: TradingMode) -> Sequence[FillRow]:
    """Fills whose order the ledger does not know."""
    wanted = select(FillRow).where(FillRow.order_id.is_(None), FillRow.trading_mode == mode)
    return session.scalars(wanted.order_by(FillRow.id)).all()


def filled_by_order(session: Session, mode: TradingMode) -> dict[int, Decimal]:
    """Contracts filled so far of each open order, from the fills alone."""
    wanted = (
        select(FillRow.order_id, func.sum(FillRow.count))
        .join(Order, Order.id == FillRow.order_id)
        .where(Order.trading_mode == mode, Order.state.in_([str(state) for state in OPEN]))
        .group_by(FillRow.order_id)
    )
    return {order_id: total for order_id, total in session.execute(wanted) if order_id is not None}


def recent_orders(session: Session, mode: TradingMode, limit: int) -> Sequence[Order]:
    """The newest orders of that mode, newest first."""
    return session.scalars(select(Order).where(Order.trading_mode == mode).order_by(Order.id.desc()).limit(limit)).all()
