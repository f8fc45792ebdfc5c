"""Repository of what was done with the exchange-side order group; the newest act of a mode is its state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from milkbot.db.risk_tables import OrderGroupAct
from milkbot.domain.modes import TradingMode


class Act(StrEnum):
    """What was done: a created or reset group takes orders, a triggered one takes none."""

    CREATED = "created"
    TRIGGERED = "triggered"
    RESET = "reset"


def newest(session: Session, mode: TradingMode) -> OrderGroupAct | None:
    """The newest act, None before there was a group."""
    wanted = select(OrderGroupAct).where(OrderGroupAct.trading_mode == mode).order_by(OrderGroupAct.id.desc())
    return session.scalars(wanted.limit(1)).first()


def record(
    session: Session, mode: TradingMode, act: Act, group_id: str, contracts_limit: int, *, reason: str, at: datetime
) -> None:
    """Append an act."""
    values = {"venue_group_id": group_id, "contracts_limit": contracts_limit, "act": act, "reason": reason, "at": at}
    session.execute(insert(OrderGroupAct).values(trading_mode=mode, **values))
