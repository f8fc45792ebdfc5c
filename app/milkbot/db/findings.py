"""Repository of findings: what the ledger and the exchange do not agree on, until it is closed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from milkbot.db.evidence_tables import Finding
from milkbot.domain.modes import TradingMode

_KEY = ("trading_mode", "kind", "subject")


def open_findings(session: Session, mode: TradingMode) -> Sequence[Finding]:
    """What is not closed yet, oldest first."""
    wanted = select(Finding).where(Finding.trading_mode == mode, Finding.closed_at.is_(None))
    return session.scalars(wanted.order_by(Finding.id).execution_options(populate_existing=True)).all()


def finding_by_id(session: Session, finding_id: int) -> Finding | None:
    """A finding, open or closed."""
    return session.get(Finding, finding_id)


def closed_subjects(session: Session, mode: TradingMode, kind: str, since: datetime) -> frozenset[str]:
    """What findings of that kind were about that were closed since then."""
    wanted = select(Finding.subject).where(
        Finding.trading_mode == mode, Finding.kind == kind, Finding.closed_at >= since
    )
    return frozenset(session.scalars(wanted))


def explained_since(session: Session, mode: TradingMode, kind: str, moment: datetime) -> bool:
    """Whether a finding of that kind is open, or was closed from that moment on."""
    explains = Finding.closed_at.is_(None) | (Finding.closed_at >= moment)
    wanted = select(Finding.id).where(Finding.trading_mode == mode, Finding.kind == kind, explains).limit(1)
    return session.scalar(wanted) is not None


def save_finding(session: Session, **values: Any) -> bool:
    """Store what was found; returns whether it is new. One that is open gets the new values."""
    row = upsert(Finding).values(values)
    again = {name: row.excluded[name] for name in ("seen_at", "message", "ours", "theirs")}
    stored = row.on_conflict_do_update(
        index_elements=_KEY, index_where=Finding.closed_at.is_(None), set_=again
    ).returning(text("xmax = 0"))
    return bool(session.execute(stored).scalar_one())


def close_findings(session: Session, ids: Collection[int], *, by: str, note: str, at: datetime) -> None:
    """Close findings with who and why; one that is closed already does not change."""
    if ids:
        where = (Finding.id.in_(ids), Finding.closed_at.is_(None))
        session.execute(update(Finding).where(*where).values(closed_at=at, closed_by=by, note=note))
