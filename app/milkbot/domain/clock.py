"""Time as an argument. The trading path asks a Clock and never the system, so that a recorded day can be run again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        ...

    def uptime(self) -> float:
        """Seconds since some fixed moment. They count on while the process is stopped or the machine sleeps, and no
        correction of the time moves them.
        """
        ...


class SystemClock:
    """The wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def uptime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a clock's uptime, after which something is too late."""

    clock: Clock
    uptime: float

    @classmethod
    def within(cls, clock: Clock, seconds: float) -> Self:
        """That many seconds from now."""
        return cls(clock, clock.uptime() + seconds)

    @property
    def passed(self) -> bool:
        """Whether it is too late by now."""
        return self.clock.uptime() > self.uptime
