"""The public weather of a simulated world: forecasts by issue time, hourly measurements, never the hidden truth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial

from milkbot.domain.cities import City, Extreme, Series, cities
from milkbot.simulator.weather import Forecast, Reading, report_times
from milkbot.simulator.world.curve import Curve
from milkbot.simulator.world.draws import Draws
from milkbot.simulator.world.truth import Truth

ISSUE_MINUTE = 46
ISSUE_HOURS = 6
PUBLICATION_DELAY = timedelta(minutes=4)
FORECAST_DAYS = 7
STATION_ERROR = 0.8
"""F by which the grid's cell differs from the station on a day: no later issue corrects it."""

LAST_UPDATE = timedelta(hours=6)
"""The grid's extreme is not corrected by what comes in later than this before it: the market is quicker than that."""

DAY_LAYER_ENDS = timedelta(hours=20)
"""The grid's daily maximum runs from 07:00 to 20:00 standard time; later that day it is gone from the forecast."""

NIGHT_LAYER_ENDS = timedelta(hours=9)
"""Its nightly minimum runs from 19:00 to 09:00, and names the day of the morning."""


PEAK_HOURS = (13.0, 18.0)
"""Hours of standard time between which a day's maximum falls."""

SURGE = 1.2
"""F by which an afternoon's last rise is out of the ordinary: an early afternoon's maximum does not tell the day's."""


class SimulatedWeather:
    """Forecasts whose error shrinks with lead, and a thermometer at each station."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.curve = lru_cache(maxsize=64)(self._true_curve)
        self._cell = lru_cache(maxsize=4096)(self._draw_cell)

    @property
    def cities(self) -> tuple[City, ...]:
        """Whose stations it serves."""
        return cities()

    def forecast(self, city: City, now: datetime) -> Forecast:
        """The newest forecast that is published."""
        issued = _issue_at(now - PUBLICATION_DELAY)
        high, dawn = (partial(self._issued, city, extreme, issued) for extreme in (Extreme.HIGH, Extreme.LOW))
        curve = Curve(city, high, dawn, lambda _: 15.0)
        first = now.replace(minute=0, second=0, microsecond=0)
        hours = [first + timedelta(hours=ahead) for ahead in range(24 * (FORECAST_DAYS - 1))]
        return Forecast(
            issued_at=issued,
            highs={day: round(high(day)) for day in _days(city, now, DAY_LAYER_ENDS)},
            lows={day: round(dawn(day)) for day in _days(city, now, NIGHT_LAYER_ENDS)},
            hourly={hour: round(curve.at(hour)) for hour in hours},
        )

    def published(self, city: City, extreme: Extreme, day: date, now: datetime) -> float:
        """What the newest published forecast has for a day in F, before it is rounded."""
        return self._issued(city, extreme, _issue_at(now - PUBLICATION_DELAY), day)

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:
        """Hourly measurements in [start, end] that are already published, newest first."""
        curve = self.curve(city)
        return [Reading(moment, round(curve.at(moment))) for moment in report_times(start, end, now)]

    def measured_maximum(self, city: City, day: date, at: datetime) -> float:
        """The highest temperature of that climate day so far in F, minus infinity before it has begun."""
        start, end = city.day_bounds(day)
        if at < start:
            return float("-inf")
        return self.curve(city).maximum_until(min(at, end - timedelta(minutes=1)))

    def measured_minimum(self, city: City, day: date, at: datetime) -> float:
        """The lowest temperature of that climate day so far in F, infinity before it has begun."""
        start, end = city.day_bounds(day)
        if at < start:
            return float("inf")
        curve = self.curve(city)
        return curve.minimum(day) if at >= end else curve.minimum_until(at)

    def official(self, series: Series, day: date) -> int:
        """The whole degrees Fahrenheit that settle a series' event."""
        if series.extreme is Extreme.LOW:
            return round(self.curve(series.city).minimum(day))
        return round(self._truth.high(series.city, day))

    def _issued(self, city: City, extreme: Extreme, issued: datetime, day: date) -> float:
        path = self._truth.path(city, day, extreme)
        best = path.known_at(min(issued, path.falls_at - LAST_UPDATE))
        return best + self._truth.bias(city, extreme) + STATION_ERROR * self._cell(city, extreme, day)

    def _true_curve(self, city: City) -> Curve:
        truth = self._truth
        own = (partial(of, city) for of in (truth.high, truth.dawn, self._peak_hour, self._surge))
        return Curve(city, *own)

    def _peak_hour(self, city: City, day: date) -> float:
        return Draws(self._truth.seed, "peak", city.code, day).between(*PEAK_HOURS)

    def _draw_cell(self, city: City, extreme: Extreme, day: date) -> float:
        return Draws(self._truth.seed, "cell", city.code, extreme, day).normal()

    def _surge(self, city: City, day: date) -> float:
        return SURGE * abs(Draws(self._truth.seed, "surge", city.code, day).normal())


def _days(city: City, now: datetime, ends: timedelta) -> list[date]:
    """The days of a daily layer: from the first whose window is not over."""
    today = city.climate_day_at(now)
    first = today if now < city.day_bounds(today)[0] + ends else today + timedelta(days=1)
    return [first + timedelta(days=ahead) for ahead in range(FORECAST_DAYS)]


def _issue_at(moment: datetime) -> datetime:
    """The last regular issue at or before a moment: 00:46, 06:46, 12:46 and 18:46 UTC."""
    first = datetime(moment.year, moment.month, moment.day, 0, ISSUE_MINUTE, tzinfo=UTC)
    periods = (moment - first) // timedelta(hours=ISSUE_HOURS)
    return first + periods * timedelta(hours=ISSUE_HOURS)
