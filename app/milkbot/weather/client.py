"""The weather service as the rest of the program sees it: degrees Fahrenheit, climate days, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import structlog
from pydantic import BaseModel

from milkbot.domain.cities import City
from milkbot.domain.clock import Clock
from milkbot.http import Backoff, Traffic, Transport
from milkbot.validation import reason
from milkbot.weather import wire
from milkbot.weather.errors import WeatherReadError
from milkbot.weather.intervals import parse_interval
from milkbot.weather.transport import BACKOFF, WeatherSession
from milkbot.weather.values import GridPoint, HighForecast, Observation

_POINT_SECONDS: Final = 24 * 3600.0
_OBSERVATIONS_A_CALL: Final = 500
_LONGEST_WINDOW: Final = timedelta(days=1)

_Wire = TypeVar("_Wire", bound=BaseModel)
_log = structlog.get_logger(__name__)


class WeatherClient:
    """Forecasts and observations of api.weather.gov or of what speaks like it. All reads raise WeatherReadError.

    `cache_seconds` is how long a forecast is used again at least; `cache_directory` lets it outlive the process.
    """

    def __init__(
        self,
        base_url: str,
        user_agent: str,
        clock: Clock,
        cache_seconds: float,
        transport: Transport | None = None,
        cache_directory: Path | None = None,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._cache_seconds = cache_seconds
        self._session = WeatherSession(base_url, user_agent, clock, transport, cache_directory, backoff)

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent so far, repeated ones too; what the cache answered is none."""
        return self._session.traffic

    def point(self, city: City) -> GridPoint:
        """The grid cell of a city's station, kept for a day: the mapping changes rarely, but it does."""
        path = f"/points/{_coordinate(city.latitude)},{_coordinate(city.longitude)}"
        kept = self._session.read_cached(path, max(self._cache_seconds, _POINT_SECONDS))
        found = _parsed(path, wire.PointReply, kept.body).properties
        return GridPoint(found.office, found.x, found.y)

    def high_forecast(self, city: City, day: date) -> HighForecast | None:
        """The forecast maximum of a climate day; None where the grid has none for it, never a default.

        The grid's maximum is that of a daytime window (07:00 local, 13 hours); its midpoint names the climate day.
        """
        cell = self.point(city)
        path = f"/gridpoints/{cell.office}/{cell.x},{cell.y}"
        kept = self._session.read_cached(path, self._cache_seconds)
        grid = _parsed(path, wire.GridReply, kept.body).properties
        try:
            high_f = _high_of_day(grid.max_temperature, city, day)
        except ValueError as error:
            raise WeatherReadError(f"weather service: GET {path}: {error}") from error
        if high_f is None:
            return None
        return HighForecast(city.station, day, high_f, grid.update_time.astimezone(UTC), kept.confirmed_at)

    def observations(self, city: City, start: datetime, end: datetime) -> list[Observation]:
        """Usable temperatures at a city's station in that time, oldest first. Reports lag by some twenty minutes."""
        path = f"/stations/{city.station}/observations"
        params = [("start", _instant(start)), ("end", _instant(end)), ("limit", str(_OBSERVATIONS_A_CALL))]
        reply = self._session.read(path, params)
        features = _parsed(path, wire.ObservationsReply, reply.content).features
        if len(features) >= _OBSERVATIONS_A_CALL:
            raise WeatherReadError(f"weather service: GET {path}: more than one page; ask for a shorter time")
        found = {o.observed_at: o for raw in features if (o := _observation(raw, city.station)) is not None}
        return [found[moment] for moment in sorted(found)]

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()


def _high_of_day(layer: wire.GridLayer, city: City, day: date) -> float | None:
    highs = []
    for entry in layer.values:
        window = parse_interval(entry.valid_time)
        if entry.value is None or window.length > _LONGEST_WINDOW or city.climate_day_at(window.midpoint) != day:
            continue
        highs.append(wire.fahrenheit(entry.value, layer.unit or ""))
    return max(highs, default=None)


def _observation(raw: object, station: str) -> Observation | None:
    try:
        seen = wire.ObservationFeature.model_validate(raw).properties
        measured = seen.temperature
        if seen.timestamp is None or measured is None or measured.value is None or not measured.usable:
            return None
        return Observation(station, seen.timestamp.astimezone(UTC), wire.fahrenheit(measured.value, measured.unit))
    except ValueError as error:
        _log.warning("observation_not_understood", station=station, reason=reason(error))
        return None


def _parsed(path: str, model: type[_Wire], body: bytes) -> _Wire:
    try:
        return model.model_validate_json(body)
    except ValueError as error:
        raise WeatherReadError(f"weather service: GET {path}: the answer is not understood: {reason(error)}") from error


def _coordinate(degrees: float) -> str:
    """At most four decimals and no trailing zeros: the service redirects every other spelling."""
    return f"{degrees:.4f}".rstrip("0").rstrip(".")


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
