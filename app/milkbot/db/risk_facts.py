"""What the breakers and the order rate are judged by, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from milkbot.db import ledger
from milkbot.db.ops import Order, Tick
from milkbot.db.risk_tables import SettlementCorrection
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import OrderEvent, OrderState
from milkbot.domain.units import ZERO, Cash


def lost_since(session: Session, mode: TradingMode, since: datetime) -> Cash:
    """Dollars lost from `since` on (won: negative): settlements, closing fills, fees, and corrections found since then.

    A correction of what had settled before `since` counts with the difference alone: where it moved the settlement into
    this time, what that had booked before is given back.
    """
    corrected = SettlementCorrection
    moved_here = corrected.settled_at >= since
    again = select(
        func.coalesce(func.sum(case((moved_here, corrected.realized_before), else_=-corrected.difference)), ZERO)
    ).where(corrected.trading_mode == mode, corrected.recorded_at >= since, corrected.settled_before < since)
    lost = again.scalar_subquery() - ledger.realized_column(mode, since)
    return Cash(Decimal(session.scalar(select(lost)) or ZERO))


def orders_since(session: Session, mode: TradingMode, since: datetime) -> int:
    """How many orders were sent from `since` on, whatever became of them."""
    wanted = select(func.count()).where(Order.trading_mode == mode, Order.created_at >= since)
    return session.scalar(wanted) or 0


@dataclass(frozen=True, slots=True)
class SentOrder:
    """What became of an order of ours that was sent, and why."""

    ticker: str
    state: OrderState
    reason: str
    sent_at: datetime


def sent_since(session: Session, mode: TradingMode, since: datetime) -> Sequence[SentOrder]:
    """The orders of ours that were sent from `since` on, oldest first, but for those on which the operator ruled."""
    wanted = (
        select(Order.ticker, Order.state, Order.state_reason, Order.created_at)
        .where(Order.trading_mode == mode, Order.created_at >= since, Order.origin.is_(None))
        .where(Order.state_event.is_distinct_from(OrderEvent.RULED_REJECTED))
        .order_by(Order.created_at, Order.id)
    )
    return [SentOrder(ticker, OrderState(state), why or "", at) for ticker, state, why, at in session.execute(wanted)]


def unfinished_ticks_since(session: Session, mode: TradingMode, since: datetime, but: int) -> int:
    """How many ticks that began from `since` on have no end, without the one that is running."""
    wanted = select(func.count()).where(
        Tick.trading_mode == mode, Tick.started_at >= since, Tick.finished_at.is_(None), Tick.id != but
    )
    return session.scalar(wanted) or 0


def newest_counts(session: Session, mode: TradingMode, since: datetime, limit: int) -> Sequence[dict[str, Any]]:
    """What the newest completed ticks counted, newest first."""
    wanted = select(Tick.counts).where(Tick.trading_mode == mode, Tick.started_at >= since, Tick.outcome == "completed")
    return session.scalars(wanted.order_by(Tick.started_at.desc(), Tick.id.desc()).limit(limit)).all()
