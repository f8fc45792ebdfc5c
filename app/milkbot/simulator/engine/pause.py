"""The weekly maintenance: Thursday 03:00 to 05:00 Eastern trading pauses, cancels still work (reference 2.13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
THURSDAY = 3
FIRST_HOUR, END_HOUR = 3, 5


@dataclass(frozen=True, slots=True)
class Outage:
    """A pause that nobody announced: of trading alone, or of the whole exchange, in which not even a cancel works."""

    until: datetime
    whole_exchange: bool


def is_paused(moment: datetime) -> bool:
    """Whether orders are refused at that moment."""
    local = moment.astimezone(EASTERN)
    return local.weekday() == THURSDAY and FIRST_HOUR <= local.hour < END_HOUR


def resumes_at(moment: datetime) -> datetime | None:
    """The end of the pause that holds at that moment, None outside one."""
    if not is_paused(moment):
        return None
    return moment.astimezone(EASTERN).replace(hour=END_HOUR, minute=0, second=0, microsecond=0).astimezone(UTC)


def pauses_between(after: datetime, until: datetime) -> list[datetime]:
    """The beginnings of pauses in (after, until]."""
    day = after.astimezone(EASTERN).date()
    starts = []
    while day <= until.astimezone(EASTERN).date():
        start = datetime(day.year, day.month, day.day, FIRST_HOUR, tzinfo=EASTERN).astimezone(UTC)
        if day.weekday() == THURSDAY and after < start <= until:
            starts.append(start)
        day += timedelta(days=1)
    return starts
