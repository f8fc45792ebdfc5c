"""What was seen in the time of each way of changing the version, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.deploy.load import Seen
from tests.deploy.load import Answer
from tests.deploy.sockets import Return


@dataclass(frozen=True, slots=True)
class Run:
    """One change of version: when it ran, how long it watched meanwhile, and until when what happens is its doing."""

    began: float
    ended: float
    settled: float
    watched: float = 0.0


@dataclass(slots=True)
class Way:
    """All runs of one way, and what the load saw in them."""

    name: str
    runs: list[Run] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    away: int = 0

    def take(self, seen: Seen) -> None:
        """Of what was seen, what belongs to these runs."""
        self.answers += [answer for answer in seen.answers if self._had(answer.sent)]
        self.returns += [back for back in seen.returns if self._had(back.closed)]
        self.away += sum(self._had(closed) for closed in seen.away)

    def _had(self, moment: float) -> bool:
        return any(run.began <= moment < run.settled for run in self.runs)


def show_durations(ways: Sequence[Way]) -> str:
    lines = [
        "| way | runs | seconds: median | least | most | median without the watch | answers | failed | slowest, ms |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way in ways:
        seconds = [run.ended - run.began for run in way.runs]
        bare = [run.ended - run.began - run.watched for run in way.runs]
        failed = sum(bool(answer.failure) for answer in way.answers)
        slowest = max(answer.seconds for answer in way.answers) * 1000
        figures = [f"{value:.1f}" for value in (median(seconds), min(seconds), max(seconds), median(bare))]
        cells = [way.name, str(len(way.runs)), *figures, str(len(way.answers)), str(failed), f"{slowest:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def show_load(ways: Sequence[Way]) -> str:
    lines = [
        "| way | p50, ms | p99, ms | p99.9, ms | sockets closed | by code | median return, s | slowest, s | not back |",
        "|---|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    for way in ways:
        seconds = sorted(answer.seconds for answer in way.answers)
        shares = [f"{seconds[int(share * (len(seconds) - 1))] * 1000:.0f}" for share in (0.5, 0.99, 0.999)]
        back = [entry.seconds for entry in way.returns] or [0.0]
        counted = sorted(Counter(entry.code for entry in way.returns).items())
        codes = ", ".join(f"{code}: {count}" for code, count in counted)
        returns = [f"{median(back):.1f}", f"{max(back):.1f}"]
        cells = [way.name, *shares, str(len(way.returns)), codes, *returns, str(way.away)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
