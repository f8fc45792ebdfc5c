"""Repository of what could not be read: each object once, with its newest body, in bounded number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from milkbot.db.evidence_tables import UnreadObjectRow
from milkbot.domain.modes import TradingMode
from milkbot.domain.unread import UnreadObject

MOST_A_TICK: Final = 50
NEW_A_DAY: Final = 200
"""A form that the exchange changed makes every object of a list odd; a few of them show it as well as all."""

_KEY = ("trading_mode", "kind", "subject")


def save(
    session: Session, mode: TradingMode, tick_id: int | None, objects: Collection[UnreadObject], at: datetime
) -> None:
    """Keep the first MOST_A_TICK of these. One that is kept already gets its newest body, and is counted once more."""
    first = {(str(one.kind), one.subject): one for one in reversed(list(objects)[:MOST_A_TICK])}
    kept = _kept(session, mode, first)
    room = max(0, NEW_A_DAY - _new_since(session, mode, at - timedelta(days=1)))
    new = [one for key, one in first.items() if key not in kept]
    rows = [_row(mode, tick_id, one, at) for one in [*(first[key] for key in kept), *new[:room]]]
    if not rows:
        return
    row = upsert(UnreadObjectRow).values(rows)
    again = {name: row.excluded[name] for name in ("series", "ticker", "reason", "body", "tick_id", "seen_at")}
    session.execute(row.on_conflict_do_update(index_elements=_KEY, set_={**again, "times": UnreadObjectRow.times + 1}))


def newest(session: Session, mode: TradingMode, limit: int) -> Sequence[UnreadObjectRow]:
    """What could not be read of late, newest first."""
    row = UnreadObjectRow
    wanted = select(row).where(row.trading_mode == mode).order_by(row.seen_at.desc(), row.id.desc()).limit(limit)
    return session.scalars(wanted).all()


def _kept(session: Session, mode: TradingMode, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    row = UnreadObjectRow
    wanted = select(row.kind, row.subject).where(
        row.trading_mode == mode, tuple_(row.kind, row.subject).in_(list(keys))
    )
    return {(found.kind, found.subject) for found in session.execute(wanted)}


def _new_since(session: Session, mode: TradingMode, since: datetime) -> int:
    row = UnreadObjectRow
    wanted = select(func.count()).where(row.trading_mode == mode, row.first_seen_at >= since)
    return session.scalar(wanted) or 0


def _row(mode: TradingMode, tick_id: int | None, one: UnreadObject, at: datetime) -> dict[str, object]:
    return {
        "trading_mode": mode,
        "kind": one.kind,
        "subject": one.subject,
        "series": one.series,
        "ticker": one.ticker,
        "reason": one.reason,
        "body": one.body,
        "times": 1,
        "tick_id": tick_id,
        "first_seen_at": at,
        "seen_at": at,
    }
