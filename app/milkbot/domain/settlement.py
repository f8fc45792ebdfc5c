"""How an event settles: whether its brackets leave no gap, and what a result pays for what is held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from milkbot.domain.markets import Strike, StrikeType
from milkbot.domain.positions import Position
from milkbot.domain.units import Cash, Price


def is_exhaustive(strikes: Iterable[Strike]) -> bool:
    """Whether every whole degree lies in exactly one of the strikes: then exactly one bracket wins."""
    ladder = sorted(strikes, key=lambda strike: strike.lower_edge)
    if not ladder or ladder[0].kind is not StrikeType.LESS or ladder[-1].kind is not StrikeType.GREATER:
        return False
    return all(low.upper_edge == high.lower_edge for low, high in pairwise(ladder))


@dataclass(frozen=True, slots=True)
class SettlementPayment:
    """What a settlement pays for a position: `revenue` comes in, `realized` is what that leaves over the cost."""

    revenue: Cash
    realized: Cash


def payment(position: Position, yes_value: Price) -> SettlementPayment:
    """The payment for what is held when each YES pays `yes_value`: 0, 1, or in between for a scalar result."""
    realized = position.settled(yes_value)
    return SettlementPayment(Cash(realized + position.cost), realized)
