"""The public weather of a simulated world: forecasts by issue time, hourly measurements, never the hidden truth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from milkbot.domain.cities import City, cities
from milkbot.simulator.weather import Forecast, Reading, report_times
from milkbot.simulator.world.curve import Curve
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.truth import Truth

ISSUE_MINUTE = 46
ISSUE_HOURS = 6
PUBLICATION_DELAY = timedelta(minutes=4)
FORECAST_DAYS = 7
DAY_LAYER_ENDS = timedelta(hours=20)
"""The grid's daily maximum runs from 07:00 to 20:00 standard time; later that day it is gone from the forecast."""


class SimulatedWeather:
    """Forecasts whose error shrinks with lead, and a thermometer at each station."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._curve = lru_cache(maxsize=32)(self._true_curve)

    @property
    def cities(self) -> tuple[City, ...]:
        """Whose stations it serves."""
        return cities()

    def forecast(self, city: City, now: datetime) -> Forecast:
        """The newest forecast that is published."""
        issued = _issue_at(now - PUBLICATION_DELAY)
        today = city.climate_day_at(now)
        starts = today if now < city.day_bounds(today)[0] + DAY_LAYER_ENDS else today + timedelta(days=1)
        days = [starts + timedelta(days=ahead) for ahead in range(FORECAST_DAYS)]
        curve = Curve(city, lambda day: self._issued_high(city, day, issued), lambda _: 15.0)
        first = now.replace(minute=0, second=0, microsecond=0)
        hours = [first + timedelta(hours=ahead) for ahead in range(24 * (FORECAST_DAYS - 1))]
        return Forecast(
            issued_at=issued,
            highs={day: round(self._issued_high(city, day, issued)) for day in days},
            lows={day: round(curve.low(day)) for day in days},
            hourly={hour: round(curve.at(hour)) for hour in hours},
        )

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:
        """Hourly measurements in [start, end] that are already published, newest first."""
        curve = self._curve(city)
        return [Reading(moment, round(curve.at(moment))) for moment in report_times(start, end, now)]

    def measured_maximum(self, city: City, day: date, at: datetime) -> float:
        """The highest temperature of that climate day so far in F, minus infinity before it has begun."""
        start, end = city.day_bounds(day)
        if at < start:
            return float("-inf")
        return self._curve(city).maximum_until(min(at, end - timedelta(minutes=1)))

    def _issued_high(self, city: City, day: date, issued: datetime) -> float:
        return self._truth.path(city, day).known_at(issued) + self._truth.bias(city)

    def _true_curve(self, city: City) -> Curve:
        return Curve(city, lambda day: self._truth.high(city, day), lambda day: self._peak_hour(city, day))

    def _peak_hour(self, city: City, day: date) -> float:
        return Draws(self._truth.seed, "peak", city.code, day).between(13.5, 16.5)


def _issue_at(moment: datetime) -> datetime:
    """The last regular issue at or before a moment: 00:46, 06:46, 12:46 and 18:46 UTC."""
    first = datetime(moment.year, moment.month, moment.day, 0, ISSUE_MINUTE, tzinfo=UTC)
    periods = (moment - first) // timedelta(hours=ISSUE_HOURS)
    return first + periods * timedelta(hours=ISSUE_HOURS)
