"""Probabilities of an event's brackets as they are pooled and scored, and the mid of a bracket's quotes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from milkbot.domain.units import ONE, ZERO, Price

LEAST: Final = 0.005
"""The least that a bracket counts for, so that no single one decides a log score: half a cent, the mid of one that
nobody wants at one cent. One without any price counts for it too."""


def to_one(chances: Sequence[float]) -> list[float]:
    """Each at least the least, divided by their sum."""
    floored = [max(chance, LEAST) for chance in chances]
    total = sum(floored)
    return [chance / total for chance in floored]


def mid(bid: Decimal | None, ask: Decimal | None) -> Price | None:
    """Half-way between best bid and ask in dollars. An empty side counts as its bound, 0 or 1; None where both are."""
    if bid is None and ask is None:
        return None
    return Price(((ZERO if bid is None else bid) + (ONE if ask is None else ask)) / 2)
