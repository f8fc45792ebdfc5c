"""Close a finding by the operator's word."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Session

from milkbot.control.record import Acting, keep, now, reason_of
from milkbot.db import cash, state
from milkbot.db import findings as finding_rows
from milkbot.db.evidence_tables import Finding
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import Cash
from milkbot.errors import MilkbotError, NotPermittedError
from milkbot.trader.reconcile.findings import FindingKind


def close_finding(acting: Acting, finding_id: int, note: str) -> None:
    """Close it; what is still not explained is found again.

    Raises MilkbotError where there is no such open finding, or for an empty note, NotPermittedError while open orders
    hide what the cash of a finding is.
    """
    said, at, who = reason_of(note, "--note", "what it was"), now(), acting.actor
    with state.single_writer(acting.engine, acting.mode) as writer, writer.transaction() as session:
        finding = finding_rows.finding_by_id(session, finding_id)
        if finding is None or finding.trading_mode != acting.mode:
            raise MilkbotError(f"there is no finding {finding_id} in mode {acting.mode}; see: milkbot reconcile --list")
        if finding.closed_at is not None:
            raise MilkbotError(f"finding {finding_id} was closed by {finding.closed_by}: {finding.note}")
        if finding.kind == FindingKind.CASH_MISMATCH:
            _accept_capital(session, acting.mode, finding)
        finding_rows.close_findings(session, [finding_id], by=who, note=said, at=at)
        keep(session, acting.mode, f"{who} closed finding {finding_id} ({finding.kind}): {said}", at)
    acting.say(f"finding {finding_id} is closed")


def _accept_capital(session: Session, mode: TradingMode, finding: Finding) -> None:
    """A deposit or a withdrawal is capital from now on."""
    if Decimal(finding.ours["held_back_at_most"]):
        raise NotPermittedError(
            f"finding {finding.id} was seen while orders were open, which hold cash back; cancel them "
            "(milkbot cancel-all), run milkbot reconcile, then close it"
        )
    cash.set_capital(session, mode, Cash(Decimal(finding.theirs["capital"])))
