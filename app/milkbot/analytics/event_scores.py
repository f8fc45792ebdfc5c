"""The scores of one forecast of one event, next to the market's mid: those of docs/forecast.md, without a library.

The yardstick (`milkbot.score`) computes them by `scoringrules`; a test holds the two equal. Six numbers need neither
that nor its imports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from milkbot.domain.chances import LEAST, to_one


@dataclass(frozen=True, slots=True)
class Scores:
    """Lower is better. `brier`: 0 to 2; `log`: nats; `rps`: 0 to 1."""

    brier: float
    log: float
    rps: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A forecast and the market; `chances` are those that are scored, from cold to warm.

    `gain`: the market's Brier score less the forecast's; `least` and `most` what it would have been had another bracket
    won.
    """

    ours: Scores
    market: Scores
    gain: float
    least: float
    most: float
    chances: list[float]
    market_chances: list[float]
    winner: int


def compare(chances: Sequence[float], mids: Sequence[float | None], winner: int) -> Compared:
    """Both on one event, brackets from cold to warm; `winner` is the number of the one that came true."""
    ours = to_one(chances)
    market = to_one([LEAST if price is None else price for price in mids])
    gains = [_brier(market, number) - _brier(ours, number) for number in range(len(ours))]
    return Compared(
        _scores(ours, winner), _scores(market, winner), gains[winner], min(gains), max(gains), ours, market, winner
    )


def _scores(q: Sequence[float], winner: int) -> Scores:
    return Scores(_brier(q, winner), -math.log(q[winner]), _rps(q, winner))


def _brier(q: Sequence[float], winner: int) -> float:
    return math.fsum((one - (number == winner)) ** 2 for number, one in enumerate(q))


def _rps(q: Sequence[float], winner: int) -> float:
    cumulated = enumerate(accumulate(q))
    return math.fsum((sum_ - (number >= winner)) ** 2 for number, sum_ in cumulated) / max(len(q) - 1, 1)
