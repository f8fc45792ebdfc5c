"""/simulator: read its state, move its clock, end its pause. Only for this machine, outside the exchange's paths."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.simulator.core import Simulator
from milkbot.simulator.engine.interventions import resume
from milkbot.simulator.loopback import forbidden, is_local
from milkbot.simulator.sim_clock import ClockMode


class ClockChange(BaseModel):
    """POST /simulator/clock: `now` goes with mode virtual only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ClockMode
    now: Annotated[AwareDatetime | None, Field()] = None


def router(simulator: Simulator) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/simulator")

    def described() -> dict[str, Any]:
        with simulator.turn() as state:
            ends_at: datetime | None = simulator.world.ends_at
            return {
                "now": state.now.isoformat(),
                "mode": simulator.clock.mode,
                "ends_at": None if ends_at is None else ends_at.isoformat(),
                "seed": state.seed,
                "world": simulator.world.name,
                "accounts": sorted(state.accounts),
            }

    @routes.get("/state")
    def state(request: Request) -> JSONResponse:
        return JSONResponse(described()) if is_local(request) else forbidden()

    @routes.post("/clock")
    def clock(request: Request, change: ClockChange) -> JSONResponse:
        if not is_local(request):
            return forbidden()
        try:
            simulator.set_clock(change.mode, change.now)
        except ValueError as error:
            return JSONResponse({"error": {"code": "clock_refused", "message": str(error)}}, 409)
        return JSONResponse(described())

    @routes.post("/resume")
    def resumed(request: Request) -> JSONResponse:
        if not is_local(request):
            return forbidden()
        with simulator.turn() as state:
            resume(state)
        return JSONResponse(described())

    return routes
