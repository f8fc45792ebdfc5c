"""How often what was forecast with a probability came true, bucket by bucket, over the markets that had a price."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from milkbot.score.evaluate import Evaluation

ENDS: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Upper ends of the buckets; each holds its upper end, the first one 0 too."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The markets whose probability is above `low` and at most `high`: how many, its mean, how often they won."""

    low: float
    high: float
    markets: int
    mean: float
    frequency: float


def reliability(evaluation: Evaluation) -> list[Bucket]:
    """The buckets that hold a market, in their order. Probabilities as they were answered."""
    held: dict[int, list[tuple[float, bool]]] = {}
    for answer in evaluation.answers:
        for p, bracket, priced in zip(answer.probabilities, answer.event.brackets, answer.priced, strict=True):
            if priced:
                held.setdefault(min(bisect_left(ENDS, p), len(ENDS) - 1), []).append((p, bracket.won))
    return [
        Bucket(
            ENDS[number - 1] if number else 0.0,
            ENDS[number],
            len(mine),
            math.fsum(p for p, _ in mine) / len(mine),
            sum(won for _, won in mine) / len(mine),
        )
        for number, mine in sorted(held.items())
    ]
