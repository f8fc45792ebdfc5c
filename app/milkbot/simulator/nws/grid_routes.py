"""/nws/points and /nws/gridpoints: where a place lies in the grid, and the grid's forecasts."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from milkbot.domain.cities import City
from milkbot.simulator.core import Simulator
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultRule, only
from milkbot.simulator.faulty.gate import fired_at
from milkbot.simulator.nws import query, render
from milkbot.simulator.nws.caching import cached
from milkbot.simulator.nws.grid import Place, cell_of, city_at, place_in
from milkbot.simulator.nws.moment import colder, issue, now
from milkbot.simulator.nws.problems import bad_parameter, not_found

POINT_AGE = 21_600
FORECAST_AGE = 300
_POINT = re.compile(r"^(-?\d{1,3}(?:\.\d+)?),(-?\d{1,3}(?:\.\d+)?)$")


def router(simulator: Simulator) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter(prefix=query.PREFIX)
    cities = simulator.world.weather.cities

    @routes.get("/points/{place}")
    def points(request: Request, place: str) -> Response:
        query.checked(request)
        found = _POINT.match(place)
        if not found:
            raise bad_parameter(f"Point {place} is not latitude,longitude")
        short = ",".join(render.degrees(float(part)) for part in found.groups())
        if any(len(part.partition(".")[2]) > render.POINT_DECIMALS for part in found.groups()):
            return RedirectResponse(f"{query.base(request)}/points/{short}", 301)
        latitude, longitude = map(float, found.groups())
        city = city_at(cities, latitude, longitude)
        return cached(
            request,
            render.point(query.base(request), city, cell_of(city, _moved(request)), latitude, longitude),
            query.midnight(now(simulator)),
            POINT_AGE,
        )

    @routes.get("/gridpoints/{office}/{cell}")
    def gridpoint(request: Request, office: str, cell: str) -> Response:
        query.checked(request)
        place, at = _place(cities, request, office, cell), now(simulator)
        forecast = issue(simulator, place.city, at)
        body = render.gridpoint(query.base(request), place, colder(forecast) if place.at_sea else forecast)
        return cached(request, body, at if place.at_sea else forecast.issued_at, FORECAST_AGE)

    @routes.get("/gridpoints/{office}/{cell}/forecast")
    def half_days(request: Request, office: str, cell: str) -> Response:
        return periods(request, office, cell, hourly=False)

    @routes.get("/gridpoints/{office}/{cell}/forecast/hourly")
    def hours(request: Request, office: str, cell: str) -> Response:
        return periods(request, office, cell, hourly=True)

    def periods(request: Request, office: str, cell: str, *, hourly: bool) -> Response:
        units = query.checked(request, "units").get("units", "us")
        if units not in {"us", "si"}:
            raise bad_parameter(f"units is {units}, expected us or si")
        city, at = _on_land(cities, request, office, cell), now(simulator)
        forecast = issue(simulator, city, at)
        body = render.periods(city, forecast, at, hourly=hourly, si=units == "si")
        return cached(request, body, forecast.issued_at, FORECAST_AGE)

    @routes.get("/gridpoints/{office}/{cell}/stations")
    def stations(request: Request, office: str, cell: str) -> Response:
        query.checked(request, "limit", "cursor")
        city = _on_land(cities, request, office, cell)
        return cached(request, render.stations(query.base(request), city), query.midnight(now(simulator)), POINT_AGE)

    return routes


def _place(cities: tuple[City, ...], request: Request, office: str, cell: str) -> Place:
    return place_in(cities, office, *query.cell(cell), _moved(request))


def _on_land(cities: tuple[City, ...], request: Request, office: str, cell: str) -> City:
    place = _place(cities, request, office, cell)
    if place.at_sea:
        raise not_found("Marine Forecast Not Supported")
    return place.city


def _moved(request: Request) -> FaultRule | None:
    fired = only(fired_at(request.scope), FaultKind.GRID_MOVED)
    return None if fired is None else fired.rule
