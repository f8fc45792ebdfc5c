"""/nws/stations: what was measured."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from milkbot.simulator.core import Simulator
from milkbot.simulator.nws import query, render
from milkbot.simulator.nws.caching import cached
from milkbot.simulator.nws.grid import city_with
from milkbot.simulator.nws.moment import now
from milkbot.simulator.nws.problems import not_found

OBSERVATION_AGE = 60
KEPT = timedelta(days=7)
"""How far back observations are served."""


def router(simulator: Simulator) -> APIRouter:
    """The routes, none of which changes anything."""
    routes = APIRouter(prefix=query.PREFIX)
    weather = simulator.world.weather

    @routes.get("/stations/{station}/observations")
    def observations(request: Request, station: str) -> Response:
        asked = query.checked(request, "start", "end", "limit", "cursor")
        city, at = city_with(weather.cities, station), now(simulator)
        start = max(query.moment(asked, "start", at - KEPT), at - KEPT)
        limit = query.limit(asked.get("limit", str(query.MOST_OBSERVATIONS)))
        readings = weather.readings(city, start, query.moment(asked, "end", at), at)[:limit]
        modified = readings[0].at if readings else start
        return cached(request, render.observations(query.base(request), city, readings), modified, OBSERVATION_AGE)

    @routes.get("/stations/{station}/observations/latest")
    def latest(request: Request, station: str) -> Response:
        query.checked(request, "require_qc")
        city, at = city_with(weather.cities, station), now(simulator)
        readings = weather.readings(city, at - KEPT, at, at)
        if not readings:
            raise not_found(f"No observation is published for {station}")
        body = {"@context": render.CONTEXT, **render.observation(query.base(request), city, readings[0])}
        return cached(request, body, readings[0].at, OBSERVATION_AGE)

    return routes
