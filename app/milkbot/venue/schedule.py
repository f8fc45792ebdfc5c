"""When the exchange trades: weekly hours in Eastern civil time, and maintenance that was announced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
_LOOK_AHEAD: Final = 8
"""Days in which the next pause is looked for: a week, and one for a pause that crosses midnight."""


@dataclass(frozen=True, slots=True)
class Pause:
    """No trading from `starts_at` until just before `ends_at`. Raises ValueError if it ends before it starts."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.ends_at < self.starts_at:
            raise ValueError(f"a pause from {self.starts_at.isoformat()} ends before, at {self.ends_at.isoformat()}")


@dataclass(frozen=True, slots=True)
class Week:
    """Trading sessions from Monday on, each (open, close) in Eastern time; a close at 00:00 is the end of that day."""

    valid_from: datetime
    valid_until: datetime
    sessions: tuple[tuple[tuple[time, time], ...], ...]

    def pauses_of(self, day: date) -> list[Pause]:
        """The gaps between that day's sessions."""
        edges = [_midnight(day)]
        for opens, closes in sorted(self.sessions[day.weekday()]):
            edges += [_at(day, opens), _midnight(day + timedelta(days=1)) if closes == time() else _at(day, closes)]
        edges.append(_midnight(day + timedelta(days=1)))
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [Pause(start, end) for start, end in pairs if start < end and self._is_valid(start)]

    def _is_valid(self, moment: datetime) -> bool:
        return self.valid_from <= moment < self.valid_until


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that the exchange announced."""

    weeks: tuple[Week, ...]
    maintenance: tuple[Pause, ...]

    def next_pause(self, now: datetime) -> Pause | None:
        """The pause that holds now, else the next one within a week; None where none was announced."""
        first = now.astimezone(EASTERN).date() - timedelta(days=1)
        days = [first + timedelta(days=n) for n in range(_LOOK_AHEAD + 1)]
        pauses = [pause for week in self.weeks for day in days for pause in week.pauses_of(day)]
        ahead = [pause for pause in _joined([*pauses, *self.maintenance]) if pause.ends_at > now]
        return ahead[0] if ahead else None


def _joined(pauses: list[Pause]) -> list[Pause]:
    """In order, those that touch made one."""
    whole: list[Pause] = []
    for pause in sorted(pauses, key=lambda pause: (pause.starts_at, pause.ends_at)):
        if whole and pause.starts_at <= whole[-1].ends_at:
            whole[-1] = Pause(whole[-1].starts_at, max(whole[-1].ends_at, pause.ends_at))
        else:
            whole.append(pause)
    return whole


def _at(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, EASTERN).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return _at(day, time())
