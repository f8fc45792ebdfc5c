"""Whether the account's cash adds up: what was brought in, and what every fill, fee and settlement moved since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from milkbot.db import cash as cash_rows
from milkbot.db import orders as order_rows
from milkbot.db.ops import Order
from milkbot.domain.fees import TAKER_RATE
from milkbot.domain.modes import TradingMode
from milkbot.domain.orders import BookSide
from milkbot.domain.units import ONE, ZERO, Cash
from milkbot.trader.findings import FindingKind, Found

TOLERANCE: Final = Cash(Decimal("0.10"))
"""Dollars. What the exchange rounds from fill to fill may add up to a few cents; a contract costs more."""


def held_back(orders: Iterable[Order], filled: dict[int, Decimal]) -> Cash:
    """Dollars that the exchange may hold back, or have taken, for orders that are open: each at its worst."""
    total = ZERO
    for order in orders:
        leg_price = order.price if order.side == BookSide.BID else ONE - order.price
        fee = TAKER_RATE * order.price * (ONE - order.price)
        total += max(ZERO, order.count - filled.get(order.id, ZERO)) * (leg_price + fee)
    return Cash(total)


def compare(session: Session, mode: TradingMode, reported: Cash, at: datetime) -> list[Found]:
    """Hold the exchange's cash against the books, after all fills and settlements were booked.

    The first time, with nothing open, it is taken for what was brought in.
    """
    standing = cash_rows.cash_standing(session, mode)
    if standing.capital is None and not order_rows.open_orders(session, mode):
        cash_rows.set_capital(session, mode, Cash(reported - standing.moved))
    return judged(session, mode, reported, at)


def judged(session: Session, mode: TradingMode, reported: Cash, at: datetime) -> list[Found]:
    """What does not add up. Cash that open orders may hold back is not missed."""
    standing = cash_rows.cash_standing(session, mode)
    if standing.capital is None:
        return []
    reserved = held_back(order_rows.open_orders(session, mode), order_rows.filled_by_order(session, mode))
    expected = Cash(standing.capital + standing.moved)
    missing = expected - reported
    if -TOLERANCE <= missing <= reserved + TOLERANCE:
        return []
    side = "less" if missing > ZERO else "more"
    beyond = missing - reserved if missing > ZERO else -missing
    message = (
        f"the exchange has {beyond:.4f} dollars {side} than our books: {reported:.4f}, expected {expected:.4f}; "
        "if it was a deposit or a withdrawal: milkbot reconcile --close ID --note ..."
    )
    ours = {
        "capital": str(standing.capital),
        "moved": str(standing.moved),
        "expected": str(expected),
        "held_back_at_most": str(reserved),
    }
    theirs = {"cash": str(reported), "at": at.isoformat(), "capital": str(reported - standing.moved)}
    return [Found(FindingKind.CASH_MISMATCH, "cash", message, ours, theirs)]
