"""Series, events and their six markets: what the exchange lists, as plain values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from milkbot.domain.units import Price

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EVENT = re.compile(r"^(?P<series>[A-Z]+)-(?P<year>\d{2})(?P<month>[A-Z]{3})(?P<day>\d{2})$")


class StrikeType(StrEnum):
    """The kinds of strike that a daily-temperature market has. The direction comes from here alone."""

    LESS = "less"
    BETWEEN = "between"
    GREATER = "greater"


class MarketStatus(StrEnum):
    """The life of a market, in the exchange's words."""

    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True)
class Strike:
    """Which whole degrees Fahrenheit resolve to YES. `floor` and `cap` as the exchange sends them.

    less: degrees < cap; between: floor <= degrees <= cap; greater: degrees > floor.
    """

    kind: StrikeType
    floor: int | None = None
    cap: int | None = None

    def __post_init__(self) -> None:
        wants_floor = self.kind is not StrikeType.LESS
        wants_cap = self.kind is not StrikeType.GREATER
        if (self.floor is not None) != wants_floor or (self.cap is not None) != wants_cap:
            raise ValueError(f"strike {self.kind} has floor {self.floor} and cap {self.cap}")
        if self.floor is not None and self.cap is not None and self.floor > self.cap:
            raise ValueError(f"strike between has floor {self.floor} above cap {self.cap}")

    def contains(self, degrees_f: int) -> bool:
        """Whether an official high or low of that many whole degrees resolves to YES."""
        return self.lower_edge < degrees_f < self.upper_edge

    @property
    def lower_edge(self) -> float:
        """Lower half-degree edge on a continuous temperature, -inf for the low tail."""
        if self.floor is None:
            return -math.inf
        return self.floor + 0.5 if self.kind is StrikeType.GREATER else self.floor - 0.5

    @property
    def upper_edge(self) -> float:
        """Upper half-degree edge on a continuous temperature, +inf for the high tail."""
        if self.cap is None:
            return math.inf
        return self.cap - 0.5 if self.kind is StrikeType.LESS else self.cap + 0.5


@dataclass(frozen=True, slots=True)
class PriceRange:
    """A stretch of prices with one tick size, in dollars."""

    start: Price
    end: Price
    step: Price


@dataclass(frozen=True, slots=True)
class Market:
    """One bracket of an event. Quotes live in the order book, not here.

    `yes_value`: dollars that a YES paid; it and `settled_at` are None until the market has settled.
    """

    ticker: str
    event_ticker: str
    strike: Strike
    status: MarketStatus
    open_time: datetime
    close_time: datetime
    title: str
    rules_primary: str
    price_ranges: tuple[PriceRange, ...]
    exchange_index: int
    result: str
    expiration_value: str
    yes_value: Price | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """All markets of one city on one climate day; exactly one of them resolves to YES."""

    ticker: str
    series_ticker: str
    climate_day: date
    mutually_exclusive: bool
    markets: tuple[Market, ...]


def climate_day(event_ticker: str) -> date:
    """The climate day in an event's ticker, such as KXHIGHNY-25DEC16. Raises ValueError if it has none.

    It is never derived from close_time: the close moved from civil to standard midnight in 2026.
    """
    found = _EVENT.match(event_ticker)
    if not found or found["month"] not in _MONTHS:
        raise ValueError(f"event ticker is {event_ticker!r}, expected SERIES-YYMONDD")
    return date(2000 + int(found["year"]), _MONTHS.index(found["month"]) + 1, int(found["day"]))


def event_ticker(series: str, day: date) -> str:
    """The ticker of a series' event on a climate day."""
    return f"{series}-{day:%y}{_MONTHS[day.month - 1]}{day:%d}"
