"""Findings: whatever cannot be explained is stored with both sides, and binds the trader until it is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy.orm import Session

from milkbot.db import findings as rows
from milkbot.db import holds, state, ticks
from milkbot.domain.modes import TradingMode
from milkbot.domain.trading_state import Effect, TradingState, state_of
from milkbot.trader.tickers import parse_ticker

log = structlog.get_logger(__name__)

SOURCE = "reconciliation"
"""Who sets the hold of a finding that halts."""
EVIDENCE = "evidence"
"""Who closes a finding that is found no more."""
_STRENGTH = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


class FindingKind(StrEnum):
    """What a finding is about."""

    LOST_ORDER = "lost_order"
    """An order of ours that the exchange has and the ledger had not: the ledger was lost, wholly or for a while."""
    MANUAL_ORDER = "manual_order"
    """An order that somebody else placed on the account."""
    UNKNOWN_FILL = "unknown_fill"
    """A fill of an order that the exchange does not list."""
    ORDER_STATE = "order_state"
    """An order that was over in our ledger and was not at the exchange."""
    ORDER_OVERDUE = "order_overdue"
    """An order that neither side explains for too long."""
    POSITION_MISMATCH = "position_mismatch"
    CASH_MISMATCH = "cash_mismatch"
    FEE_MISMATCH = "fee_mismatch"
    """An order that was charged more than its series' fees."""
    UNREAD_ROW = "unread_row"
    """A row of the account that could not be read: the ledger is incomplete."""
    INVARIANT = "invariant"
    """Something that is always true of the ledger is not."""


EFFECTS: Mapping[FindingKind, TradingState] = {
    kind: TradingState.HALTED if kind in (FindingKind.LOST_ORDER, FindingKind.INVARIANT) else TradingState.REDUCING
    for kind in FindingKind
}
"""What is left to the trader as long as a finding is open. A halt lasts longer: until `milkbot resume`."""

BY_THE_OPERATOR = frozenset({FindingKind.MANUAL_ORDER, FindingKind.FEE_MISMATCH})
"""Kinds that no evidence closes: only the operator knows whether an order was meant, and what a fee was for."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that does not fit. `subject` identifies it among others of its kind: a ticker, an order, a name."""

    kind: FindingKind
    subject: str
    message: str
    ours: Mapping[str, str | None] = field(default_factory=dict)
    theirs: Mapping[str, str | None] = field(default_factory=dict)
    ticker: str | None = None
    effect: TradingState | None = None
    """Another effect than that of its kind."""


def store(
    session: Session,
    mode: TradingMode,
    tick_id: int,
    found: Iterable[Found],
    looked_for: Collection[FindingKind],
    now: datetime,
) -> None:
    """Store what was found; close, by evidence, what was looked for and is found no more.

    What is new is a risk event too; what halts sets a hold, which only the operator takes back.
    """
    seen: set[tuple[str, str]] = set()
    for one in found:
        seen.add((one.kind, one.subject))
        effect = one.effect or EFFECTS[one.kind]
        parsed = parse_ticker(one.ticker) if one.ticker else None
        is_new = rows.save_finding(
            session,
            trading_mode=mode,
            kind=one.kind,
            subject=one.subject,
            effect=effect,
            event_ticker=parsed.event_ticker if parsed else None,
            message=one.message,
            ours=dict(one.ours),
            theirs=dict(one.theirs),
            tick_id=tick_id,
            opened_at=now,
            seen_at=now,
        )
        if is_new:
            _tell(session, mode, tick_id, one, effect, now)
    gone = [
        row.id
        for row in rows.open_findings(session, mode)
        if row.kind in looked_for and row.kind not in BY_THE_OPERATOR and (row.kind, row.subject) not in seen
    ]
    rows.close_findings(session, gone, by=EVIDENCE, note="found no more", at=now)


def allowed_by_findings(session: Session, mode: TradingMode) -> tuple[TradingState, str | None]:
    """What the open findings leave to the trader, and a sentence about the one that binds most."""
    strongest, why = TradingState.ACTIVE, None
    for row in rows.open_findings(session, mode):
        effect = TradingState(row.effect)
        if _STRENGTH[effect] > _STRENGTH[strongest]:
            strongest, why = effect, f"finding {row.id}: {row.message}"
    return strongest, why


def stricter(one: TradingState, other: TradingState) -> TradingState:
    """The state of the two that leaves less."""
    return max(one, other, key=_STRENGTH.__getitem__)


def allowed_now(session: Session, mode: TradingMode, now: datetime) -> TradingState:
    """What holds, open findings and the written state leave to the trader together.

    A state that a restore or an earlier release wrote is a hold only once a tick has adopted it.
    """
    by_findings, _ = allowed_by_findings(session, mode)
    record = state.current_state(session, mode)
    written = record.at(now) if record else TradingState.ACTIVE
    return stricter(stricter(state_of(holds.holds(session, mode, now), now), by_findings), written)


def blocked_events(session: Session, mode: TradingMode) -> frozenset[str]:
    """The events that open findings are about."""
    return frozenset(row.event_ticker for row in rows.open_findings(session, mode) if row.event_ticker)


def _tell(session: Session, mode: TradingMode, tick_id: int, one: Found, effect: TradingState, now: datetime) -> None:
    parsed = parse_ticker(one.ticker) if one.ticker else None
    log.error("finding", kind=str(one.kind), subject=one.subject, effect=str(effect), found=one.message)
    ticks.save_risk_event(
        session,
        trading_mode=mode,
        tick_id=tick_id,
        event_type=one.kind,
        severity="critical" if effect is TradingState.HALTED or one.kind is FindingKind.ORDER_OVERDUE else "warning",
        message=one.message,
        city_code=parsed.city.code if parsed else None,
        ticker=one.ticker,
        payload={"ours": dict(one.ours), "theirs": dict(one.theirs)},
        event_time=now,
    )
    if effect is TradingState.HALTED:
        reason = f"{one.kind}: {one.message}"
        holds.add(session, mode, source=SOURCE, effect=Effect.HALTED, reason=reason, since=now, tick_id=tick_id)
        holds.publish(session, mode, now)
