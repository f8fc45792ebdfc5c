"""Unrealized profit: at the price at which what is held could be sold now."""

from __future__ import annotations

from collections.abc import Iterable

from milkbot.domain.positions import Position
from milkbot.domain.units import ZERO, Cash, Price


def unrealized(position: Position, bid: Price | None) -> Cash | None:
    """Dollars that selling all of it at `bid` of the held leg would win over its cost, before fees.

    Nothing held is worth nothing; None where something is held and nobody bids.
    """
    if position.signed_count == ZERO:
        return Cash(ZERO)
    return None if bid is None else Cash(abs(position.signed_count) * bid - position.cost)


def total_unrealized(positions: Iterable[tuple[Position, Price | None]]) -> tuple[Cash, tuple[str, ...]]:
    """Dollars over all positions, each with the bid for its held leg, and the markets whose part is not known."""
    gains = [(position.ticker, unrealized(position, bid)) for position, bid in positions]
    known = (gain for _, gain in gains if gain is not None)
    return Cash(sum(known, ZERO)), tuple(ticker for ticker, gain in gains if gain is None)
