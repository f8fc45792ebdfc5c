"""Evidence of skill: a sequential test of a forecaster against the market, which may be looked at every day.

A gambler bets each day that the forecaster scores better, at stakes that are fixed before the day's result is known.
While the forecaster is no better, his wealth is a supermartingale: the chance that it ever reaches 1 / ALPHA is ALPHA
at most (Ville's inequality), however often somebody looks. A fixed interval that is looked at daily has no such bound.
Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 86, 2024), section 4.
The stakes here are a mixture over a grid of constant ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALPHA: Final = 0.05
"""The chance that a forecaster without skill is ever taken for a better one."""
# Dollars that the gambler stakes for one point of score, of one that he has. The right one is the mean gain over its
# variance: about 4 to 45 for gains of .001 to .01 a day that scatter by .015.
_STAKES: Final = tuple(2.0**power for power in range(-1, 8))
# Of what the worst result of a day would leave, so that no single day ruins him.
_DARING: Final = 0.5


class Standing(StrEnum):
    """What the evidence says of a forecaster."""

    UNPROVEN = "unproven"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class DayGain:
    """The market's mean score over a day's events less the forecaster's: above zero the forecaster was better.

    `least` and `most` are what it could have been. Both distributions tell them before the result is known.
    """

    gain: float
    least: float
    most: float

    def __post_init__(self) -> None:
        """Raises ValueError where the gain is not between what it could have been."""
        if not self.least <= self.gain <= self.most:
            raise ValueError(f"a gain of {self.gain} is not between {self.least} and {self.most}")

    def reversed(self) -> DayGain:
        """The same day, seen by who bets on the market."""
        return DayGain(-self.gain, -self.most, -self.least)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The mean gain of `days` days, and the wealth of two gamblers who began with 1: for the forecaster, against it."""

    days: int
    mean: float
    wealth_for: float
    wealth_against: float

    @property
    def standing(self) -> Standing:
        """Where both gamblers have won, the forecaster was once better and is so no longer: that is worse."""
        if self.wealth_against >= 1 / ALPHA:
            return Standing.WORSE
        return Standing.BETTER if self.wealth_for >= 1 / ALPHA else Standing.UNPROVEN


def evidence(days: Sequence[DayGain]) -> Evidence:
    """What the days, in their order, say. Events of a day are not independent: give one gain a day, over all cities."""
    mean = math.fsum(day.gain for day in days) / len(days) if days else 0.0
    return Evidence(len(days), mean, _most_wealth(days), _most_wealth([day.reversed() for day in days]))


def most_wealth(days: Iterable[DayGain]) -> Iterator[float]:
    """After each day the most that who bets on the forecaster ever had; he is believed from 1 / ALPHA on.

    Each stake of the grid begins with the same part of it.
    """
    pots = [1.0 / len(_STAKES)] * len(_STAKES)
    most = 1.0
    for day in days:
        pots = [pot * (1.0 + _stake(stake, day) * day.gain) for pot, stake in zip(pots, _STAKES, strict=True)]
        most = max(most, math.fsum(pots))
        yield most


def _most_wealth(days: Iterable[DayGain]) -> float:
    """In the end."""
    return max(most_wealth(days), default=1.0)


def _stake(wanted: float, day: DayGain) -> float:
    return wanted if day.least >= 0.0 else min(wanted, _DARING / -day.least)
