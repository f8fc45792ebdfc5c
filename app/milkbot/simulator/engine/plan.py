"""What a world gives the exchange: which events to list and when, who quotes them, and how they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from milkbot.domain.cities import City, Series
from milkbot.domain.markets import MarketStatus, Strike, StrikeType, event_ticker

SETTLEMENT_TIMER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event from its creation to its end, moments in UTC. It is finalized one timer after it is determined."""

    series: Series
    day: date
    strikes: tuple[Strike, ...]
    created_at: datetime
    opens_at: datetime
    closes_at: datetime
    determined_at: datetime

    @property
    def city(self) -> City:
        """Where it settles."""
        return self.series.city

    @property
    def ticker(self) -> str:
        """SERIES-YYMONDD."""
        return event_ticker(self.series.ticker, self.day)

    @property
    def key(self) -> str:
        """What it is stored under."""
        return self.ticker

    @property
    def finalized_at(self) -> datetime:
        """When positions are paid out."""
        return self.determined_at + SETTLEMENT_TIMER

    def status(self, now: datetime) -> MarketStatus:
        """Where its markets stand in their life."""
        if now < self.opens_at:
            return MarketStatus.INITIALIZED
        if now < self.closes_at:
            return MarketStatus.ACTIVE
        if now < self.determined_at:
            return MarketStatus.CLOSED
        return MarketStatus.DETERMINED if now < self.finalized_at else MarketStatus.FINALIZED

    def market_ticker(self, strike: Strike) -> str:
        """The event's ticker with T (either tail) or B (between) and the strike, as the exchange writes it."""
        if strike.kind is StrikeType.BETWEEN and strike.floor is not None and strike.cap is not None:
            return f"{self.ticker}-B{(strike.floor + strike.cap) / 2:g}"
        return f"{self.ticker}-T{strike.cap if strike.kind is StrikeType.LESS else strike.floor}"


@dataclass(frozen=True, slots=True)
class Quote:
    """A standing offer of the house: `cents` of the YES leg, `lots` hundredths of a contract.

    A quote with the `key` and `stamp` of one already posted is the same quote: what was taken from it remains taken.
    """

    owner: str
    key: str
    is_bid: bool
    cents: int
    lots: int
    stamp: int


@dataclass(frozen=True, slots=True)
class Take:
    """An immediate-or-cancel order of the crowd."""

    owner: str
    is_bid: bool
    cents: int
    lots: int


class House(Protocol):
    """Everyone who trades except the accounts."""

    def moments(self, plan: EventPlan, ticker: str, after: datetime, until: datetime) -> Iterable[datetime]:
        """When that market's quotes change in (after, until], in order."""
        ...

    def latest_moment(self, plan: EventPlan, ticker: str, until: datetime) -> datetime | None:
        """The last change at or before `until`."""
        ...

    def quotes(self, plan: EventPlan, strike: Strike, at: datetime, inventory: Mapping[str, int]) -> list[Quote]:
        """What stands in the book at that moment; `inventory` is signed lots by owner."""
        ...

    def takes(self, plan: EventPlan, strike: Strike, at: datetime, since: datetime | None) -> list[Take]:
        """What the crowd sends at that moment, for all the time since the last one."""
        ...


class World(Protocol):
    """Where events, quotes and outcomes come from: simulated, or a recorded day."""

    @property
    def house(self) -> House:
        """Who quotes."""
        ...

    @property
    def series(self) -> tuple[Series, ...]:
        """What it lists."""
        ...

    def created_between(self, after: datetime, until: datetime) -> list[EventPlan]:
        """Events created in (after, until], in order of creation."""
        ...

    def official(self, plan: EventPlan) -> int:
        """The whole degrees Fahrenheit that settle the event."""
        ...
