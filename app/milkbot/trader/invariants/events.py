"""Invariants of the order events: the chain, and that they match the orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from milkbot.db import order_events, orders
from milkbot.db.evidence_tables import OrderEventRow
from milkbot.db.ops import Order
from milkbot.db.order_events import Link
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_states import NEW, IllegalTransitionError, OrderEvent, OrderState, Rule, fold
from milkbot.trader.invariants.context import QueryContext


def state_is_its_events(session: Session, context: QueryContext) -> Iterable[str]:
    """Of every order, or of those that are open or had events since the chain was last verified."""
    if context.thorough:
        return _every_order(session, context.mode)
    mark = order_events.mark_of(session, context.mode)
    recent = {row.order_id for row in order_events.events_after(session, context.mode, mark.seq)}
    recent |= {order.id for order in orders.open_orders(session, context.mode)}
    return [problem for order in orders.orders_by_ids(session, recent) for problem in story_breaks(session, order)]


def chain_is_whole(session: Session, context: QueryContext) -> Iterable[str]:
    """The chain from its beginning, or from where it was last verified: that event must still be as it was."""
    mark = order_events.mark_of(session, context.mode)
    if mark.seq:
        found = order_events.event_at(session, context.mode, mark.seq)
        if found is None:
            yield f"event {mark.seq} was there when the chain was last verified, and is missing"
            return
        if found.hash != mark.hash:
            yield f"event {mark.seq} has another hash than when the chain was last verified"
            return
    _, problem = verified(session, context.mode, order_events.START if context.thorough else mark)
    if problem is not None:
        yield problem


def verified(session: Session, mode: TradingMode, start: Link) -> tuple[Link, str | None]:
    """Follow a mode's chain from there to its end: how far it holds, and what is wrong then, None if nothing is."""
    link = start
    while rows := order_events.events_after(session, mode, link.seq):
        link, problem = order_events.break_of(link, rows)
        session.expunge_all()
        if problem is not None:
            return link, problem
    return link, None


def move_mark(session: Session, mode: TradingMode, now: datetime) -> None:
    """Note how far the chain holds, so that the next tick begins there."""
    link, _ = verified(session, mode, order_events.mark_of(session, mode))
    order_events.save_mark(session, mode, link, at=now)


def story_breaks(session: Session, order: Order) -> Iterator[str]:
    """The differences between an order and its events."""
    yield from _breaks(order, order_events.events_of(session, order.id))


def _every_order(session: Session, mode: TradingMode) -> Iterator[str]:
    last = 0
    while page := orders.orders_after(session, mode, last):
        last = page[-1].id
        events = order_events.events_of_all(session, [order.id for order in page])
        by_order = {key: list(rows) for key, rows in groupby(events, key=lambda row: row.order_id)}
        for order in page:
            yield from _breaks(order, by_order.get(order.id, []))
        session.expunge_all()


def _breaks(order: Order, events: Sequence[OrderEventRow]) -> Iterator[str]:
    name = f"order {order.id} ({order.client_order_id})"
    if not events:
        yield f"{name} has no events"
        return
    try:
        state = fold(_rule(row) for row in events)
    except IllegalTransitionError as error:
        yield f"{name}: {error}"
        return
    if state != order.state:
        yield f"{name} is {order.state}, its events say {state}"
    if events[-1].venue_order_id != order.venue_order_id:
        yield f"{name} is {order.venue_order_id} at the exchange, its events say {events[-1].venue_order_id}"
    if events[0].terms != order_events.terms_of(order):
        yield f"{name} asks for {order_events.terms_of(order)}, its first event says {events[0].terms}"


def _rule(row: OrderEventRow) -> Rule:
    old = None if row.old_state == NEW else OrderState(row.old_state)
    return old, OrderEvent(row.event), OrderState(row.new_state)
