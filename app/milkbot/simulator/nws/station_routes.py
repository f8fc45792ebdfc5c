"""/nws/stations: what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from milkbot.simulator.core import Simulator
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faulty.gate import fired_at
from milkbot.simulator.nws import query, render
from milkbot.simulator.nws.caching import cached
from milkbot.simulator.nws.grid import city_with
from milkbot.simulator.nws.moment import now
from milkbot.simulator.nws.problems import not_found
from milkbot.simulator.weather import Reading

OBSERVATION_AGE = 60
ABSURD = 140
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
        readings = faulty(weather.readings(city, start, query.moment(asked, "end", at), at), request, at)[:limit]
        modified = readings[0].at if readings else start
        return cached(request, render.observations(query.base(request), city, readings), modified, OBSERVATION_AGE)

    @routes.get("/stations/{station}/observations/latest")
    def latest(request: Request, station: str) -> Response:
        query.checked(request, "require_qc")
        city, at = city_with(weather.cities, station), now(simulator)
        readings = faulty(weather.readings(city, at - KEPT, at, at), request, at)
        if not readings:
            raise not_found(f"No observation is published for {station}")
        body = {"@context": render.CONTEXT, **render.observation(query.base(request), city, readings[0])}
        return cached(request, body, readings[0].at, OBSERVATION_AGE)

    return routes


def faulty(readings: list[Reading], request: Request, at: datetime) -> list[Reading]:
    """The readings, newest first, with the faults that hit the request."""
    for one in fired_at(request.scope):
        kind, rule = one.rule.fault, one.rule
        if kind is FaultKind.OBSERVATIONS_EMPTY:
            readings = []
        elif kind is FaultKind.OBSERVATIONS_OLD:
            readings = [reading for reading in readings if reading.at <= at - timedelta(seconds=rule.seconds)]
        elif kind is FaultKind.OBSERVATION_WRONG:
            wrong = ABSURD if rule.high is None else rule.high
            readings = [replace(reading, fahrenheit=wrong, flag=rule.flag) for reading in readings[:1]] + readings[1:]
    return readings
