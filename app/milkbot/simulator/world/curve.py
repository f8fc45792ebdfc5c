"""The temperature through the day: a minimum at dawn, the day's high in mid-afternoon, smooth in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, timedelta

from milkbot.domain.cities import City

DAWN_HOUR = 6.0
SURGE_HOURS = 1.0


class Curve:
    """Temperatures of one city around given afternoons and dawns (the truth's, or a forecast's)."""

    def __init__(
        self,
        city: City,
        high: Callable[[date], float],
        dawn: Callable[[date], float],
        peak_hour: Callable[[date], float],
        surge: Callable[[date], float] = lambda _: 0.0,
    ) -> None:
        self._city = city
        self._high = high
        self._dawn = dawn
        self._peak_hour = peak_hour
        self._surge = surge

    def minimum(self, day: date) -> float:
        """The minimum of the climate day in F: at dawn, or at its end where colder air comes in."""
        return min(self._midnight(day), self._dawn(day), self.evening(day))

    def evening(self, day: date) -> float:
        """The temperature at the end of the climate day in F."""
        return self._midnight(day + timedelta(days=1))

    def at(self, moment: datetime) -> float:
        """The temperature in F. Within a climate day it never exceeds that day's high and reaches it once."""
        local = moment.astimezone(self._city.standard_time)
        day, hour = local.date(), local.hour + local.minute / 60 + local.second / 3600
        peak = self._peak_hour(day)
        if hour < DAWN_HOUR:
            return _ease(self._midnight(day), self._dawn(day), hour / DAWN_HOUR)
        if hour < peak:
            return self._rising(day, hour, peak)
        return _ease(self._high(day), self._midnight(day + timedelta(days=1)), (hour - peak) / (24 - peak))

    def maximum_until(self, moment: datetime) -> float:
        """The highest temperature of the climate day so far, in F."""
        local = moment.astimezone(self._city.standard_time)
        day, hour = local.date(), local.hour + local.minute / 60
        if hour >= self._peak_hour(day):
            return self._high(day)
        return max(self._midnight(day), self.at(moment))

    def minimum_until(self, moment: datetime) -> float:
        """The lowest temperature of the climate day so far, in F."""
        local = moment.astimezone(self._city.standard_time)
        day, hour = local.date(), local.hour + local.minute / 60
        if hour < DAWN_HOUR:
            return min(self._midnight(day), self.at(moment))
        return min(self._midnight(day), self._dawn(day), self.at(moment))

    def _rising(self, day: date, hour: float, peak: float) -> float:
        """From dawn on a smooth way up, and in the last hour the rest of the high, which nothing announced."""
        high = self._high(day)
        shoulder = high - min(self._surge(day), (high - self._dawn(day)) / 2)
        begins = peak - SURGE_HOURS
        if hour < begins:
            return _ease(self._dawn(day), shoulder, (hour - DAWN_HOUR) / (begins - DAWN_HOUR))
        return shoulder + (high - shoulder) * (hour - begins) / SURGE_HOURS

    def _midnight(self, day: date) -> float:
        """At the start of a day: part of the way down from yesterday's high, never above either day's high."""
        falling = self._dawn(day) + 0.35 * (self._high(day - timedelta(days=1)) - self._dawn(day))
        return min(falling, self._high(day - timedelta(days=1)), self._high(day)) - 0.5


def _ease(start: float, end: float, part: float) -> float:
    """From start to end along half a cosine."""
    return start + (end - start) * (1 - math.cos(math.pi * part)) / 2
