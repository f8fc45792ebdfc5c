"""Whether the exchange charged by the fees that it names: an edge that is computed with too low a fee is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from milkbot.db import findings as rows
from milkbot.db import ledger, terms
from milkbot.domain.fees import BALANCE_STEP, FeeSchedule
from milkbot.domain.modes import TradingMode
from milkbot.domain.order_fees import order_fees
from milkbot.domain.positions import Fill
from milkbot.domain.units import ZERO
from milkbot.trader.reconcile.findings import FindingKind, Found
from milkbot.trader.tickers import parse_ticker

LOOK_BACK: Final = timedelta(days=1)
"""How old a fill may be whose order is judged: long enough that no tick that fails lets one by."""


def compare(session: Session, mode: TradingMode, now: datetime) -> list[Found]:
    """The orders with recent fills that cost more than the dearest fees their series was ever seen with.

    Less is no finding: a waived fee harms nobody. Nor is an order reported before, or one whose series names fees
    that this program cannot price.
    """
    fills = ledger.fills_of_orders_since(session, mode, now - LOOK_BACK)
    if not fills:
        return []
    schedules = terms.fee_schedules(session, mode)
    closed = rows.closed_subjects(session, mode, FindingKind.FEE_MISMATCH, now - 2 * LOOK_BACK)
    by_order: dict[str, list[Fill]] = defaultdict(list)
    for fill in fills:
        if fill.order_id not in closed:
            by_order[fill.order_id].append(fill)
    judged = [_judged(order_id, of_order, schedules) for order_id, of_order in sorted(by_order.items())]
    return [one for one in judged if one is not None]


def too_much(fills: Sequence[Fill], schedules: Collection[FeeSchedule]) -> tuple[Decimal, Decimal] | None:
    """What an order's fills were charged and the most that they may cost, in dollars, where the first is more.

    A fill that has not come yet, or fills of one moment in another order, move what is carried from one to the next:
    each by less than a balance step.
    """
    if not schedules or not all(schedule.is_known for schedule in schedules):
        return None
    charged = sum((fill.fee for fill in fills), ZERO)
    due = max(sum((fee.net for fee in order_fees(fills, schedule)), ZERO) for schedule in schedules)
    return (charged, due) if charged > due + BALANCE_STEP * (len(fills) + 1) else None


def _judged(order_id: str, fills: Sequence[Fill], schedules: terms.Schedules) -> Found | None:
    ticker = fills[0].ticker
    parsed = parse_ticker(ticker)
    if parsed is None:
        return None
    known = schedules.get(parsed.series.ticker, frozenset())
    both = too_much(fills, known)
    if both is None:
        return None
    charged, due = both
    named = ", ".join(sorted(schedule.text for schedule in known))
    return Found(
        FindingKind.FEE_MISMATCH,
        order_id,
        f"{ticker}: order {order_id} was charged {charged:.4f} dollars in fees, {due:.4f} by the fees that its series "
        f"names ({named}); check the exchange's notices, then run: milkbot reconcile --close ID --note ...",
        ours={"fees": str(due), "schedule": named},
        theirs={"fees": str(charged)},
        ticker=ticker,
    )
