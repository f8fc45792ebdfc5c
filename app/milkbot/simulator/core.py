"""The simulator as one thing: state, world, clock and store behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from milkbot.errors import ConfigError
from milkbot.simulator.accounts import AccountEntry
from milkbot.simulator.engine.lifecycle import advance
from milkbot.simulator.engine.pause import Outage
from milkbot.simulator.engine.plan import World
from milkbot.simulator.engine.records import Market
from milkbot.simulator.engine.rejects import RejectError
from milkbot.simulator.engine.state import State
from milkbot.simulator.engine.stepping import refresh
from milkbot.simulator.fault_kinds import FaultKind
from milkbot.simulator.faults import FaultPlan
from milkbot.simulator.faulty.mirror import Mirror
from milkbot.simulator.sim_clock import ClockMode, SimClock
from milkbot.simulator.store import Store
from milkbot.simulator.weather import Weather

WARM_UP = timedelta(hours=48)
"""A new exchange has already listed what it would have listed in this time."""


class FullWorld(World, Protocol):
    """A world with its weather."""

    @property
    def weather(self) -> Weather:
        """The public weather."""
        ...

    @property
    def name(self) -> str:
        """What a stored state belongs to; another world cannot continue it."""
        ...

    @property
    def ends_at(self) -> datetime | None:
        """When nothing more will happen, None for a world without end."""
        ...


class Simulator:
    """Every request is one turn: time passes, the request acts, all is committed, and only then it is answered."""

    def __init__(self, store: Store, world: FullWorld, state: State, clock: SimClock) -> None:
        self._store = store
        self.world = world
        self.state = state
        self.clock = clock
        self.faults = FaultPlan()
        self.mirror = Mirror()
        self._lock = threading.RLock()

    @classmethod
    def open(cls, store: Store, world: FullWorld, seed: int, start: datetime, mode: ClockMode) -> Simulator:
        """Continue the stored state or begin a new one at `start`. Raises ConfigError for another world's state."""
        meta = store.meta()
        if meta:
            if meta["world"] != world.name:
                raise ConfigError([f"--state-dir holds {meta['world']}, not {world.name}; choose another directory"])
            now = datetime.fromisoformat(meta["now"])
            state = store.load(int(meta["seed"]), now, int(meta["sequence"]))
            state.outage = _outage_from(meta.get("outage", ""))
            state.reopened_until = _moment_from(meta.get("reopened_until", ""))
            return cls(store, world, state, SimClock(ClockMode(meta["mode"]), now))
        simulator = cls(store, world, State(seed, start - WARM_UP), SimClock(mode, start))
        advance(simulator.state, world, start)
        simulator.state.dirty = True
        simulator._save()
        return simulator

    @contextmanager
    def turn(self) -> Iterator[State]:
        """The state at the present moment, for one request. Raises whatever the request raises."""
        with self._lock:
            try:
                advance(self.state, self.world, self.clock.now())
                self._mirror(is_change=self.mirror.is_empty)
                yield self.state
            except RejectError:
                self._save()
                raise
            except BaseException:
                # Half of a change may be in memory: go back to what was committed.
                outage, reopened = self.state.outage, self.state.reopened_until
                self.state = self._store.load(self.state.seed, *self._committed())
                self.state.outage, self.state.reopened_until = outage, reopened
                raise
            self._save()

    def refreshed(self, ticker: str) -> Market | None:
        """A market with its book at the present moment, None if there is no such market. Only within a turn."""
        market = self.state.markets.get(ticker)
        if market is not None:
            refresh(self.state, self.world.house, market, self.state.now)
        return market

    def set_clock(self, mode: ClockMode, moment: datetime | None) -> None:
        """Change the clock and let that time pass. Raises ValueError for a change that is not possible."""
        with self._lock:
            if mode is ClockMode.WALL:
                if self.world.ends_at is not None:
                    raise ValueError("a recorded day runs on the virtual clock only")
                self.clock.set_wall()
            elif moment is None:
                raise ValueError("now is missing; the virtual clock needs an ISO moment with its offset")
            else:
                self.clock.set_virtual(moment)
            with self.turn() as state:
                state.dirty = True

    def enroll(self, entries: list[AccountEntry]) -> None:
        """Add accounts that are not there yet; those that exist keep their balance."""
        with self.turn() as state:
            for entry in entries:
                known = state.accounts.get(entry.key_id)
                account = entry.new_account() if known is None else known
                account.public_key_pem = entry.public_key_pem
                state.accounts[entry.key_id] = account
                state.touch(account)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._store.close()

    def set_faults(self, plan: FaultPlan) -> None:
        """Play that plan's faults from the next request on, and none of an earlier one's."""
        with self._lock:
            self.faults = plan
            self.mirror.forget()

    def _mirror(self, *, is_change: bool) -> None:
        """Keep the state for reads that lag, as long as there may be any."""
        if is_change and self.faults.plays(FaultKind.LAGGING_READS):
            self.mirror.note(self.state)

    def _committed(self) -> tuple[datetime, int]:
        meta = self._store.meta()
        return datetime.fromisoformat(meta["now"]), int(meta["sequence"])

    def _save(self) -> None:
        if not (self.state.touched or self.state.dirty):
            return
        self._mirror(is_change=True)
        state = self.state
        self._store.save(
            state,
            {
                "world": self.world.name,
                "seed": str(state.seed),
                "mode": self.clock.mode,
                "now": state.now.isoformat(),
                "sequence": str(state.sequence),
                "outage": _outage_to(state.outage),
                "reopened_until": "" if state.reopened_until is None else state.reopened_until.isoformat(),
            },
        )
        state.dirty = False


def _outage_to(outage: Outage | None) -> str:
    return "" if outage is None else f"{outage.until.isoformat()} {int(outage.whole_exchange)}"


def _outage_from(text: str) -> Outage | None:
    if not text:
        return None
    until, whole_exchange = text.split()
    return Outage(datetime.fromisoformat(until), whole_exchange == "1")


def _moment_from(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
