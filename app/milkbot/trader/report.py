"""What one tick did: the row that it leaves, the line that it prints, the metrics file that it writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile


class Outcome(StrEnum):
    """How a tick ended."""

    COMPLETED = "completed"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(slots=True)
class TickReport:
    """Counts of one tick, filled while it runs. It has failed until its work is done."""

    tick_id: int
    started_at: datetime
    outcome: Outcome = Outcome.FAILED
    message: str | None = None
    finished_at: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """One sentence for the log and the terminal."""
        shown = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return f"tick {self.tick_id} {self.outcome}: {shown or 'nothing to do'}"


def write_metrics(path: Path, report: TickReport) -> None:
    """Write the tick's numbers in the Prometheus text format, atomically, for a textfile collector."""
    registry = CollectorRegistry()
    finished = report.finished_at or report.started_at
    stamp = Gauge("milkbot_tick_finished_timestamp_seconds", "When the newest tick finished.", registry=registry)
    stamp.set(finished.timestamp())
    Gauge("milkbot_tick_ok", "1 if the newest tick did not fail.", registry=registry).set(
        report.outcome is not Outcome.FAILED
    )
    Gauge("milkbot_tick_duration_seconds", "How long the newest tick took.", registry=registry).set(
        (finished - report.started_at).total_seconds()
    )
    counts = Gauge("milkbot_tick_count", "What the newest tick counted.", ["what"], registry=registry)
    for name, number in report.counts.items():
        counts.labels(name).set(number)
    write_to_textfile(str(path), registry)
