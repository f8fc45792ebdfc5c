"""The simulator's own time: the wall's, or one that only moves on request. It never goes backwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

LONGEST_JUMP = timedelta(days=366)
"""Every event of the time in between is listed and settled, which takes a while."""


class ClockMode(StrEnum):
    """Whose time it is."""

    WALL = "wall"
    VIRTUAL = "virtual"


@dataclass(slots=True)
class SimClock:
    """`latest` is the latest moment that was ever given out."""

    mode: ClockMode
    latest: datetime

    def now(self) -> datetime:
        """The present moment. A wall clock that was set back stands still here until it has caught up."""
        if self.mode is ClockMode.WALL:
            self.latest = max(self.latest, datetime.now(UTC))
        return self.latest

    def set_virtual(self, moment: datetime) -> None:
        """Stop at a moment that is not before now. Raises ValueError for an earlier one, and for one in years."""
        if moment < self.now():
            raise ValueError(f"now is {moment.isoformat()}, which is before the simulator's {self.latest.isoformat()}")
        if moment - self.latest > LONGEST_JUMP:
            raise ValueError(f"now is {moment.isoformat()}; time may go on by at most {LONGEST_JUMP.days} days at once")
        self.mode = ClockMode.VIRTUAL
        self.latest = moment

    def set_wall(self) -> None:
        """Follow the wall clock. Raises ValueError while the simulator is ahead of it."""
        wall = datetime.now(UTC)
        if wall < self.latest:
            raise ValueError(f"the simulator is at {self.latest.isoformat()}, ahead of the wall clock")
        self.mode = ClockMode.WALL
