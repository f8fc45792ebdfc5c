"""Repository of the order events: reading them, and proving that none was changed, taken away or slipped in.

The database writes and seals them; what it hashes is put together here once more, so that neither can drift alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from milkbot.db.evidence_tables import ChainMark, OrderEventRow
from milkbot.db.ops import Order
from milkbot.domain.modes import TradingMode

BEGINNING: Final = bytes(32)
"""The hash before a mode's first event."""
_A_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a mode's chain: the number of an event, and its hash."""

    seq: int
    hash: bytes


START: Final = Link(0, BEGINNING)


def events_of(session: Session, order_id: int) -> Sequence[OrderEventRow]:
    """What happened to an order, oldest first."""
    wanted = select(OrderEventRow).where(OrderEventRow.order_id == order_id)
    return session.scalars(wanted.order_by(OrderEventRow.seq)).all()


def events_of_all(session: Session, order_ids: Collection[int]) -> Sequence[OrderEventRow]:
    """What happened to those orders, order by order, oldest first."""
    wanted = select(OrderEventRow).where(OrderEventRow.order_id.in_(order_ids))
    return session.scalars(wanted.order_by(OrderEventRow.order_id, OrderEventRow.seq)).all()


def events_after(session: Session, mode: TradingMode, seq: int, limit: int = _A_PAGE) -> Sequence[OrderEventRow]:
    """A mode's events after that number, oldest first, at most `limit`."""
    wanted = select(OrderEventRow).where(OrderEventRow.trading_mode == mode, OrderEventRow.seq > seq)
    return session.scalars(wanted.order_by(OrderEventRow.seq).limit(limit)).all()


def event_at(session: Session, mode: TradingMode, seq: int) -> OrderEventRow | None:
    """The event of that number."""
    return session.get(OrderEventRow, (mode, seq))


def canonical(row: OrderEventRow) -> str:
    """The text of an event that is hashed: what `ops.order_event_text` makes of it."""
    return _array(
        row.trading_mode,
        str(row.seq),
        str(row.order_id),
        row.client_order_id,
        row.event,
        row.old_state,
        row.new_state,
        row.terms,
        row.venue_order_id,
        row.reason,
        _moment(row.happened_at),
        _moment(row.recorded_at),
        row.recorded_by,
    )


def terms_of(order: Order) -> str:
    """What an order asks for, as its first event keeps it: what `ops.order_terms` makes of it."""
    return _array(
        order.ticker,
        order.side,
        str(order.price),
        str(order.count),
        order.time_in_force,
        order.strategy_name,
        str(order.attempt),
        None if order.expires_at is None else _moment(order.expires_at),
    )


def sealed(row: OrderEventRow) -> bytes:
    """The hash that an event must have."""
    return hashlib.sha256(row.previous_hash + canonical(row).encode()).digest()


def break_of(before: Link, rows: Iterable[OrderEventRow]) -> tuple[Link, str | None]:
    """Follow the chain from `before`: how far it holds, and what is wrong with the first row that does not fit."""
    link = before
    for row in rows:
        if row.seq != link.seq + 1:
            return link, f"event {link.seq + 1} is missing: the next one is {row.seq}"
        if row.previous_hash != link.hash:
            return link, f"event {row.seq} does not follow event {link.seq}: it names another hash"
        if row.hash != sealed(row):
            return link, f"event {row.seq}, of order {row.order_id} ({row.client_order_id}), was changed"
        link = Link(row.seq, row.hash)
    return link, None


def mark_of(session: Session, mode: TradingMode) -> Link:
    """How far a mode's chain was verified before."""
    mark = session.get(ChainMark, mode)
    return START if mark is None else Link(mark.seq, mark.hash)


def save_mark(session: Session, mode: TradingMode, link: Link, *, at: datetime) -> None:
    """Note how far a mode's chain is verified."""
    row = upsert(ChainMark).values(trading_mode=mode, seq=link.seq, hash=link.hash, checked_at=at)
    new = {name: row.excluded[name] for name in ("seq", "hash", "checked_at")}
    session.execute(row.on_conflict_do_update(index_elements=[ChainMark.trading_mode], set_=new))


def _array(*items: str | None) -> str:
    """As PostgreSQL prints a jsonb array of texts."""
    return json.dumps(items, ensure_ascii=False)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
