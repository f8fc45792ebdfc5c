"""A capped fraction of Kelly for one contract that pays a dollar or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from milkbot.domain.units import ONE, ZERO, Cash, Count, round_down


@dataclass(frozen=True, slots=True)
class SizingRules:
    """`fraction` of full Kelly, `max_stake` in dollars for one order, `max_count` contracts held in one market."""

    fraction: Decimal
    max_stake: Cash
    max_count: Count


def kelly_fraction(probability: Decimal, cost: Decimal) -> Decimal:
    """The share of wealth that full Kelly stakes at `cost` dollars all in for $1 if right: (p - c) / (1 - c).

    Source: Kelly (1956) for a binary bet with net odds (1 - c) / c.
    """
    if cost >= ONE:
        return ZERO
    return max(ZERO, (probability - cost) / (ONE - cost))


def target_count(probability: Decimal, cost: Decimal, wealth: Cash, rules: SizingRules) -> Count:
    """Whole contracts to hold of a leg that wins with `probability` and costs `cost` dollars all in."""
    if cost <= ZERO:
        return Count(ZERO)
    stake = min(wealth * rules.fraction * kelly_fraction(probability, cost), rules.max_stake)
    return Count(min(round_down(max(stake, ZERO) / cost, ONE), rules.max_count))
