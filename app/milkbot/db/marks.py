"""Repository of profit: what fills and settlements made since a moment, and what is held was last bid for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from milkbot.db.ops import FillRow, MarketSnapshot, PositionRow, SettlementRow
from milkbot.domain.modes import TradingMode
from milkbot.domain.units import ZERO, Cash, Price, complement


@dataclass(frozen=True, slots=True)
class Made:
    """Dollars: realized by fills that closed, by settlements, and the fees of all fills."""

    closed: Cash
    settled: Cash
    fees: Cash

    @property
    def net(self) -> Cash:
        """What is left."""
        return Cash(self.closed + self.settled - self.fees)


def made_since(session: Session, mode: TradingMode, since: datetime | None) -> Made:
    """What was made from `since` on; None: ever."""
    fills = select(func.coalesce(func.sum(FillRow.realized_pnl), ZERO), func.coalesce(func.sum(FillRow.fee), ZERO))
    fills = fills.where(FillRow.trading_mode == mode)
    settled = select(func.coalesce(func.sum(SettlementRow.realized_pnl), ZERO))
    settled = settled.where(SettlementRow.trading_mode == mode)
    if since is not None:
        fills = fills.where(FillRow.filled_at >= since)
        settled = settled.where(SettlementRow.settled_at >= since)
    closed, fees = session.execute(fills).one()
    return Made(Cash(Decimal(closed)), Cash(Decimal(session.scalar(settled) or ZERO)), Cash(Decimal(fees)))


def newest_marks(session: Session, mode: TradingMode, held: Iterable[PositionRow]) -> dict[str, Price]:
    """The best bid for the held leg of each market, by the newest snapshot; without one the market is left out."""
    found: dict[str, Price] = {}
    for row in held:
        wanted = (
            select(MarketSnapshot)
            .where(MarketSnapshot.ticker == row.ticker, MarketSnapshot.trading_mode == mode)
            .order_by(MarketSnapshot.captured_at.desc())
            .limit(1)
        )
        seen = session.scalars(wanted).first()
        if seen is None:
            continue
        if row.signed_count > ZERO and seen.yes_bid is not None:
            found[row.ticker] = Price(seen.yes_bid)
        elif row.signed_count < ZERO and seen.yes_ask is not None:
            found[row.ticker] = complement(Price(seen.yes_ask))
    return found
