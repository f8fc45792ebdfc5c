"""Best quotes of an event's brackets at one moment, and the figures that many of them give."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from milkbot.domain.fees import TAKER_RATE
from milkbot.domain.markets import Strike
from milkbot.forecast.normal import bracket_probabilities, spread_f
from milkbot.score.events import listing_centre
from milkbot.score.rules import score

PEAK_HOUR = 15
"""Hour of the climate day from which the forecast's lead is counted."""

MIN_EDGE, MIN_PRICE, MAX_SPREAD, MAX_GAP = 0.03, 0.10, 4, 0.35
"""The default rules of a taker: edge and price in dollars, spread in cents, gap to the mid."""

FEE_RATE = float(TAKER_RATE)


@dataclass(frozen=True, slots=True)
class Books:
    """One event at one moment: quotes in cents by bracket, upwards, 0 and 100 for an empty side; `winner` is an index.

    `hour` counts from the beginning of the climate day. `forecast` and `measured` are in F.
    """

    day: date
    hour: float
    strikes: tuple[Strike, ...]
    bids: tuple[float, ...]
    asks: tuple[float, ...]
    winner: int
    forecast: float | None = None
    measured: float | None = None

    @property
    def mids(self) -> list[float]:
        """In dollars."""
        return [(bid + ask) / 200 for bid, ask in zip(self.bids, self.asks, strict=True)]


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over events, lower is better: Brier over the brackets, log score in nats, ranked probability score."""

    event: float
    log: float
    rps: float


@dataclass(frozen=True, slots=True)
class Trade:
    """One contract that a taker bought: what it claimed to gain by it, and what it gained, in dollars after the fee."""

    day: date
    claimed: float
    realised: float


def mid_scores(books: Sequence[Books]) -> Scores:
    """Of the mids, as the yardstick scores them."""
    found = score([one.mids for one in books], [one.winner for one in books])
    return Scores(*(statistics.fmean(getattr(one, name) for one in found) for name in ("event", "log", "rps")))


def spreads(books: Iterable[Books]) -> list[float]:
    """Of the brackets that are quoted on both sides, in cents."""
    pairs = (pair for one in books for pair in zip(one.bids, one.asks, strict=True))
    return [ask - bid for bid, ask in pairs if bid > 0 and ask < 100]


def overround(books: Sequence[Books]) -> float:
    """Mean sum of an event's mids in dollars: 1 would be fair."""
    return statistics.fmean(sum(one.mids) for one in books)


def taken(books: Iterable[Books]) -> Iterator[Trade]:
    """What `normal` buys by the default rules if it takes one contract wherever it sees an edge."""
    for one in books:
        if one.forecast is None:
            continue
        spread = spread_f(PEAK_HOUR - one.hour)
        chances = bracket_probabilities(one.forecast, spread, one.strikes, one.measured)
        for index, chance in enumerate(chances):
            trade = _best_offer(one, index, chance)
            if trade is not None:
                yield trade


def by_the_listing(one: Books) -> Books:
    """The same event with the middle of its brackets for a forecast, and quotes a cent on either side of the mids."""
    centre = listing_centre(one.strikes)
    bids = tuple(100 * mid - 1 for mid in one.mids)
    return replace(one, bids=bids, asks=tuple(bid + 2 for bid in bids), forecast=centre, measured=None)


def _cost(price: float) -> float:
    return price + FEE_RATE * price * (1 - price)


def _best_offer(one: Books, index: int, chance: float) -> Trade | None:
    bid, ask, won = one.bids[index], one.asks[index], one.winner == index
    if bid <= 0 or ask >= 100 or ask - bid > MAX_SPREAD or abs(chance - (bid + ask) / 200) > MAX_GAP:
        return None
    legs = ((ask, chance, won), (100 - bid, 1 - chance, not won))
    costs = [_cost(cents / 100) for cents, _, _ in legs]
    edge, leg = max((legs[leg][1] - costs[leg], leg) for leg in (0, 1))
    if edge < MIN_EDGE or legs[leg][0] < 100 * MIN_PRICE:
        return None
    return Trade(one.day, edge, legs[leg][2] - costs[leg])
