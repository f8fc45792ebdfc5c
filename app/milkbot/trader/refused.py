"""Orders that were refused: which of them are rejects to the breaker, and how long their markets are left alone.

Both follow from the ledger's orders and the table of refusals; nothing else is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from milkbot.db.risk_facts import SentOrder
from milkbot.domain.orders import UNRESOLVED, OrderState
from milkbot.venue.refusals import Refusal, stored_refusal

LONGEST: Final = timedelta(hours=4)
"""A market that refuses again and again is still tried so often."""
_MOST_DOUBLINGS: Final = 7  # from two minutes to more than LONGEST
LOOK_BACK: Final = timedelta(days=1)
"""How far back refusals are counted; it holds enough of them to reach LONGEST."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Until when a market gets no order, and the reason that its last one keeps."""

    until: datetime
    reason: str


def rejects(orders: Iterable[SentOrder]) -> int:
    """How many of the orders are rejects to the breaker: by the table, and not where the market only moved."""
    return sum(order.state is OrderState.REJECTED and stored_refusal(order.reason).counts for order in orders)


def left_alone(orders: Iterable[SentOrder], now: datetime) -> Mapping[str, LeftAlone]:
    """The markets that are left alone now. `orders` were sent within LOOK_BACK, oldest first.

    The time of the table doubles with each refusal of the same kind in a row, up to LONGEST. An order that the exchange
    took ends the row; one whose outcome is not known says nothing yet.
    """
    rows: dict[str, _Row] = {}
    for order in orders:
        if order.state is OrderState.REJECTED:
            kind = stored_refusal(order.reason)
            before = rows.get(order.ticker)
            rows[order.ticker] = _Row(kind, before.length + 1 if before and before.kind is kind else 1, order)
        elif order.state not in UNRESOLVED:
            rows.pop(order.ticker, None)
    return {ticker: LeftAlone(row.until, row.last.reason) for ticker, row in rows.items() if now < row.until}


@dataclass(frozen=True, slots=True)
class _Row:
    """Refusals of one kind in a row."""

    kind: Refusal
    length: int
    last: SentOrder

    @property
    def until(self) -> datetime:
        doublings = min(self.length - 1, _MOST_DOUBLINGS)
        return self.last.sent_at + min(self.kind.alone * (1 << doublings), LONGEST)
