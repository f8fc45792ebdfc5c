"""The simulator as one ASGI application."""

from __future__ import annotations

from email.utils import format_datetime

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milkbot.simulator import control, fault_control
from milkbot.simulator.connections import Connections
from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.rejects import RejectError, bad_request
from milkbot.simulator.exchange import (
    activity,
    batches,
    candle_routes,
    events,
    fixed,
    groups,
    history,
    markets,
    orders,
    percentiles,
    portfolio,
    queue,
    status,
)
from milkbot.simulator.exchange.desk import Desk
from milkbot.simulator.exchange.errors import refused
from milkbot.simulator.faulty.gate import FaultGate, skew_of
from milkbot.simulator.nws import grid_routes, query, station_routes
from milkbot.simulator.nws.problems import ProblemError, problem

EXCHANGE_PREFIX = "/trade-api/v2"


class OwnDate:
    """Dates every reply by the simulator's clock, so that a client's check of its own clock holds on a virtual one."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and date its reply."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = (self._simulator.clock.latest + skew_of(scope)).replace(microsecond=0)
                MutableHeaders(scope=message)["Date"] = format_datetime(now, usegmt=True)
            await send(message)

        await self._app(scope, receive, dated if scope["type"] == "http" else send)


def build_app(simulator: Simulator, connections: Connections | None = None) -> FastAPI:
    """Exchange, weather service and control of one simulator; with its connections, faults can reset them."""
    app = FastAPI(title="Milkbot simulator", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(simulator)
    exchange = APIRouter(prefix=EXCHANGE_PREFIX)
    narrow_first = (fixed, candle_routes, percentiles, batches, queue)
    for part in (*narrow_first, status, events, markets, orders, groups, portfolio, activity, history):
        exchange.include_router(part.router(desk))
    app.include_router(exchange)
    app.include_router(grid_routes.router(simulator))
    app.include_router(station_routes.router(simulator))
    app.include_router(control.router(simulator))
    app.include_router(fault_control.router(simulator))
    app.add_middleware(
        FaultGate,
        simulator=simulator,
        connections=connections or Connections(),
        exchange=EXCHANGE_PREFIX,
        weather=query.PREFIX,
    )
    app.add_middleware(OwnDate, simulator=simulator)
    _answer_errors(app)
    return app


def server_of(simulator: Simulator) -> uvicorn.Server:
    """The simulator as a server for sockets that are already bound."""
    connections = Connections()
    return uvicorn.Server(
        uvicorn.Config(
            build_app(simulator, connections),
            http=connections.protocol,
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
        )
    )


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(RejectError)
    def rejected(_: Request, error: RejectError) -> Response:
        return refused(error)

    @app.exception_handler(ProblemError)
    def weather_problem(request: Request, error: ProblemError) -> Response:
        return problem(request, error)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refused(bad_request(f"{first['loc'][-1]}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    def unrouted(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(query.PREFIX):
            return problem(request, ProblemError(error.status_code, "NotFound", "Not Found", "No such resource"))
        return refused(RejectError(error.status_code, "not_found", str(error.detail)))
