"""Repository of the cash ledger: what trades and settlements moved, and what was deposited."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from milkbot.db.evidence_tables import CashLedger
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import Cash


@dataclass(frozen=True, slots=True)
class CashTotals:
    """Dollars: `moved` by every fill, fee and settlement so far; `capital` is None until cash was first compared."""

    moved: Cash
    capital: Cash | None


def cash_totals(session: Session, mode: TradingMode) -> CashTotals:
    """Where a mode's cash stands by our ledger."""
    wanted = select(CashLedger.traded + CashLedger.settled, CashLedger.capital).where(CashLedger.trading_mode == mode)
    moved, capital = session.execute(wanted).one()
    return CashTotals(Cash(moved), None if capital is None else Cash(capital))


def set_capital(session: Session, mode: TradingMode, capital: Cash) -> None:
    """Accept what was brought in: at first sight, or by the operator's word about a deposit."""
    session.execute(update(CashLedger).where(CashLedger.trading_mode == mode).values(capital=capital))
