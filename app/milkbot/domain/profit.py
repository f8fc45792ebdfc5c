"""Profit: realized by fills and settlements, unrealized at the price at which what is held could be sold now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from milkbot.domain.positions import Position
from milkbot.domain.units import ZERO, Cash, Price


def unrealized(position: Position, bid: Price | None) -> Cash | None:
    """Dollars that selling all of it at `bid` of the held leg would win over its cost, before fees.

    Nothing held is worth nothing; None where something is held and nobody bids.
    """
    if position.signed_count == ZERO:
        return Cash(ZERO)
    return None if bid is None else Cash(abs(position.signed_count) * bid - position.cost)


@dataclass(frozen=True, slots=True)
class Profit:
    """Dollars of a set of positions. `unmarked` names the markets whose unrealized profit is not known."""

    realized: Cash
    fees: Cash
    unrealized: Cash
    unmarked: tuple[str, ...] = ()

    @property
    def net(self) -> Cash | None:
        """All of it, fees taken off; None as long as a market has no mark."""
        return None if self.unmarked else Cash(self.realized - self.fees + self.unrealized)


def profit(positions: Iterable[tuple[Position, Price | None]]) -> Profit:
    """Sum up positions, each with the bid for its held leg."""
    realized, fees, open_profit = ZERO, ZERO, ZERO
    unmarked: list[str] = []
    for position, bid in positions:
        realized += position.realized
        fees += position.fees
        gain = unrealized(position, bid)
        if gain is None:
            unmarked.append(position.ticker)
        else:
            open_profit += gain
    return Profit(Cash(realized), Cash(fees), Cash(open_profit), tuple(unmarked))
