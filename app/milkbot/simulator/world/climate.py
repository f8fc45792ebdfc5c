"""Each city's climate: what a daily high is before anyone has a forecast of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from milkbot.domain.cities import City


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
    "ATL": Climate(73, 18, 8.5, 4.5, 19, 205),
    "BOS": Climate(60, 23, 9.5, 8.0, 15, 205),
    "DAL": Climate(77, 20, 10.5, 5.0, 20, 215),
    "DCA": Climate(68, 22, 9.5, 6.0, 16, 203),
    "HOU": Climate(80, 15, 8.5, 3.5, 17, 215),
    "LAS": Climate(81, 23, 7.0, 5.0, 20, 203),
    "MSP": Climate(55, 30, 11.0, 6.5, 18, 203),
    "MSY": Climate(79, 15, 8.5, 3.0, 15, 213),
    "OKC": Climate(73, 22, 11.5, 6.0, 21, 211),
    "PHX": Climate(87, 20, 7.0, 4.5, 22, 200),
    "SAT": Climate(81, 16, 10.0, 4.0, 21, 217),
    "SEA": Climate(61, 16, 5.0, 7.0, 15, 213),
    "SFO": Climate(66, 7, 4.5, 6.0, 14, 255),
    "SAN": Climate(71, 6, 5.0, 4.0, 12, 232),
    "EWR": Climate(64, 23, 9.0, 6.5, 16, 204),
    "TTN": Climate(63, 23, 9.0, 6.5, 19, 203),
    "SDF": Climate(68, 23, 11.0, 5.5, 18, 203),
}
"""Rounded from published normals, good to a few degrees: enough for a plausible world, not for a forecast."""


def climate_of(city: City) -> Climate:
    """The climate of a city; one that nobody looked up yet is warmer and steadier the nearer it is to the equator."""
    return CLIMATES.get(city.code) or Climate(110 - 1.2 * city.latitude, 0.55 * city.latitude, 9.0, 6.0, 17, 205)
