"""The hidden daily highs, and what is knowable of each at any hour before."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import City
from milkbot.simulator.world.climate import climate_of
from milkbot.simulator.world.draws import Draws

PERSISTENCE = 0.6
"""Correlation of one day's anomaly with the next (AR(1)), ordinary for mid-latitude highs."""

MEMORY_DAYS = 20
PEAK_HOUR = 15
"""Hour of local standard time from which forecast lead is counted."""

_SKILL_HOURS = (-3.0, 0.0, 3.0, 8.0, 22.0, 29.0, 48.0, 60.0)
_SKILL_SPREAD = (0.25, 0.6, 1.2, 2.1, 2.45, 2.7, 3.0, 3.3)
"""Hours before the peak, and the spread in F of what is then unknown (reference: 2.1 same morning .. 3.3 far out)."""


def unknown_spread(lead_hours: float) -> float:
    """Standard deviation in F of the high around the best forecast, that many hours before the peak."""
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
    """What was knowable of one day's high, hour by hour: a martingale that ends at the truth."""

    peak: datetime
    first: datetime
    knowable: tuple[float, ...]
    high: float

    def known_at(self, moment: datetime) -> float:
        """The best possible forecast in F at that moment, before rounding and before anyone's bias."""
        hour = math.floor((moment - self.first) / timedelta(hours=1))
        return self.knowable[min(max(hour, 0), len(self.knowable) - 1)]

    def unknown_at(self, moment: datetime) -> float:
        """Standard deviation in F of the high around `known_at`."""
        return unknown_spread((self.peak - moment) / timedelta(hours=1))


class Truth:
    """The highs of one seed. Every answer is a pure function of seed, city and day."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.path = lru_cache(maxsize=512)(self._path)

    def high(self, city: City, day: date) -> float:
        """The true maximum in F, not rounded."""
        return self.path(city, day).high

    def official_high(self, city: City, day: date) -> int:
        """The whole degrees Fahrenheit that settle the market."""
        return round(self.high(city, day))

    def bias(self, city: City) -> float:
        """The forecast's lasting error at this station in F: what a calibration has to learn."""
        return 0.6 * Draws(self.seed, "bias", city.code).normal()

    def _path(self, city: City, day: date) -> DayPath:
        peak = datetime(day.year, day.month, day.day, PEAK_HOUR, tzinfo=city.standard_time).astimezone(UTC)
        hours = range(int(_SKILL_HOURS[-1]), int(_SKILL_HOURS[0]) - 1, -1)
        news = Draws(self.seed, "news", city.code, day)
        value = self._far_forecast(city, day)
        knowable = [value]
        for lead in hours[1:]:
            value += news.normal() * math.sqrt(unknown_spread(lead + 1) ** 2 - unknown_spread(lead) ** 2)
            knowable.append(value)
        high = value + news.normal() * _SKILL_SPREAD[0]
        return DayPath(peak, peak - timedelta(hours=hours[0]), tuple(knowable), high)

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
