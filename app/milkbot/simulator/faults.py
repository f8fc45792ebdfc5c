"""Which faults the simulator plays, at which calls, and how often: switched in process or over HTTP.

A rule fires by its own count of matching calls and the plan's seed alone, so the same calls meet the same faults again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from milkbot.simulator.fault_kinds import FAULTS, WIRE, FaultKind
from milkbot.simulator.faulty.calls import check_call, is_call
from milkbot.simulator.world.draws import Draws

REMEMBERED = 1000
"""The newest faults that fired, which the plan still shows."""

_TIMING = frozenset({"fault", "call", "times", "probability", "after"})


class FaultRule(BaseModel):
    """One fault: what, at which call, `times` (None: without end) after the first `after` calls, with a probability."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: FaultKind
    call: Annotated[str, AfterValidator(check_call)] = ""
    times: Annotated[int, Field(ge=1)] | None = 1
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    after: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=-86_400, le=31 * 86_400)] = 0.0
    status: Annotated[int, Field(ge=500, le=599)] = 503
    accepted: bool = False
    count: Annotated[Decimal, Field(gt=0, decimal_places=2)] | None = None
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    parts: Annotated[int, Field(ge=1, le=20)] = 1
    ticker: str = ""
    high: Annotated[int, Field(ge=-100, le=150)] | None = None
    drift: Literal["added", "missing", "retyped"] = "added"
    field: str = ""
    whole_exchange: bool = False
    marine: bool = False
    flag: Literal["V", "S", "C", "Z", "G", "Q", "X", "B"] = "V"
    mangling: Literal["missing", "null", "retyped"] = "null"
    dollars: Annotated[Decimal, Field(gt=0, decimal_places=2)] = Decimal(500)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, body: object) -> object:
        """What a rule leaves out is what is usual for its fault."""
        if not isinstance(body, dict) or body.get("fault") not in set(FaultKind):
            return body
        fault = FAULTS[FaultKind(body["fault"])]
        usual: dict[str, object] = {"call": fault.call}
        if fault.seconds is not None:
            usual["seconds"] = fault.seconds
        return usual | {name: value for name, value in body.items() if value is not None or name == "times"}

    @model_validator(mode="after")
    def _takes_what_it_was_given(self) -> Self:
        takes = FAULTS[self.fault].takes
        strange = self.model_fields_set - _TIMING - {*takes}
        if strange:
            known = ", ".join(sorted(takes)) or "no parameter"
            raise ValueError(f"{self.fault} does not take {', '.join(sorted(strange))}; it takes {known}")
        if self.fault is FaultKind.SCHEMA_DRIFT and self.drift != "added" and not self.field:
            raise ValueError(f"schema_drift with drift {self.drift} needs the name of a field")
        return self


@dataclass(slots=True)
class Armed:
    """A rule with its place in the plan and its history."""

    rule: FaultRule
    place: int
    seen: int = 0
    fired: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it will never fire again."""
        return self.rule.times is not None and self.fired >= self.rule.times

    def fires(self, seed: int) -> bool:
        """Whether it fires at the next call that it matches."""
        self.seen += 1
        if self.is_spent or self.seen <= self.rule.after:
            return False
        return Draws(seed, "fault", self.place, self.seen).uniform() < self.rule.probability


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that hit a request; `draws` are the numbers by which it chooses, `seed` is that of its plan."""

    rule: FaultRule
    method: str
    path: str
    draws: Draws
    seed: int = 0


@dataclass(slots=True)
class FaultPlan:
    """The faults of one simulator. It is kept in memory: a simulator that is started again plays none."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    armed: list[Armed] = field(init=False)
    history: deque[Fired] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.armed = [Armed(rule, place) for place, rule in enumerate(self.rules)]

    @classmethod
    def seeded(cls, seed: int, probability: float = 0.02) -> FaultPlan:
        """Every fault there is, at moments and calls that the seed decides; `probability` is per call and fault."""
        draws = Draws(seed, "plan")
        rules = [_chaos(kind, draws, probability) for kind in FaultKind]
        return cls(tuple(rules), seed)

    def arm(self, *rules: FaultRule) -> None:
        """Add rules after those that are there."""
        with self._lock:
            first = len(self.armed)
            self.armed += [Armed(rule, first + place) for place, rule in enumerate(rules)]

    def clear(self) -> None:
        """Play no fault any more."""
        with self._lock:
            self.armed = []

    def plays(self, kind: FaultKind) -> bool:
        """Whether a fault of that kind may still fire."""
        return any(armed.rule.fault is kind and not armed.is_spent for armed in self.armed)

    def draw(self, method: str, path: str) -> tuple[Fired, ...]:
        """The faults that hit a request, its path without /trade-api/v2 (of the weather service's with /nws).

        Of those of the wire one at most.
        """
        found: list[Fired] = []
        with self._lock:
            for armed in self.armed:
                rule = armed.rule
                if not is_call(rule.call, method, path):
                    continue
                taken = rule.fault in WIRE and any(other.rule.fault in WIRE for other in found)
                if armed.fires(self.seed) and not taken:
                    armed.fired += 1
                    found.append(
                        Fired(rule, method, path, Draws(self.seed, "choice", armed.place, armed.seen), self.seed)
                    )
            self.history.extend(found)
        return tuple(found)


def rule(fault: FaultKind, **what: object) -> FaultRule:
    """A rule from its fields. Raises ValueError that names the field."""
    return FaultRule.model_validate({"fault": fault, **what})


def only(fired: Iterable[Fired], *kinds: FaultKind) -> Fired | None:
    """The first of those kinds."""
    return next((one for one in fired if one.rule.fault in kinds), None)


def _chaos(kind: FaultKind, draws: Draws, probability: float) -> FaultRule:
    """A rule of that kind for a run in which everything may go wrong."""
    what: dict[str, object] = {"after": int(draws.between(0, 40))}
    if FAULTS[kind].once:
        what |= {"times": 1, "after": int(draws.between(20, 400))}
    else:
        what |= {"times": None, "probability": min(1.0, probability * draws.between(0.5, 1.5))}
    if kind in {FaultKind.ACCEPTED_REPLY_LOST, FaultKind.OK_WITH_ERROR_BODY, FaultKind.DUPLICATE_CONFLICT}:
        what |= {"call": "write"}
    if kind in {FaultKind.PARTIAL_FILLS, FaultKind.FILL_WHILE_CANCELING, FaultKind.DUPLICATE_FILLS}:
        what |= {"probability": 0.5}
    return rule(kind, **what)
