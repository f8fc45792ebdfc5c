"""Cities, their settlement stations, their series and their climate days."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

TABLE = resources.files("milkbot.domain").joinpath("cities.toml")


class Extreme(StrEnum):
    """Which of a climate day's temperatures a series settles on."""

    HIGH = "high"
    LOW = "low"


_SAID_AS = {
    Extreme.HIGH: ("highest temperature", "maximum temperature"),
    Extreme.LOW: ("lowest temperature", "minimum temperature"),
}
"""How rules name the extreme."""


@dataclass(frozen=True, slots=True)
class City:
    """A settlement station, and the tickers of the series that settle there (None: not listed, or not confirmed)."""

    code: str
    name: str
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
    evidence: tuple[str, ...]
    high: str | None = None
    low: str | None = None

    def __hash__(self) -> int:
        """Of the code alone: cities are keys of caches that are asked for every quote."""
        return hash(self.code)

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

    def moment(self, day: date, at: time) -> datetime:
        """The moment in UTC when the city's clocks, with daylight saving, show that time on that date.

        A time that the spring's change of clocks leaves out is taken an hour later.
        """
        return datetime.combine(day, at, ZoneInfo(self.time_zone)).astimezone(UTC)

    def settles_by(self, rules: str) -> bool:
        """Whether a market's rules name this city's station."""
        folded = _folded(rules)
        return any(phrase.casefold() in folded for phrase in self.rules_phrases)


@dataclass(frozen=True, slots=True)
class Series:
    """One extreme of one city's climate days, as the exchange lists it."""

    ticker: str
    city: City
    extreme: Extreme

    def __hash__(self) -> int:
        """Of the ticker alone, as of a city's code."""
        return hash(self.ticker)

    def settles_by(self, rules: str) -> bool:
        """Whether a market's rules name this station and this extreme. Unknown rules are not traded."""
        return self.city.settles_by(rules) and extreme_in(rules) is self.extreme


@cache
def cities() -> tuple[City, ...]:
    """Every city of cities.toml, in its order."""
    lists = ("rules_phrases", "evidence")
    rows = tomllib.loads(TABLE.read_text("utf-8"))["city"]
    return tuple(City(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows)


def all_series() -> tuple[Series, ...]:
    """Every series of cities.toml: the highs in its order, then the lows."""
    return tuple(_by_ticker().values())


def series_of(ticker: str) -> Series:
    """The series of a ticker. Raises KeyError for one that cities.toml does not list: it is never traded."""
    try:
        return _by_ticker()[ticker]
    except KeyError:
        raise KeyError(
            f"series {ticker} is not in cities.toml; add its station there after reading its rules"
        ) from None


def city_of_series(ticker: str) -> City:
    """The city that a series settles in. Raises KeyError as `series_of` does."""
    return series_of(ticker).city


def extreme_in(text: str) -> Extreme | None:
    """Which extreme a text speaks of; None where it names none or both."""
    folded = _folded(text)
    named = [extreme for extreme, words in _SAID_AS.items() if any(word in folded for word in words)]
    return named[0] if len(named) == 1 else None


def forget_table() -> None:
    """Read the table anew on the next question."""
    cities.cache_clear()
    _by_ticker.cache_clear()


@cache
def _by_ticker() -> Mapping[str, Series]:
    highs = [Series(city.high, city, Extreme.HIGH) for city in cities() if city.high]
    lows = [Series(city.low, city, Extreme.LOW) for city in cities() if city.low]
    return {series.ticker: series for series in (*highs, *lows)}


@lru_cache(maxsize=64)
def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
