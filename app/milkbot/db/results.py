"""Repository of results: how the markets came out, held or not, and which of them are still to be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from milkbot.db.bulk import insert_many
from milkbot.db.forecast_tables import MarketResultRow
from milkbot.db.ops import Tick
from milkbot.db.risk_tables import EventLadder
from milkbot.domain.modes import TradingMode

_SAID: Final = ("result", "yes_value", "expiration_value")
"""What the exchange may correct. That it settles again, with the same result, is no other result."""


def was_completed_since(session: Session, mode: TradingMode, since: datetime) -> bool:
    """Whether a tick that began from `since` on was completed."""
    row = Tick
    found = exists().where(row.trading_mode == mode, row.started_at >= since, row.outcome == "completed")
    return bool(session.scalar(select(found)))


def without(session: Session, mode: TradingMode, events: Iterable[str], most: int) -> list[str]:
    """Those of the events that were seen and lack a market's result, the newest `most` of them."""
    ladder, row = EventLadder, MarketResultRow
    known = select(func.count(row.ticker.distinct())).where(
        row.trading_mode == mode, row.event_ticker == ladder.event_ticker
    )
    wanted = select(ladder.event_ticker).where(
        ladder.event_ticker.in_(list(events)),
        known.scalar_subquery() < func.greatest(1, func.jsonb_array_length(ladder.brackets)),
    )
    return list(session.scalars(wanted.order_by(ladder.seen_at.desc(), ladder.event_ticker).limit(most)))


def stored(session: Session, mode: TradingMode, events: Iterable[str]) -> list[str]:
    """Those of the events that have a result."""
    row = MarketResultRow
    wanted = select(row.event_ticker).where(row.trading_mode == mode, row.event_ticker.in_(list(events))).distinct()
    return list(session.scalars(wanted.order_by(row.event_ticker)))


def save(session: Session, mode: TradingMode, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Store results that differ from what is stored; returns the tickers that had another one before.

    The rows are of whole columns but the mode. Whoever saves holds the single-writer lock.
    """
    before = _newest(session, mode, {row["event_ticker"] for row in rows})
    new = [row for row in rows if row["ticker"] not in before or _differs(row, before[row["ticker"]])]
    insert_many(session, MarketResultRow, [{"trading_mode": mode, **row} for row in new])
    return [row["ticker"] for row in new if row["ticker"] in before]


def _newest(session: Session, mode: TradingMode, events: Iterable[str]) -> dict[str, MarketResultRow]:
    row = MarketResultRow
    wanted = select(row).where(row.trading_mode == mode, row.event_ticker.in_(list(events))).order_by(row.id)
    return {one.ticker: one for one in session.scalars(wanted)}


def _differs(row: dict[str, Any], stored: MarketResultRow) -> bool:
    return any(row[name] != getattr(stored, name) for name in _SAID)
