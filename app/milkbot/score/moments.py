"""Decision times: the same clock time of the station's city on each event, with daylight saving."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from milkbot.errors import MilkbotError
from milkbot.score.events import RecordedEvent

_FORM = re.compile(r"(?P<day>prev|day)(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)?")


class UnknownMomentError(MilkbotError):
    """A decision time that has not the form of one."""


@dataclass(frozen=True, slots=True)
class DecisionTime:
    """`prev18` is 18:00 of the evening before the climate day, `day10` 10:00 and `day1030` 10:30 of the day."""

    name: str
    days_before: int
    at: time

    def of(self, event: RecordedEvent) -> datetime:
        """The moment in UTC."""
        return event.series.city.moment(event.day - timedelta(days=self.days_before), self.at)


def parse(name: str) -> DecisionTime:
    """The decision time of that name. Raises UnknownMomentError."""
    found = _FORM.fullmatch(name.strip())
    if found is None:
        raise UnknownMomentError(
            f"--at {name}: no decision time; expected prevHH or dayHH such as prev18 and day10, or with minutes day1030"
        )
    at = time(int(found["hour"]), int(found["minute"] or 0))
    return DecisionTime(found[0], 1 if found["day"] == "prev" else 0, at)
