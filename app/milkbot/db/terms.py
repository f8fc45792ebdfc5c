"""Repository of the terms that each series was seen with, of those that are accepted, and of events' ladders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from milkbot.db.bulk import insert_rows, parameter
from milkbot.db.risk_tables import EventLadder, SeriesTerms, TermsAcceptance
from milkbot.domain.fees import FeeSchedule
from milkbot.domain.modes import TradingMode
from milkbot.risk.terms import FEES, Clause

Schedules = Mapping[str, frozenset[FeeSchedule]]
"""By series, every fee schedule that it was seen with."""
Accepted = Mapping[str, Mapping[str, frozenset[str]]]
"""By series and kind of clause, the fingerprints that may be traded."""


def see(session: Session, mode: TradingMode, found: Iterable[tuple[str, Clause]], at: datetime) -> list[SeriesTerms]:
    """Store clauses that were never seen before; returns those of them that are not accepted by being the first."""
    rows = [
        {"trading_mode": mode, "series_ticker": series, "kind": clause.kind, "fingerprint": clause.fingerprint}
        | {"terms": clause.text, "seen_at": at}
        for series, clause in sorted(set(found))
    ]
    if not rows:
        return []
    new = insert_rows(SeriesTerms, tuple(rows[0])).on_conflict_do_nothing().returning(SeriesTerms.__table__)
    added = session.scalars(select(SeriesTerms).from_statement(new), parameter(rows)).all()
    if not added:
        return []
    known = accepted(session, mode)
    return [row for row in added if row.fingerprint not in known[row.series_ticker][row.kind]]


def accepted(session: Session, mode: TradingMode) -> Accepted:
    """What may be traded: of each kind what was seen first, and what an operator accepted."""
    first = func.min(SeriesTerms.seen_at).over(partition_by=(SeriesTerms.series_ticker, SeriesTerms.kind))
    seen = select(
        SeriesTerms.series_ticker, SeriesTerms.kind, SeriesTerms.fingerprint, SeriesTerms.seen_at, first.label("first")
    ).where(SeriesTerms.trading_mode == mode)
    found: dict[str, dict[str, frozenset[str]]] = defaultdict(lambda: defaultdict(frozenset))
    for row in session.execute(seen):
        if row.seen_at == row.first:
            found[row.series_ticker][row.kind] |= {row.fingerprint}
    for acceptance in session.scalars(select(TermsAcceptance).where(TermsAcceptance.trading_mode == mode)):
        found[acceptance.series_ticker][acceptance.kind] |= {acceptance.fingerprint}
    return found


def pending(session: Session, mode: TradingMode) -> Sequence[SeriesTerms]:
    """The clauses that were seen and may not be traded, oldest first."""
    known = accepted(session, mode)
    rows = session.scalars(
        select(SeriesTerms)
        .where(SeriesTerms.trading_mode == mode)
        .order_by(SeriesTerms.seen_at, SeriesTerms.series_ticker, SeriesTerms.kind)
    )
    return [row for row in rows if row.fingerprint not in known[row.series_ticker][row.kind]]


def fee_schedules(session: Session, mode: TradingMode) -> Schedules:
    """What each series was seen to charge, accepted or not."""
    rows = select(SeriesTerms.series_ticker, SeriesTerms.terms).where(
        SeriesTerms.trading_mode == mode, SeriesTerms.kind == FEES
    )
    found: dict[str, frozenset[FeeSchedule]] = defaultdict(frozenset)
    for series, text in session.execute(rows):
        found[series] |= {FeeSchedule.of_text(text)}
    return found


def accept(session: Session, rows: Iterable[SeriesTerms], *, by: str, at: datetime, note: str) -> None:
    """Accept these clauses by an act of the operator."""
    values = [
        {"trading_mode": row.trading_mode, "series_ticker": row.series_ticker, "kind": row.kind}
        | {"fingerprint": row.fingerprint, "accepted_by": by, "accepted_at": at, "note": note}
        for row in rows
    ]
    if values:
        session.execute(insert(TermsAcceptance), values)


def save_ladders(session: Session, ladders: Mapping[str, tuple[bool, frozenset[str]]], at: datetime) -> None:
    """Store whether each event's markets exclude each other, and its brackets where they cover every outcome."""
    rows = [
        {"event_ticker": event, "exclusive": exclusive, "brackets": sorted(brackets), "seen_at": at}
        for event, (exclusive, brackets) in sorted(ladders.items())
    ]
    if not rows:
        return
    row = insert_rows(EventLadder, tuple(rows[0]))
    changed = (EventLadder.exclusive != row.excluded.exclusive) | (EventLadder.brackets != row.excluded.brackets)
    columns = {name: row.excluded[name] for name in ("exclusive", "brackets", "seen_at")}
    upsert = row.on_conflict_do_update(index_elements=["event_ticker"], set_=columns, where=changed)
    session.execute(upsert, parameter(rows))


def ladders(session: Session, events: Iterable[str]) -> dict[str, tuple[bool, frozenset[str]]]:
    """What is known of these events' ladders; an event that was never seen is left out."""
    wanted = select(EventLadder).where(EventLadder.event_ticker.in_(list(events)))
    return {row.event_ticker: (row.exclusive, frozenset(row.brackets)) for row in session.scalars(wanted)}
