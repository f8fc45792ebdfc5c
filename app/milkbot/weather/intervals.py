"""The weather service's ISO-8601 intervals, such as 2026-07-18T12:00:00+00:00/PT13H."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_DURATION: Final = re.compile(
    r"^P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?$"
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time with an aware start."""

    start: datetime
    length: timedelta

    @property
    def midpoint(self) -> datetime:
        """The moment half-way through: what decides the climate day of a daytime window."""
        return self.start + self.length / 2


@lru_cache(maxsize=16_384)
def parse_interval(text: str) -> Interval:
    """Start and duration. Raises ValueError for a start without offset, and for a duration that is none or zero."""
    start_text, _, duration_text = text.partition("/")
    found = _DURATION.match(duration_text)
    if not found:
        raise ValueError(f"interval is {text!r}, expected START/DURATION as in 2026-07-18T12:00:00+00:00/PT13H")
    start = datetime.fromisoformat(start_text)
    length = timedelta(**{unit: int(number) for unit, number in found.groupdict().items() if number is not None})
    if start.tzinfo is None or not length:
        raise ValueError(f"interval is {text!r}, expected an offset from UTC and a length above zero")
    return Interval(start, length)
