"""What one tick did: the row that it leaves, and the line that it prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from milkbot.trader.counts import TickCounts


class Outcome(StrEnum):
    """How a tick ended."""

    COMPLETED = "completed"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CityReport:
    """What a tick saw of a city's weather: its oldest forecast, its newest measurement, and what is wrong with them.

    `cell`: where in the forecast grid. `left_out`: measurements that are not plausible.
    """

    issued_at: datetime | None = None
    cell: str | None = None
    observed_at: datetime | None = None
    left_out: int = 0
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class TickReport:
    """Counts of one tick, filled while it runs. It has failed until its work is done.

    `weather`: by city code, for the cities that it read an event of. `missing`: by series, how many markets that were
    due were not seen.
    """

    tick_id: int
    started_at: datetime
    outcome: Outcome = Outcome.FAILED
    message: str | None = None
    finished_at: datetime | None = None
    counts: TickCounts = field(default_factory=TickCounts)
    blocked_events: int = 0
    weather: dict[str, CityReport] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """One sentence for the log and the terminal."""
        shown = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.row().items()))
        return f"tick {self.tick_id} {self.outcome}: {shown or 'nothing to do'}"
