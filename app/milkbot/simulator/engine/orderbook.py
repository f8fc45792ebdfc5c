"""One market's book: price-time priority over the YES leg's bids and asks."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class SelfTrade(StrEnum):
    """What happens where an order would meet one of its own owner: it is stopped, or the resting one goes."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


@dataclass(slots=True)
class Resting:
    """What waits in the book. `ref` is an account's order id or a house quote's key."""

    owner: str
    ref: str
    is_bid: bool
    cents: int
    lots: int
    sequence: int
    is_house: bool

    @property
    def rank(self) -> tuple[int, int]:
        """Best price first, then oldest."""
        return (-self.cents if self.is_bid else self.cents, self.sequence)


@dataclass(frozen=True, slots=True)
class Match:
    """A part of a resting order that an incoming one meets, at the resting price."""

    resting: Resting
    lots: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """What an incoming order would do: the matches, own resting orders that go, and whether it was stopped by one."""

    matches: tuple[Match, ...]
    own_removed: tuple[Resting, ...]
    stopped: bool

    @property
    def lots(self) -> int:
        """How much of the incoming order is filled."""
        return sum(match.lots for match in self.matches)


@dataclass(slots=True)
class OrderBook:
    """Resting orders, best first on either side."""

    bids: list[Resting] = field(default_factory=list)
    asks: list[Resting] = field(default_factory=list)

    def side(self, *, is_bid: bool) -> list[Resting]:
        """The list of one side."""
        return self.bids if is_bid else self.asks

    def __iter__(self) -> Iterator[Resting]:
        yield from self.bids
        yield from self.asks

    def add(self, resting: Resting) -> None:
        """Rest an order behind those of its price."""
        insort(self.side(is_bid=resting.is_bid), resting, key=lambda other: other.rank)

    def remove(self, refs: Iterable[str]) -> None:
        """Take orders out by their ref; unknown ones are ignored."""
        gone = set(refs)
        self.bids = [resting for resting in self.bids if resting.ref not in gone]
        self.asks = [resting for resting in self.asks if resting.ref not in gone]

    def crossing(self, owner: str, *, is_bid: bool, cents: int, lots: int, self_trade: SelfTrade) -> Crossing:
        """What an incoming order would meet. Changes nothing."""
        matches: list[Match] = []
        removed: list[Resting] = []
        for resting in self.side(is_bid=not is_bid):
            if lots == 0 or (resting.cents > cents if is_bid else resting.cents < cents):
                break
            if resting.owner == owner:
                if self_trade is SelfTrade.TAKER_AT_CROSS:
                    return Crossing(tuple(matches), tuple(removed), stopped=True)
                removed.append(resting)
                continue
            part = min(lots, resting.lots)
            matches.append(Match(resting, part))
            lots -= part
        return Crossing(tuple(matches), tuple(removed), stopped=False)

    def apply(self, crossing: Crossing) -> None:
        """Take the matched lots off the book."""
        for match in crossing.matches:
            match.resting.lots -= match.lots
        self.bids = [resting for resting in self.bids if resting.lots]
        self.asks = [resting for resting in self.asks if resting.lots]

    def levels(self, *, is_bid: bool) -> list[tuple[int, int]]:
        """(cents, lots) of one side, best first, one row a price."""
        rows: list[tuple[int, int]] = []
        for resting in self.side(is_bid=is_bid):
            if rows and rows[-1][0] == resting.cents:
                rows[-1] = (resting.cents, rows[-1][1] + resting.lots)
            else:
                rows.append((resting.cents, resting.lots))
        return rows
