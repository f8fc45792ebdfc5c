"""Cities, their settlement stations and their climate days."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class City:
    """Where one series settles."""

    code: str
    name: str
    series: str
    station: str
    climate_report: str
    latitude: float
    longitude: float
    utc_offset_hours: int
    time_zone: str
    cluster: str
    rules_phrases: tuple[str, ...]
    record_high_f: float
    record_low_f: float

    @property
    def standard_time(self) -> timezone:
        """Local standard time, the same all year: the climate day's clock (NWSI 10-1004)."""
        return timezone(timedelta(hours=self.utc_offset_hours))

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """First moment of a climate day and of the next one, in UTC."""
        start = datetime(day.year, day.month, day.day, tzinfo=self.standard_time).astimezone(UTC)
        return start, start + timedelta(days=1)

    def climate_day_at(self, moment: datetime) -> date:
        """The climate day that an aware moment belongs to."""
        return moment.astimezone(self.standard_time).date()

    def settles_by(self, rules: str) -> bool:
        """Whether a market's rules name this city's station. Unknown rules are not traded."""
        folded = " ".join(rules.split()).casefold()
        return any(phrase.casefold() in folded for phrase in self.rules_phrases)


@cache
def cities() -> tuple[City, ...]:
    """Every city of cities.toml, in its order."""
    text = resources.files("milkbot.domain").joinpath("cities.toml").read_text("utf-8")
    return tuple(City(**{**row, "rules_phrases": tuple(row["rules_phrases"])}) for row in tomllib.loads(text)["city"])


def city_of_series(series: str) -> City:
    """The city that a series settles in. Raises KeyError for a series that cities.toml does not list."""
    for city in cities():
        if city.series == series:
            return city
    raise KeyError(f"series {series} is not in cities.toml; add its station there after reading its rules")
