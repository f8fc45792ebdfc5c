"""Each city's climate: what a daily high is before anyone has a forecast of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from milkbot.domain.cities import City, cities


@dataclass(frozen=True, slots=True)
class Climate:
    """Degrees Fahrenheit: yearly mean of the high, its half-swing, spread in winter and summer, daily range.

    `warmest_day` is the day of the year on which the mean peaks.
    """

    mean: float
    swing: float
    winter_spread: float
    summer_spread: float
    daily_range: float
    warmest_day: int

    def normal_high(self, day: date) -> float:
        """The mean high of that day of the year."""
        return self.mean + self.swing * self._season(day)

    def spread(self, day: date) -> float:
        """Standard deviation of the high around its mean."""
        warmth = (self._season(day) + 1) / 2
        return self.winter_spread + (self.summer_spread - self.winter_spread) * warmth

    def _season(self, day: date) -> float:
        return math.cos(2 * math.pi * (day.timetuple().tm_yday - self.warmest_day) / 365.25)


CLIMATES = {
    "NYC": Climate(62, 23, 9.0, 6.0, 13, 204),
    "CHI": Climate(59, 26, 10.5, 6.5, 15, 203),
    "MIA": Climate(84, 7, 5.0, 2.2, 12, 215),
    "LAX": Climate(71, 6, 6.0, 4.5, 13, 232),
    "AUS": Climate(80, 18, 10.0, 4.5, 20, 214),
    "DEN": Climate(65, 22, 12.0, 7.0, 26, 205),
    "PHL": Climate(65, 23, 9.0, 6.0, 16, 203),
}
"""Rounded from published normals, good to a few degrees: enough for a plausible world, not for a forecast."""

CITIES: tuple[City, ...] = tuple(city for city in cities() if city.code in CLIMATES)
"""The seven oldest series, the ones that this world lists."""
