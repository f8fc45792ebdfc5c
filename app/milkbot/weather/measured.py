"""What a station measured of a climate day: the plausible readings, and what was left out of them with the reason.

A single reading decides nothing: what quality control doubts, what no station ever measured, and what no neighbour in
time confirms is left out. Highs and lows are both read from what remains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from milkbot.domain.cities import City, Extreme
from milkbot.weather.values import Observation

BEFORE: Final = timedelta(hours=3)
"""How long before a climate day its readings begin: the first ones of the day have neighbours, and a station that
reports has said something by then."""
OLDEST: Final = timedelta(minutes=90)
"""Stations report each hour, some twenty minutes late: if the newest is older than that, a report is missing."""
_DOUBTED: Final = frozenset("XQBIW")
"""MADIS letters. X failed the first checks, Q later ones, B was judged bad; I and W are estimates, not measurements.
V, S and C passed all, two or one of three levels, G was judged good, T passed; Z was not checked yet."""
_RECORD_MARGIN_F: Final = 5.0
_LARGEST_STEP_F: Final = 15.0
"""Between neighbours, for each hour between them, and for less than an hour too. MADIS's own limit is 35 F an hour. In
a winter and spring of hourly values of five traded cities none stood out from both of its neighbours by over 5.5 F."""
_FEW: Final = 3
_SHARE: Final = 4


class Doubt(StrEnum):
    """Why a reading is left out."""

    FLAGGED = "flagged"
    BEYOND_RECORD = "beyond_record"
    UNCONFIRMED = "unconfirmed"
    """It is far from the reading before it and the one after it, or there is neither."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reading that does not count."""

    observation: Observation
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Measured:
    """The readings of a climate day that began at `start`, oldest first; `kept` has those shortly before it too."""

    start: datetime
    kept: tuple[Observation, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def newest(self) -> Observation | None:
        """The last plausible reading, also one from before the day: it shows that the station reports."""
        return self.kept[-1] if self.kept else None

    @property
    def highest_f(self) -> float | None:
        """The maximum of the day so far in F; None before the first report of the day, which is an hour of each day."""
        return max((one.temperature_f for one in self.kept if one.observed_at >= self.start), default=None)

    @property
    def lowest_f(self) -> float | None:
        """The minimum of the day so far in F; None as for the maximum."""
        return min((one.temperature_f for one in self.kept if one.observed_at >= self.start), default=None)

    def so_far(self, extreme: Extreme) -> float | None:
        """The day's high or low so far in F."""
        return self.lowest_f if extreme is Extreme.LOW else self.highest_f

    @property
    def many_left_out(self) -> bool:
        """Whether so many readings do not count that it is no single mishap: a quarter, and three at least."""
        number = len(self.left_out)
        return number >= _FEW and number * _SHARE >= number + len(self.kept)


def measured(observations: Sequence[Observation], city: City, start: datetime) -> Measured:
    """Judge the readings of one station, oldest first, for the climate day that began at `start`."""
    passed: list[Observation] = []
    left_out: list[LeftOut] = []
    for one in observations:
        doubt = _doubt_of(one, city)
        if doubt is None:
            passed.append(one)
        else:
            left_out.append(LeftOut(one, doubt))
    confirmed = _confirmed(passed)
    left_out += [LeftOut(one, Doubt.UNCONFIRMED) for one in passed if one.observed_at not in confirmed]
    return Measured(
        start,
        tuple(one for one in passed if one.observed_at in confirmed),
        tuple(sorted(left_out, key=lambda row: row.observation.observed_at)),
    )


def _doubt_of(one: Observation, city: City) -> Doubt | None:
    if one.quality in _DOUBTED:
        return Doubt.FLAGGED
    if not city.record_low_f - _RECORD_MARGIN_F <= one.temperature_f <= city.record_high_f + _RECORD_MARGIN_F:
        return Doubt.BEYOND_RECORD
    return None


def _confirmed(observations: Sequence[Observation]) -> set[datetime]:
    """When the readings were made that agree with the one before or after them."""
    return {moment for earlier, later in pairwise(observations) for moment in _agreeing(earlier, later)}


def _agreeing(earlier: Observation, later: Observation) -> Iterator[datetime]:
    apart = later.observed_at - earlier.observed_at
    hours = max(1.0, apart / timedelta(hours=1))
    if apart <= BEFORE and abs(later.temperature_f - earlier.temperature_f) <= _LARGEST_STEP_F * hours:
        yield from (earlier.observed_at, later.observed_at)
