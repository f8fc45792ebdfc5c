"""Whether the account's cash adds up: what was brought in, and what every fill, fee and settlement moved since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from milkbot.db import cash as cash_rows
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_fees import worst_case_cost
from milkbot.domain.units import ZERO, Cash
from milkbot.trader.reconcile.findings import FindingKind, Found

TOLERANCE: Final = Cash(Decimal("0.10"))
"""Dollars. What the exchange rounds from fill to fill may add up to a few cents; a contract costs more."""


def held_back(orders: Iterable[Order], filled: dict[int, Decimal]) -> Cash:
    """Dollars that the exchange may hold back, or have taken, for orders that are open: each at its worst."""
    rests = (
        max(ZERO, order.count - filled.get(order.id, ZERO)) * worst_case_cost(order.side, order.price)
        for order in orders
    )
    return Cash(sum(rests, ZERO))


@dataclass(frozen=True, slots=True)
class CashView:
    """Both sides at one moment, in dollars: what the exchange reports, and what our ledger says of it."""

    reported: Cash
    moved: Cash
    held_back: Cash
    at: datetime


def read_view(session: Session, mode: TradingMode, reported: Cash, at: datetime, *, is_whole: bool) -> CashView:
    """What our ledger says now, after all fills and settlements were booked.

    The first time, with nothing open and every row of the account read (`is_whole`), what is reported is taken for what
    was brought in.
    """
    totals = cash_rows.cash_totals(session, mode)
    still_open = order_rows.open_orders(session, mode)
    if totals.capital is None and not still_open and is_whole:
        cash_rows.set_capital(session, mode, Cash(reported - totals.moved))
    reserved = held_back(still_open, order_rows.filled_by_order(session, mode))
    return CashView(reported, totals.moved, reserved, at)


def judge(view: CashView, capital: Cash | None) -> list[Found]:
    """What does not add up. Cash that open orders may hold back is not missed."""
    if capital is None:
        return []
    expected = Cash(capital + view.moved)
    missing = expected - view.reported
    if -TOLERANCE <= missing <= view.held_back + TOLERANCE:
        return []
    side = "less" if missing > ZERO else "more"
    beyond = missing - view.held_back if missing > ZERO else -missing
    message = (
        f"the exchange has {beyond:.4f} dollars {side} than our ledger: {view.reported:.4f}, expected {expected:.4f}; "
        "if it was a deposit or a withdrawal: milkbot reconcile --close ID --note ..."
    )
    ours = {
        "capital": str(capital),
        "moved": str(view.moved),
        "expected": str(expected),
        "held_back_at_most": str(view.held_back),
    }
    theirs = {"cash": str(view.reported), "at": view.at.isoformat(), "capital": str(view.reported - view.moved)}
    return [Found(FindingKind.CASH_MISMATCH, "cash", message, ours, theirs)]
