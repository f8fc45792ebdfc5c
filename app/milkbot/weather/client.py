"""The weather service as the rest of the program sees it: degrees Fahrenheit, climate days, UTC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
from pydantic import BaseModel

from milkbot.domain.cities import City
from milkbot.domain.clock import Clock
from milkbot.http import Backoff, Traffic, Transport
from milkbot.validation import reason
from milkbot.weather import wire
from milkbot.weather.cache import CachedReply
from milkbot.weather.cells import check_cell
from milkbot.weather.errors import ElsewhereError, NotFoundError, WeatherReadError
from milkbot.weather.lows import ForecastExtreme
from milkbot.weather.measured import BEFORE, Measured, measured
from milkbot.weather.replies import high_of_day, low_now, observation
from milkbot.weather.transport import BACKOFF, WeatherSession
from milkbot.weather.values import ExtremeForecast, GridPoint, Observation

_POINT_SECONDS: Final = 24 * 3600.0
_POINT_AGAIN_SECONDS: Final = 60.0
"""A cell that was read so recently is not asked for again, however little it fits."""
_OBSERVATIONS_A_CALL: Final = 500

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
        self._clock = clock
        self._grids: dict[str, tuple[bytes, wire.GridReply]] = {}
        self._session = WeatherSession(base_url, user_agent, clock, transport, cache_directory, backoff)

    @property
    def traffic(self) -> Traffic:
        """The requests that were sent so far, repeated ones too; what the cache answered is none."""
        return self._session.traffic

    def point(self, city: City) -> GridPoint:
        """The grid cell of a city's station, kept for a day: the mapping changes rarely, but it does."""
        path = _point_path(city)
        return _point(path, self._session.read_cached(path, max(self._cache_seconds, _POINT_SECONDS)).body)

    def grid_reply(self, city: City) -> CachedReply:
        """The raw grid of the cell of a city's station, as it was sent. Raises ElsewhereError as high_forecast does."""
        return self._grid(city).kept

    def high_forecast(self, city: City, day: date) -> ExtremeForecast | None:
        """The forecast maximum of a climate day; None where the grid has none for it, never a default.

        The grid's maximum is that of a daytime window (07:00 local, 13 hours); its midpoint names the climate day.
        Raises ElsewhereError for a cell that is not the station's, also after /points was asked again.
        """
        return self._forecast(city, day, high_of_day)

    def low_forecast(self, city: City, day: date) -> ExtremeForecast | None:
        """The forecast minimum of what is still to come of a climate day; None where the grid does not reach its end.

        `milkbot.weather.lows` says which night and which hours a climate day has. Raises as `high_forecast` does.
        """
        return self._forecast(city, day, partial(low_now, now=self._clock.now()))

    def _forecast(
        self, city: City, day: date, read: Callable[[wire.Grid, City, date], ForecastExtreme | None]
    ) -> ExtremeForecast | None:
        grid = self._grid(city)
        try:
            found = read(grid.layers, city, day)
        except ValueError as error:
            raise WeatherReadError(f"weather service: GET {grid.kept.path}: {error}") from error
        if found is None:
            return None
        issued_at = grid.layers.update_time.astimezone(UTC)
        return ExtremeForecast(
            city.station, day, found.degrees_f, found.falls_at, issued_at, grid.kept.confirmed_at, grid.cell
        )

    def measured(self, city: City, start: datetime, end: datetime) -> Measured:
        """What the city's station measured from the start of a climate day on, with what is not plausible left out."""
        return measured(self.observations(city, start - BEFORE, end), city, start)

    def observations(self, city: City, start: datetime, end: datetime) -> list[Observation]:
        """Every temperature of a city's station in that time, oldest first, whatever its quality.

        Reports lag by some twenty minutes.
        """
        found = {
            o.observed_at: o
            for raw in self.reports(city, start, end)
            if (o := observation(raw, city.station)) is not None
        }
        return [found[moment] for moment in sorted(found)]

    def reports(self, city: City, start: datetime, end: datetime) -> tuple[object, ...]:
        """The reports of a city's station in that time as they were sent, newest first."""
        path = f"/stations/{city.station}/observations"
        params = [("start", _instant(start)), ("end", _instant(end)), ("limit", str(_OBSERVATIONS_A_CALL))]
        reply = self._session.read(path, params)
        features = _parsed(path, wire.ObservationsReply, reply.content).features
        if len(features) >= _OBSERVATIONS_A_CALL:
            raise WeatherReadError(f"weather service: GET {path}: more than one page; ask for a shorter time")
        return features

    def close(self) -> None:
        """Drop the connections."""
        self._session.close()

    def _grid(self, city: City) -> _Grid:
        """The grid of the station's cell. Where the kept cell is gone or elsewhere, /points is asked again, once."""
        cell = self.point(city)
        try:
            return self._grid_of(city, cell)
        except (NotFoundError, ElsewhereError) as error:
            path = _point_path(city)
            renewed = _point(path, self._session.read_again(path, _POINT_AGAIN_SECONDS).body)
            if renewed == cell:
                raise
            _log.warning("forecast_cell_moved", station=city.station, old=str(cell), new=str(renewed), why=str(error))
            return self._grid_of(city, renewed)

    def _grid_of(self, city: City, cell: GridPoint) -> _Grid:
        path = f"/gridpoints/{cell}"
        kept = self._session.read_cached(path, self._cache_seconds)
        reply = self._parsed_grid(path, kept.body)
        check_cell(city, str(cell), reply.geometry)
        return _Grid(cell, reply.properties, kept)

    def _parsed_grid(self, path: str, body: bytes) -> wire.GridReply:
        """The grid of a reply: a long one, which each event of a city needs and only one parses."""
        before = self._grids.get(path)
        if before is None or before[0] != body:
            before = self._grids[path] = (body, _parsed(path, wire.GridReply, body))
        return before[1]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The layers of a cell, and the reply that they were in."""

    cell: GridPoint
    layers: wire.Grid
    kept: CachedReply


def _point_path(city: City) -> str:
    return f"/points/{_coordinate(city.latitude)},{_coordinate(city.longitude)}"


def _point(path: str, body: bytes) -> GridPoint:
    found = _parsed(path, wire.PointReply, body).properties
    return GridPoint(found.office, found.x, found.y)


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
