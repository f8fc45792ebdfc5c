"""What a ledger came to: contracts, dollars, and the edge that was claimed for them next to the one that came."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from milkbot.db.ops import FillRow, Order, SettlementRow, Signal
from milkbot.domain.units import ZERO


@dataclass(frozen=True, slots=True)
class Totals:
    """Dollars: `closed` and `settled` before the `fees` of the fills. `bought`: contracts that decisions to buy got;
    `claimed`: what those decisions promised for them, after fees.
    """

    fills: int
    closed: Decimal
    settled: Decimal
    fees: Decimal
    bought: Decimal
    claimed: Decimal

    @property
    def gross(self) -> Decimal:
        """Dollars won or lost before fees, of what is closed or settled."""
        return self.closed + self.settled

    @property
    def net(self) -> Decimal:
        """The same after fees."""
        return self.gross - self.fees

    def each(self, dollars: Decimal) -> Decimal | None:
        """Dollars a contract bought; None where none was."""
        return dollars / self.bought if self.bought else None


def totals_of(session: Session) -> Totals:
    """Those of the whole ledger."""
    fills, closed, fees = session.execute(
        select(func.count(), func.sum(FillRow.realized_pnl), func.sum(FillRow.fee)).select_from(FillRow)
    ).one()
    settled = session.scalar(select(func.sum(SettlementRow.realized_pnl)))
    claims = select(func.sum(FillRow.count), func.sum(FillRow.count * Signal.edge)).join(
        Order, Order.id == FillRow.order_id
    )
    bought, claimed = session.execute(
        claims.join(Signal, Signal.id == Order.signal_id).where(
            Signal.decision.startswith("buy"), Signal.edge.is_not(None)
        )
    ).one()
    return Totals(fills, closed or ZERO, settled or ZERO, fees or ZERO, bought or ZERO, claimed or ZERO)
