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


@dataclass(slots=True)
class TickReport:
    """Counts of one tick, filled while it runs. It has failed until its work is done.

    `forecasts`: by city code, when the oldest forecast that was read for it was issued.
    """

    tick_id: int
    started_at: datetime
    outcome: Outcome = Outcome.FAILED
    message: str | None = None
    finished_at: datetime | None = None
    counts: TickCounts = field(default_factory=TickCounts)
    blocked_events: int = 0
    forecasts: dict[str, datetime] = field(default_factory=dict)

    def line(self) -> str:
        """One sentence for the log and the terminal."""
        shown = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.row().items()))
        return f"tick {self.tick_id} {self.outcome}: {shown or 'nothing to do'}"
