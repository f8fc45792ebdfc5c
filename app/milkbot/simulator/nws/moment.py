"""The present moment, and what is published by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from milkbot.domain.cities import City
from milkbot.simulator.core import Simulator
from milkbot.simulator.nws.problems import not_found
from milkbot.simulator.weather import Forecast

DEGREES_COLDER = 15
"""By how much the forecast of a cell at sea is lower: it would move every bracket."""


def now(simulator: Simulator) -> datetime:
    """The simulator's time, after letting it pass."""
    with simulator.turn() as state:
        return state.now


def issue(simulator: Simulator, city: City, at: datetime) -> Forecast:
    """The newest forecast. Raises ProblemError (404) before the first one."""
    forecast = simulator.world.weather.forecast(city, at)
    if forecast is None:
        raise not_found(f"No forecast is published for {city.station} yet")
    return forecast


def colder(forecast: Forecast) -> Forecast:
    """The same of a cell at sea."""
    return replace(
        forecast,
        highs={day: high - DEGREES_COLDER for day, high in forecast.highs.items()},
        lows={day: low - DEGREES_COLDER for day, low in forecast.lows.items()},
        hourly={hour: value - DEGREES_COLDER for hour, value in forecast.hourly.items()},
    )
