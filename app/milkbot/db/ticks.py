"""Repository of the tick: its report row, what it saw, what it decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from milkbot.db.bulk import insert_many
from milkbot.db.ops import ComponentHealth, MarketSnapshot, RiskEvent, RollupTouched, Signal, Tick, WeatherSnapshot
from milkbot.domain.modes import TradingMode


def begin_tick(session: Session, *, mode: TradingMode, started_at: datetime, release: str, config_hash: str) -> int:
    """Write the report row of a tick that begins; returns its id."""
    row = insert(Tick).values(trading_mode=mode, started_at=started_at, release=release, config_hash=config_hash)
    return session.execute(row.returning(Tick.id)).scalar_one()


def finish_tick(
    session: Session, tick_id: int, *, finished_at: datetime, outcome: str, message: str | None, counts: dict[str, int]
) -> None:
    """Complete the report row."""
    values = {"finished_at": finished_at, "outcome": outcome, "message": message, "counts": counts}
    session.execute(update(Tick).where(Tick.id == tick_id).values(values))


def latest_tick(session: Session, mode: TradingMode) -> Tick | None:
    """The tick of that mode that began last."""
    wanted = select(Tick).where(Tick.trading_mode == mode).order_by(Tick.started_at.desc(), Tick.id.desc()).limit(1)
    return session.scalars(wanted).first()


def missing_since(session: Session, mode: TradingMode) -> tuple[dict[str, Any], datetime] | None:
    """What the newest completed tick counted, and when the first of those began that missed markets ever since.

    None where nothing is missing. It looks back over the newest 300 completed ticks.
    """
    wanted = select(Tick.counts, Tick.started_at).where(Tick.trading_mode == mode, Tick.outcome == "completed")
    rows = session.execute(wanted.order_by(Tick.started_at.desc(), Tick.id.desc()).limit(300))
    missed = list(takewhile(lambda row: any(name.startswith("missing ") for name in row.counts), rows))
    return (missed[0].counts, missed[-1].started_at) if missed else None


def counted_since(session: Session, mode: TradingMode, since: datetime) -> tuple[Counter[str], Counter[str]]:
    """How the ticks that began from `since` on ended, and the sum of what they counted.

    One without an end is "killed", unless it is the newest: that one may be running.
    """
    wanted = select(Tick.outcome, Tick.counts).where(Tick.trading_mode == mode, Tick.started_at >= since)
    rows = session.execute(wanted.order_by(Tick.started_at, Tick.id)).all()
    outcomes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in rows:
        outcomes[row.outcome or "killed"] += 1
        counts.update(row.counts)
    if rows and rows[-1].outcome is None:
        outcomes["killed"] -= 1
    return outcomes, counts


def save_weather(session: Session, rows: list[dict[str, Any]]) -> list[int]:
    """Store weather snapshots; returns their ids in the rows' order."""
    return insert_many(session, WeatherSnapshot, rows)


def save_markets(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Store market snapshots; returns the id of each ticker's."""
    ids = insert_many(session, MarketSnapshot, rows)
    return {str(row["ticker"]): id_ for row, id_ in zip(rows, ids, strict=True)}


def save_signals(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Store the decisions; returns the id of each ticker's."""
    ids = insert_many(session, Signal, rows)
    return {str(row["ticker"]): id_ for row, id_ in zip(rows, ids, strict=True)}


def save_risk_event(session: Session, **values: Any) -> None:
    """Store a denial, a mismatch, a breaker or an act of the operator."""
    session.add(RiskEvent(**values))


def save_denials(session: Session, rows: list[dict[str, Any]]) -> None:
    """Store the denials of a tick: risk events, of which there may be one for every market and reason."""
    insert_many(session, RiskEvent, rows)


def touch(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Record the rollup buckets whose facts this transaction changed."""
    listed = list(rows)
    if listed:
        session.execute(insert(RollupTouched), listed)


def report_health(
    session: Session,
    component: str,
    *,
    status: str,
    checked_at: datetime,
    message: str | None = None,
    latency_ms: float | None = None,
) -> None:
    """Write a component's latest word about itself."""
    values: dict[str, Any] = {
        "component_name": component,
        "status": status,
        "last_check": checked_at,
        "message": message,
        "latency_ms": latency_ms,
    }
    if status == "ok":
        values["last_ok"] = checked_at
    row = upsert(ComponentHealth).values(values)
    session.execute(
        row.on_conflict_do_update(
            index_elements=[ComponentHealth.component_name],
            set_={name: row.excluded[name] for name in values if name != "component_name"},
        )
    )
