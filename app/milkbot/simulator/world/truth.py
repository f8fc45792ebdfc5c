"""The hidden daily highs and lows, and what is knowable of each at any hour before."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import City, Extreme
from milkbot.simulator.world.climate import climate_of
from milkbot.simulator.world.draws import Draws

PERSISTENCE = 0.6
"""Correlation of one day's anomaly with the next (AR(1)), ordinary for mid-latitude highs."""

MEMORY_DAYS = 20
USUAL_HOUR = {Extreme.HIGH: 15, Extreme.LOW: 6}
"""Hour of local standard time at which the extreme usually falls, from which forecast lead is counted."""

NARROWEST_RANGE = 2.0
"""Degrees by which a dawn is colder than its afternoon at least."""

_SKILL_HOURS = (-3.0, 0.0, 3.0, 8.0, 22.0, 29.0, 48.0, 60.0)
_SKILL_SPREAD = (0.25, 0.6, 1.2, 2.1, 2.45, 2.7, 3.0, 3.3)
"""Hours before the extreme, and the spread in F of what is then unknown (2.1 same morning .. 3.3 far out)."""


def unknown_spread(lead_hours: float) -> float:
    """Standard deviation in F of an extreme around the best forecast, that many hours before it."""
    if lead_hours <= _SKILL_HOURS[0]:
        return _SKILL_SPREAD[0]
    if lead_hours >= _SKILL_HOURS[-1]:
        return _SKILL_SPREAD[-1]
    at = bisect_right(_SKILL_HOURS, lead_hours)
    low, high = _SKILL_HOURS[at - 1], _SKILL_HOURS[at]
    part = (lead_hours - low) / (high - low)
    return _SKILL_SPREAD[at - 1] + part * (_SKILL_SPREAD[at] - _SKILL_SPREAD[at - 1])


@dataclass(frozen=True, slots=True)
class DayPath:
    """What was knowable of an afternoon or a dawn, hour by hour: a martingale that ends at the truth."""

    falls_at: datetime
    first: datetime
    knowable: tuple[float, ...]
    truth: float

    def known_at(self, moment: datetime) -> float:
        """The best possible forecast in F at that moment, before rounding and before anyone's bias."""
        hour = math.floor((moment - self.first) / timedelta(hours=1))
        return self.knowable[min(max(hour, 0), len(self.knowable) - 1)]

    def unknown_at(self, moment: datetime) -> float:
        """Standard deviation in F of the truth around `known_at`."""
        return unknown_spread((self.falls_at - moment) / timedelta(hours=1))


class Truth:
    """The afternoons and dawns of one seed. Every answer is a pure function of seed, city and day."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.path = lru_cache(maxsize=4096)(self._path)

    def high(self, city: City, day: date) -> float:
        """The true maximum in F, not rounded."""
        return self.path(city, day).truth

    def dawn(self, city: City, day: date) -> float:
        """The true minimum at dawn in F. The evening of the climate day may be colder: see `Curve.minimum`."""
        return min(self.path(city, day, Extreme.LOW).truth, self.high(city, day) - NARROWEST_RANGE)

    def bias(self, city: City, extreme: Extreme = Extreme.HIGH) -> float:
        """The forecast's lasting error at this station in F: what a calibration has to learn."""
        return 0.6 * Draws(self.seed, *_drawn_as("bias", extreme), city.code).normal()

    def _path(self, city: City, day: date, extreme: Extreme = Extreme.HIGH) -> DayPath:
        hour = USUAL_HOUR[extreme]
        falls_at = datetime(day.year, day.month, day.day, hour, tzinfo=city.standard_time).astimezone(UTC)
        hours = range(int(_SKILL_HOURS[-1]), int(_SKILL_HOURS[0]) - 1, -1)
        news = Draws(self.seed, *_drawn_as("news", extreme), city.code, day)
        value = self._far_forecast(city, day) - (climate_of(city).daily_range if extreme is Extreme.LOW else 0)
        knowable = [value]
        for lead in hours[1:]:
            value += news.normal() * math.sqrt(unknown_spread(lead + 1) ** 2 - unknown_spread(lead) ** 2)
            knowable.append(value)
        truth = value + news.normal() * _SKILL_SPREAD[0]
        return DayPath(falls_at, falls_at - timedelta(hours=hours[0]), tuple(knowable), truth)

    def _far_forecast(self, city: City, day: date) -> float:
        """Climate plus the part of the anomaly that is foreseen days ahead."""
        climate = climate_of(city)
        foreseen = math.sqrt(max(climate.spread(day) ** 2 - _SKILL_SPREAD[-1] ** 2, 1.0))
        return climate.normal_high(day) + foreseen * self._anomaly(city, day)

    def _anomaly(self, city: City, day: date) -> float:
        """AR(1) as its moving average over the last days: needs no starting point."""
        total = sum(
            PERSISTENCE**back * Draws(self.seed, "anomaly", city.code, day - timedelta(days=back)).normal()
            for back in range(MEMORY_DAYS)
        )
        return total * math.sqrt(1 - PERSISTENCE**2)


def _drawn_as(what: str, extreme: Extreme) -> tuple[str, ...]:
    """The key of a draw. Highs have the one that they had when there were no lows: a seed keeps its world."""
    return (what,) if extreme is Extreme.HIGH else (what, str(extreme))
