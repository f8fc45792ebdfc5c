"""What may go wrong at the exchange during one tick: its own faults, and a wire on which nothing is reached at all."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2
from hypothesis import strategies as st
from tests.property.floor import Floor
from tests.property.world import SERIES

from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan, FaultRule, rule

_CALLS = {
    FaultKind.ACCEPTED_REPLY_LOST: ("create", "create", "cancel", "write", "any"),
    FaultKind.DELAYED_REPLY: ("create", "create", "cancel", "any"),
    FaultKind.ERROR_BEFORE: ("create", "create", "cancel", "portfolio", "any", "observations"),
    FaultKind.ERROR_AFTER: ("create", "create", "cancel", "any"),
    FaultKind.OK_WITH_ERROR_BODY: ("create", "create", "cancel", "any"),
    FaultKind.DUPLICATE_CONFLICT: ("create", "cancel"),
    FaultKind.RATE_LIMITED: ("create", "cancel", "read", "any", "weather"),
    FaultKind.CONNECTION_RESET: ("create", "create", "cancel", "portfolio", "any", "weather"),
    FaultKind.OBJECT_MANGLED: ("orders", "fills", "positions", "settlements", "events", "books"),
}
"""Which calls a fault is played at; one that is not listed has one place only."""
_OFTEN = (
    FaultKind.ACCEPTED_REPLY_LOST,
    FaultKind.DELAYED_REPLY,
    FaultKind.ERROR_AFTER,
    FaultKind.OK_WITH_ERROR_BODY,
    FaultKind.PARTIAL_FILLS,
)
"""What leaves an order in doubt, or in part: drawn three times as often as the others."""
_SKIPPED = {"create": 1, "cancel": 1}
_ALWAYS = {
    FaultKind.LAGGING_READS,
    FaultKind.DUPLICATE_FILLS,
    FaultKind.REORDERED_FILLS,
    FaultKind.CLOCK_SKEW,
    FaultKind.OBSERVATIONS_EMPTY,
    FaultKind.OBSERVATIONS_OLD,
    FaultKind.SERIES_VANISHED,
    FaultKind.NULL_BOOK,
    FaultKind.CASH_ON_ANOTHER_SHARD,
}
_SECONDS = st.sampled_from([40.0, 600.0])
_DRAWN: dict[FaultKind, dict[str, st.SearchStrategy[object]]] = {
    FaultKind.MARKET_DEACTIVATED: {"seconds": _SECONDS},
    FaultKind.MARKET_HALTED: {"seconds": _SECONDS},
    FaultKind.OBJECT_MANGLED: {"mangling": st.sampled_from(["missing", "null", "retyped"]), "after": st.just(0)},
    FaultKind.SERIES_VANISHED: {"ticker": st.sampled_from(SERIES)},
}
"""What a rule of a kind says besides, each by its own draw."""
_DRIFTED = ("order_id", "client_order_id", "fill_id", "count_fp", "yes_price_dollars", "position_fp", "balance_dollars")


_OF_ONE = {
    FaultKind.SERIES_VANISHED,
    FaultKind.NULL_BOOK,
    FaultKind.GRID_MOVED,
    FaultKind.OBSERVATIONS_EMPTY,
    FaultKind.OBSERVATIONS_OLD,
    FaultKind.OBSERVATION_WRONG,
    FaultKind.MARKET_HALTED,
    FaultKind.CASH_ON_ANOTHER_SHARD,
}
"""Faults of one object, or of what one thermometer says: the rest of the tick goes on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The exchange's rules for a tick with the seed of their draws; `reached` requests get through at all."""

    rules: tuple[FaultRule, ...]
    seed: int
    reached: int | None

    @property
    def vanished(self) -> frozenset[str]:
        """The series that are not there."""
        return frozenset(one.ticker for one in self.rules if one.fault is FaultKind.SERIES_VANISHED)

    @property
    def stops_nothing(self) -> bool:
        """Whether a tick has to end well all the same: something of each kind is left to read."""
        odd = all(one.fault in _OF_ONE for one in self.rules)
        return odd and self.reached is None and self.vanished != frozenset(SERIES)


@st.composite
def rules(draw: st.DrawFn) -> FaultRule:
    """One rule of any kind, with what is usual for its kind."""
    kind = draw(st.sampled_from([*FaultKind, *_OFTEN, *_OFTEN]))
    what: dict[str, object] = {}
    if kind in _CALLS:
        call = draw(st.sampled_from(_CALLS[kind]))
        what = {"call": call, "after": draw(st.integers(0, _SKIPPED.get(call, 12))), "times": draw(st.integers(1, 5))}
    elif kind in _ALWAYS:
        what = {"times": None}
    what |= {name: draw(value) for name, value in _DRAWN.get(kind, {}).items()}
    if kind is FaultKind.OK_WITH_ERROR_BODY:
        what["accepted"] = draw(st.booleans())
    elif kind is FaultKind.PARTIAL_FILLS:
        what |= {"share": draw(st.sampled_from([0.0, 0.1, 0.5, 0.9])), "parts": draw(st.integers(1, 4)), "times": 3}
    elif kind is FaultKind.SCHEMA_DRIFT:
        drift = draw(st.sampled_from(["added", "missing", "retyped"]))
        what |= {"drift": drift, "field": "" if drift == "added" else draw(st.sampled_from(_DRIFTED)), "times": None}
    elif kind is FaultKind.MAINTENANCE_PAUSE:
        what |= {"seconds": draw(st.sampled_from([40.0, 600.0])), "whole_exchange": draw(st.booleans())}
    elif kind is FaultKind.GRID_MOVED:
        call = draw(st.sampled_from(["grid", "gridpoints"]))
        what |= {"marine": draw(st.booleans()), "call": call, "times": None}
    elif kind is FaultKind.OBSERVATION_WRONG:
        what |= {"high": draw(st.sampled_from([-40, 82, 95, 140])), "flag": draw(st.sampled_from("VX")), "times": None}
    return rule(kind, **what)


faults = st.builds(
    Fault,
    rules=st.lists(rules(), min_size=1, max_size=2).map(tuple),
    seed=st.integers(0, 1000),
    reached=st.none() | st.none() | st.none() | st.integers(0, 30),
)


def without(series: str) -> Fault:
    """A world that is sound but for one series, which is not there."""
    return Fault((rule(FaultKind.SERIES_VANISHED, ticker=series, times=None),), seed=0, reached=None)


class FaultyWire(httpx2.BaseTransport):
    """The wire to the exchange, with one fault at a time."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._reached: int | None = None

    def arm(self, fault: Fault | None) -> None:
        """Play that fault from now on; None ends all faults."""
        self._reached = fault.reached if fault else None
        self._floor.simulator.set_faults(FaultPlan(fault.rules, fault.seed) if fault else FaultPlan())

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._reached is not None:
            self._reached -= 1
            if self._reached < 0:
                raise httpx2.ConnectError("connection refused", request=request)
        return self._floor.transport.handle_request(request)
