"""What a forecaster is given: all that was known of one event as of a moment, and nothing that came later.

Every input has the time at which its source issued it and the time at which we received it. The ids of the stored
snapshots are with the stored forecast: no forecast depends on them. Times are aware, in UTC. Prices are dollars
(Decimal), temperatures and probabilities are floats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from milkbot.domain.chances import mid
from milkbot.domain.cities import City, Extreme, Series
from milkbot.domain.markets import Strike
from milkbot.domain.orders import Leg
from milkbot.domain.settlement import is_exhaustive
from milkbot.domain.units import Count, Price


@dataclass(frozen=True, slots=True)
class Quote:
    """The best YES bid and YES ask of one bracket, in dollars; None where that side is empty.

    The exchange stamps no order book, so live `issued_at` is `received_at`.
    """

    bid: Price | None
    ask: Price | None
    issued_at: datetime
    received_at: datetime

    @property
    def mid(self) -> Price | None:
        """Half-way between bid and ask in dollars. An empty side counts as its bound, 0 or 1; None where both are."""
        return mid(self.bid, self.ask)


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of a bracket, in dollars for YES. `taker`: the leg that was bought by whoever took the offer."""

    price: Price
    count: Count
    taker: Leg
    issued_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Bracket:
    """One market of the event. `quote` is None where its order book was not read; `trades` are the last ones, oldest
    first, empty where they are not known.
    """

    ticker: str
    strike: Strike
    quote: Quote | None = None
    trades: tuple[Trade, ...] = ()


@dataclass(frozen=True, slots=True)
class PointForecast:
    """The extreme that a source expected, in degrees F. `falls_at`: when it is expected."""

    source: str
    degrees_f: float
    falls_at: datetime
    issued_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One plausible air temperature of the settlement station, in degrees F."""

    degrees_f: float
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the station measured of the climate day so far, oldest first; the first ones may be from shortly before it.

    `so_far_f`: the day's extreme so far, None before its first report. `issued_at`: when the newest one was made.
    """

    so_far_f: float | None
    readings: tuple[Reading, ...]
    issued_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Inputs:
    """One event as of a moment. `brackets` are in the event's order, which need not be that of the temperatures.

    `forecasts`: the service's own first; empty where there is none. `measured` is None before the day begins and where
    it was not read. Raises ValueError for an input that was received after `as_of`: nobody forecasts from the future.
    """

    as_of: datetime
    series: Series
    climate_day: date
    event_ticker: str
    brackets: tuple[Bracket, ...]
    forecasts: tuple[PointForecast, ...] = ()
    measured: Measurements | None = None

    def __post_init__(self) -> None:
        for what, received_at in self._receipts():
            if received_at > self.as_of:
                raise ValueError(
                    f"{self.event_ticker}: {what} was received at {received_at:%Y-%m-%d %H:%M:%S} UTC, "
                    f"after the moment of the forecast, {self.as_of:%Y-%m-%d %H:%M:%S} UTC"
                )

    @property
    def city(self) -> City:
        """Where the event settles."""
        return self.series.city

    @property
    def extreme(self) -> Extreme:
        """Whether it settles on the day's high or its low."""
        return self.series.extreme

    @property
    def is_whole(self) -> bool:
        """Whether the brackets have every temperature between them: not where one of the event was not read."""
        return is_exhaustive(bracket.strike for bracket in self.brackets)

    @property
    def lead(self) -> timedelta:
        """Time until the climate day ends (midnight in local standard time)."""
        return self.city.day_bounds(self.climate_day)[1] - self.as_of

    @property
    def local_time(self) -> datetime:
        """The moment on the clocks of the city, with daylight saving."""
        return self.as_of.astimezone(ZoneInfo(self.city.time_zone))

    def _receipts(self) -> Iterator[tuple[str, datetime]]:
        for bracket in self.brackets:
            if bracket.quote is not None:
                yield f"the quote of {bracket.ticker}", bracket.quote.received_at
            for trade in bracket.trades:
                yield f"a trade of {bracket.ticker}", trade.received_at
        for forecast in self.forecasts:
            yield f"the forecast of {forecast.source}", forecast.received_at
        if self.measured is not None:
            yield "a measurement", self.measured.received_at
