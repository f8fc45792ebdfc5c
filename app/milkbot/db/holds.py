"""Repository of holds: what the operator and the breakers took away, and what was given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from milkbot.db import state
from milkbot.db.ops import TradingStateRow
from milkbot.db.risk_tables import HoldAcknowledgement, TradingHold
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import STATE_OF, Effect, Hold, StateRecord, TradingState, in_force


def holds(session: Session, mode: TradingMode, now: datetime) -> tuple[Hold, ...]:
    """The holds of a mode that are in force, strongest first."""
    wanted = (
        select(TradingHold)
        .outerjoin(HoldAcknowledgement, HoldAcknowledgement.hold_id == TradingHold.id)
        .where(TradingHold.trading_mode == mode, HoldAcknowledgement.hold_id.is_(None))
        .order_by(TradingHold.id)
    )
    return in_force([_to_hold(row) for row in session.scalars(wanted)], now)


def add(
    session: Session,
    mode: TradingMode,
    *,
    source: str,
    effect: Effect,
    reason: str,
    since: datetime,
    until: datetime | None = None,
    tick_id: int | None = None,
) -> None:
    """Set a hold; `publish` afterwards."""
    values = {"source": source, "effect": effect, "reason": reason, "since": since, "until": until, "tick_id": tick_id}
    session.execute(insert(TradingHold).values(trading_mode=mode, **values))


def acknowledgements(session: Session, mode: TradingMode) -> Mapping[str, datetime]:
    """When an operator last acknowledged a hold of each source; what was never acknowledged is left out."""
    wanted = (
        select(TradingHold.source, func.max(HoldAcknowledgement.acknowledged_at))
        .join(HoldAcknowledgement, TradingHold.id == HoldAcknowledgement.hold_id)
        .where(TradingHold.trading_mode == mode)
        .group_by(TradingHold.source)
    )
    return dict(session.execute(wanted).all())


def adopt(session: Session, mode: TradingMode, now: datetime) -> None:
    """Make a hold of a state that was written without one: by a restore, or by a release from before holds."""
    row = _newest_state(session, mode)
    if row is None or row.from_holds or row.state == TradingState.ACTIVE:
        return
    if row.until is None or now < row.until:
        effect = Effect(row.state)
        add(session, mode, source=row.set_by, effect=effect, reason=row.reason, since=row.since, until=row.until)
        _write(session, mode, _published_state(holds(session, mode, now), now))


def publish(session: Session, mode: TradingMode, now: datetime) -> TradingState:
    """Write the state that the holds in force leave, for all who read the state alone, if it changed; returns it."""
    wanted = _published_state(holds(session, mode, now), now)
    row = _newest_state(session, mode)
    found = (
        None if row is None else StateRecord(TradingState(row.state), row.reason, row.since, row.until, None).at(now)
    )
    is_new = (found or TradingState.ACTIVE) is not wanted.state
    if is_new or (row is not None and wanted.state is not TradingState.ACTIVE and row.reason != wanted.reason):
        _write(session, mode, wanted)
    return wanted.state


def resume(
    session: Session, mode: TradingMode, ended: Sequence[Hold], *, by: str, at: datetime, note: str
) -> TradingState:
    """End exactly these holds for the operator, and write the state that results; a hold set meanwhile remains."""
    rows = [{"hold_id": hold.id, "acknowledged_by": by, "acknowledged_at": at, "note": note} for hold in ended]
    if rows:
        session.execute(insert(HoldAcknowledgement), rows)
    left = _published_state(holds(session, mode, at), at)
    if left.state is TradingState.ACTIVE:
        left = replace(left, reason=note, set_by=by, acknowledged_by=by)
    _write(session, mode, left)
    return left.state


@dataclass(frozen=True, slots=True)
class _PublishedState:
    state: TradingState
    reason: str
    set_by: str
    since: datetime
    until: datetime | None = None
    acknowledged_by: str | None = None


def _published_state(counting: Sequence[Hold], now: datetime) -> _PublishedState:
    if not counting:
        return _PublishedState(TradingState.ACTIVE, "every hold has ended", "holds", now)
    first = counting[0]
    return _PublishedState(STATE_OF[first.effect], first.reason, first.source, first.since, first.until)


def _write(session: Session, mode: TradingMode, published: _PublishedState) -> None:
    state.set_state(session, mode=mode, from_holds=True, **asdict(published))


def _newest_state(session: Session, mode: TradingMode) -> TradingStateRow | None:
    wanted = select(TradingStateRow).where(TradingStateRow.trading_mode == mode).order_by(TradingStateRow.id.desc())
    return session.scalars(wanted.limit(1)).first()


def _to_hold(row: TradingHold) -> Hold:
    return Hold(row.id, row.source, Effect(row.effect), row.reason, row.since, row.until)
