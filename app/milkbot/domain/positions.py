"""Positions as a fold of fills. A quantity comes from nowhere else; what the exchange says is a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Self

from milkbot.domain.orders import BookSide
from milkbot.domain.units import ONE, ZERO, Cash, Count, Price, complement


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, unique by the exchange's fill id. `price` is of the YES leg."""

    fill_id: str
    order_id: str
    ticker: str
    side: BookSide
    count: Count
    price: Price
    fee: Cash
    is_taker: bool
    filled_at: datetime


def execution_order(fill: Fill) -> tuple[datetime, str, Decimal, str]:
    """Sorts fills as they happened, however they came: an order takes the best price first, all at one moment.

    The exchange's ids say nothing of that, and neither do its lists once a page came late.
    """
    return fill.filled_at, fill.order_id, fill.price if fill.side is BookSide.BID else -fill.price, fill.fill_id


@dataclass(frozen=True, slots=True)
class Position:
    """What is held in one market. `signed_count` > 0 is YES, < 0 is NO; `cost` is what the open part was bought for."""

    ticker: str
    signed_count: Count
    cost: Cash
    fees: Cash
    realized: Cash

    @classmethod
    def flat(cls, ticker: str) -> Self:
        """Nothing held, nothing paid."""
        return cls(ticker, Count(ZERO), Cash(ZERO), Cash(ZERO), Cash(ZERO))

    def after(self, fill: Fill) -> Position:
        """The position after one more fill. A fill against the held leg closes it first, at that leg's price."""
        delta = fill.count if fill.side is BookSide.BID else -fill.count
        held = self.signed_count
        closing = min(abs(held), abs(delta)) if held * delta < ZERO else ZERO
        opening = abs(delta) - closing
        cost, realized = self.cost, self.realized
        if closing:
            out = fill.price if held > ZERO else complement(fill.price)
            released = self.cost * closing / abs(held)
            cost = Cash(cost - released)
            realized = Cash(realized + closing * out - released)
        if opening:
            into = fill.price if delta > ZERO else complement(fill.price)
            cost = Cash(cost + opening * into)
        return replace(
            self,
            signed_count=Count(held + delta),
            cost=cost,
            fees=Cash(self.fees + fill.fee),
            realized=realized,
        )

    def settled(self, yes_value: Price) -> Cash:
        """Realized dollars when each YES pays `yes_value` (1, 0, or in between for a scalar result)."""
        pays = yes_value if self.signed_count > ZERO else ONE - yes_value
        return Cash(abs(self.signed_count) * pays - self.cost)


def fold(ticker: str, fills: Iterable[Fill]) -> Position:
    """The position that a market's fills leave, in the order in which they happened."""
    position = Position.flat(ticker)
    for fill in fills:
        position = position.after(fill)
    return position
