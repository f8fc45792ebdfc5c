"""What a reply of the weather service says of a climate day: read live by the client, and later from a recording."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from milkbot.domain.cities import City
from milkbot.validation import reason
from milkbot.weather import wire
from milkbot.weather.intervals import parse_interval
from milkbot.weather.lows import ForecastExtreme, low_of_day
from milkbot.weather.values import Observation

_LONGEST_WINDOW: Final = timedelta(days=1)
_AFTERNOON: Final = timedelta(hours=15)
"""After the start of the climate day (local standard time): when the maximum usually falls."""
_log = structlog.get_logger(__name__)


def high_of_day(layers: wire.Grid, city: City, day: date) -> ForecastExtreme | None:
    """The forecast maximum of a climate day; None where the grid has none. Raises ValueError for an odd layer."""
    layer = layers.max_temperature
    highs = []
    for entry in layer.values:
        window = parse_interval(entry.valid_time)
        if entry.value is None or window.length > _LONGEST_WINDOW or city.climate_day_at(window.midpoint) != day:
            continue
        highs.append(wire.fahrenheit(entry.value, layer.unit or ""))
    return ForecastExtreme(max(highs), city.day_bounds(day)[0] + _AFTERNOON) if highs else None


def low_now(layers: wire.Grid, city: City, day: date, now: datetime) -> ForecastExtreme | None:
    """The forecast minimum of what is still to come of a climate day, as `milkbot.weather.lows` has it."""
    return low_of_day(layers.min_temperature, layers.temperature, city, day, now)


def observation(raw: object, station: str) -> Observation | None:
    """The temperature of a report; None where it has none, or is not understood."""
    try:
        seen = wire.ObservationFeature.model_validate(raw).properties
        reading = seen.temperature
        if seen.timestamp is None or reading is None or reading.value is None:
            return None
        temperature_f = wire.fahrenheit(reading.value, reading.unit)
        return Observation(station, seen.timestamp.astimezone(UTC), temperature_f, reading.letter)
    except ValueError as error:
        _log.warning("observation_not_understood", station=station, reason=reason(error))
        return None
