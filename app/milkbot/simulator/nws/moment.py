"""The present moment, and what is published by then."""

from __future__ import annotations

from datetime import datetime

from milkbot.domain.cities import City
from milkbot.simulator.core import Simulator
from milkbot.simulator.nws.problems import not_found
from milkbot.simulator.weather import Forecast


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
