"""How an event settles: what each bracket pays by the official high, and what a corrected result changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from milkbot.domain.markets import Market, Strike, StrikeType
from milkbot.domain.positions import Position
from milkbot.domain.units import ONE, ZERO, Cash, Price


def yes_values(markets: Iterable[Market], high_f: int) -> dict[str, Price]:
    """What one YES of each market pays when the official high is that many whole degrees Fahrenheit."""
    return {market.ticker: Price(ONE if market.strike.contains(high_f) else ZERO) for market in markets}


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


def event_payments(positions: Mapping[str, Position], values: Mapping[str, Price]) -> dict[str, SettlementPayment]:
    """The payment of each market that settled; one in which nothing was ever held pays nothing."""
    return {ticker: payment(positions.get(ticker, Position.flat(ticker)), value) for ticker, value in values.items()}


def correction(position: Position, before: Price, after: Price) -> Cash:
    """Dollars that a corrected result brings (takes: negative) over what the first one paid."""
    return Cash(position.settled(after) - position.settled(before))
