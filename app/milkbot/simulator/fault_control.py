"""Switching faults on and off: /simulator/faults, only from the machine itself, or a file as the simulator starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse

from milkbot.errors import ConfigError
from milkbot.simulator.core import Simulator
from milkbot.simulator.faults import FaultPlan, FaultRule
from milkbot.simulator.loopback import forbidden, is_local
from milkbot.validation import reason


class FaultSetup(BaseModel):
    """POST /simulator/faults: rules with the seed of their draws, or `seeded` for every fault at times of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    seeded: int | None = None
    probability: Annotated[float, Field(gt=0, le=1)] = 0.02

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.rules) == (self.seeded is not None):
            raise ValueError("give either rules or seeded")
        return self

    def plan(self) -> FaultPlan:
        """The plan that is asked for."""
        if self.seeded is not None:
            return FaultPlan.seeded(self.seeded, self.probability)
        return FaultPlan(self.rules, self.seed)


def read_faults(path: Path) -> FaultPlan:
    """The plan in a file of the same form as the POST's body. Raises ConfigError that names the file and the field."""
    try:
        return FaultSetup.model_validate_json(path.read_bytes()).plan()
    except OSError as error:
        raise ConfigError([f"--faults {path} cannot be read: {error.strerror}"]) from None
    except ValidationError as error:
        raise ConfigError([f"--faults {path}, {row}" for row in reason(error).split("; ")]) from None


def router(simulator: Simulator) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/simulator/faults")

    @routes.get("")
    def shown(request: Request) -> JSONResponse:
        return JSONResponse(_shown(simulator)) if is_local(request) else forbidden()

    @routes.post("")
    def switch_on(request: Request, setup: FaultSetup) -> JSONResponse:
        if not is_local(request):
            return forbidden()
        simulator.set_faults(setup.plan())
        return JSONResponse(_shown(simulator))

    @routes.delete("")
    def switch_off(request: Request) -> JSONResponse:
        if not is_local(request):
            return forbidden()
        simulator.set_faults(FaultPlan())
        return JSONResponse(_shown(simulator))

    return routes


def _shown(simulator: Simulator) -> dict[str, Any]:
    plan = simulator.faults
    return {
        "seed": plan.seed,
        "rules": [
            {**each.rule.model_dump(mode="json", exclude_unset=True), "seen": each.seen, "fired": each.fired}
            for each in plan.armed
        ],
        "history": [{"fault": one.rule.fault, "call": f"{one.method} {one.path}"} for one in plan.history],
    }
