"""What a world gives the weather service: whole degrees Fahrenheit by issue time, as the real service carries them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from milkbot.domain.cities import City

REPORT_MINUTE = 53
REPORT_DELAY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Forecast:
    """One issue. A world that has no lows or hourly values leaves them empty; a recorded one has the `raw` grid."""

    issued_at: datetime
    highs: dict[date, int]
    lows: dict[date, int]
    hourly: dict[datetime, int]
    raw: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One published measurement in whole degrees Fahrenheit, with the letter of its quality control.

    A recorded one is `raw`, as it was sent.
    """

    at: datetime
    fahrenheit: int
    flag: str = "V"
    raw: dict[str, Any] | None = None


class Weather(Protocol):
    """The public side of a world's weather."""

    @property
    def cities(self) -> tuple[City, ...]:
        """Whose stations it serves."""
        ...

    def forecast(self, city: City, now: datetime) -> Forecast | None:
        """The newest issue that is published at `now`, None where there is none."""
        ...

    def readings(self, city: City, start: datetime, end: datetime, now: datetime) -> list[Reading]:
        """Measurements in [start, end] that are published at `now`, newest first."""
        ...


def report_times(start: datetime, end: datetime, now: datetime) -> Iterator[datetime]:
    """When a station reported within [start, end], newest first: each hour, published a little later."""
    last = min(end, now - REPORT_DELAY)
    moment = last.replace(minute=REPORT_MINUTE, second=0, microsecond=0)
    if moment > last:
        moment -= timedelta(hours=1)
    while moment >= start:
        yield moment
        moment -= timedelta(hours=1)
