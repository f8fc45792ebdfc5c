"""What a taker would have claimed at the recorded prices, and what it would have gained, by band of the claim.

Claimed = probability - price - fee for the better of the two legs; realised = what the leg paid - price - fee; both in
dollars for one contract. YES is bought at the ask, NO at one dollar less the bid, the fee is the exchange's taker fee.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final

from milkbot.domain.chances import to_one
from milkbot.domain.fees import FeeSchedule, FeeType
from milkbot.domain.units import ONE, Count, Price, complement
from milkbot.score.bootstrap import Interval, interval
from milkbot.score.evaluate import Evaluation
from milkbot.score.recording import Recording

BANDS: Final = (0.0, 0.01, 0.02, 0.05, 0.10, 0.20)
"""Upper ends of the bands but the last, in dollars; each band holds its upper end."""
FEWEST_DAYS: Final = 5
"""An interval over fewer days says nothing."""
_FEES: Final = FeeSchedule(FeeType.QUADRATIC, Decimal(1))
_CONTRACT: Final = Count(ONE)


@dataclass(frozen=True, slots=True)
class Take:
    """One contract of the better leg of one market, in dollars."""

    day: date
    claimed: float
    realised: float


@dataclass(frozen=True, slots=True)
class Band:
    """The takes whose claim is above `low` and at most `high`: how many, and their means in dollars."""

    low: float
    high: float
    takes: int
    days: int
    claimed: float
    realised: float
    interval: Interval | None


def takes(recording: Recording, evaluation: Evaluation) -> list[Take]:
    """The better leg of each market that a taker had a price for, whatever it claims."""
    found = []
    for answer in evaluation.answers:
        prices = recording.taker_prices(answer.event, answer.moment)
        for bracket, q, sides in zip(answer.event.brackets, to_one(answer.probabilities), prices, strict=True):
            legs = _legs(q, won=bracket.won, bid=sides[0], ask=sides[1])
            if legs:
                found.append(Take(answer.event.day, *max(legs)))
    return found


def bands(found: Sequence[Take]) -> list[Band]:
    """The bands that hold a take, from the smallest claim to the largest."""
    ends = [-math.inf, *BANDS, math.inf]
    rows = []
    for low, high in pairwise(ends):
        mine = [take for take in found if low < take.claimed <= high]
        if mine:
            rows.append(_band(low, high, mine))
    return rows


def total(found: Sequence[Take]) -> Band | None:
    """All takes that claim anything; None where there is none."""
    mine = [take for take in found if take.claimed > 0]
    return _band(0.0, math.inf, mine) if mine else None


def _band(low: float, high: float, mine: Sequence[Take]) -> Band:
    days = [take.day for take in mine]
    gains = [take.realised for take in mine]
    claimed = math.fsum(take.claimed for take in mine) / len(mine)
    bounds = interval(days, gains) if len(set(days)) >= FEWEST_DAYS else None
    return Band(low, high, len(mine), len(set(days)), claimed, math.fsum(gains) / len(mine), bounds)


def _legs(q: float, *, won: bool, bid: Price | None, ask: Price | None) -> list[tuple[float, float]]:
    """Claimed and realised edge of each leg that has a price."""
    legs = [(q, won, ask), (1 - q, not won, None if bid is None else complement(bid))]
    found = []
    for probability, pays, price in legs:
        if price is not None:
            cost = float(price + _FEES.taker(_CONTRACT, price))
            found.append((probability - cost, float(pays) - cost))
    return found
