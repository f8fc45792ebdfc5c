"""Order books. The exchange sends bids of both legs; an ask is one minus the best bid of the other leg."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from milkbot.domain.units import ZERO, Count, Price, complement


@dataclass(frozen=True, slots=True)
class Level:
    """Contracts that rest at one price of one leg."""

    price: Price
    count: Count


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Bids of both legs, best first. An empty side is an empty tuple: a missing price is missing, never zero."""

    ticker: str
    yes_bids: tuple[Level, ...]
    no_bids: tuple[Level, ...]
    captured_at: datetime

    @property
    def best_yes_bid(self) -> Level | None:
        """The highest price anyone pays for YES."""
        return self.yes_bids[0] if self.yes_bids else None

    @property
    def best_yes_ask(self) -> Level | None:
        """The lowest price at which YES can be bought: one minus the best NO bid."""
        return Level(complement(self.no_bids[0].price), self.no_bids[0].count) if self.no_bids else None

    @property
    def best_no_bid(self) -> Level | None:
        """The highest price anyone pays for NO."""
        return self.no_bids[0] if self.no_bids else None

    @property
    def best_no_ask(self) -> Level | None:
        """The lowest price at which NO can be bought: one minus the best YES bid."""
        return Level(complement(self.yes_bids[0].price), self.yes_bids[0].count) if self.yes_bids else None

    @property
    def spread(self) -> Price | None:
        """Dollars between the best YES ask and the best YES bid, None when a side is empty."""
        if not (self.yes_bids and self.no_bids):
            return None
        return Price(complement(self.no_bids[0].price) - self.yes_bids[0].price)

    @property
    def mid(self) -> Price | None:
        """Half-way between bid and ask: a statistic, never a price to trade at. None when a side is empty."""
        if not (self.yes_bids and self.no_bids):
            return None
        return Price((complement(self.no_bids[0].price) + self.yes_bids[0].price) / 2)


def best_first(levels: list[tuple[Price, Count]]) -> tuple[Level, ...]:
    """Levels in falling price, empty ones dropped."""
    return tuple(Level(p, c) for p, c in sorted(levels, reverse=True) if c > ZERO)
