"""Reading events, order books, forecasts and measurements, each with its own time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

import structlog

from milkbot.domain.cities import City, Extreme, Series, city_of_series, series_of
from milkbot.domain.clock import Clock
from milkbot.domain.fees import FeeSchedule
from milkbot.domain.listings import CATEGORY
from milkbot.domain.markets import Event, event_ticker
from milkbot.domain.orderbook import OrderBook
from milkbot.domain.unread import ObjectKind, Unread, unread_object
from milkbot.trader.observe.due import expected_days
from milkbot.venue.client import KalshiClient
from milkbot.venue.errors import UnusableReplyError
from milkbot.weather.client import WeatherClient
from milkbot.weather.errors import WeatherReadError
from milkbot.weather.measured import Measured
from milkbot.weather.values import ExtremeForecast

log = structlog.get_logger(__name__)

_MANY = 8
"""From so many series on they are read out of listings: of the whole category, and of the events by their tickers."""


@dataclass(frozen=True, slots=True)
class CityWeather:
    """What the weather service said of one city and climate day. Forecast and measurements fail apart.

    `forecast` is None where the service has none for that day, or with an error; `measured` is None before the day
    begins and after it has ended, or with an error.
    """

    forecast: ExtremeForecast | None
    measured: Measured | None = None
    forecast_error: WeatherReadError | None = None
    observation_error: WeatherReadError | None = None
    measured_at: datetime | None = None
    """When the measurements were read."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One event with everything that was read for it."""

    event: Event
    series: Series
    fees: FeeSchedule
    weather: CityWeather
    orderbooks: dict[str, OrderBook]

    @property
    def city(self) -> City:
        """Where it settles."""
        return self.series.city


def observe(
    venue: KalshiClient, weather: WeatherClient, series: Sequence[str], clock: Clock, unread: Unread
) -> tuple[Observed, ...]:
    """Read every open event of the series with its order books and its weather.

    A series, event, market or order book that cannot be read is left out, and goes to `unread`. Raises VenueReadError
    when the exchange does not answer, or has no usable answer for any series. A silent weather service is noted, not
    raised: markets without a forecast are not traded.
    """
    read = _read(venue, series, clock.now(), unread)
    found = [(event, series_of(ticker), fees) for ticker, fees, events in read for event in events]
    tickers = [market.ticker for event, _, _ in found for market in event.markets]
    orderbooks = venue.orderbooks(tickers, unread=unread)
    seen = _Weather(weather, clock)
    return tuple(
        Observed(
            event,
            of_event,
            schedule,
            seen.of(of_event, event.climate_day),
            {market.ticker: orderbooks[market.ticker] for market in event.markets if market.ticker in orderbooks},
        )
        for event, of_event, schedule in found
    )


def _read(
    venue: KalshiClient, series: Sequence[str], now: datetime, unread: Unread
) -> list[tuple[str, FeeSchedule, list[Event]]]:
    """Each series with its fees and its open events."""
    usable: list[tuple[str, FeeSchedule, list[Event]]] = []
    refused: UnusableReplyError | None = None
    fees, events = _together(venue, series, now)
    for ticker in series:
        try:
            schedule = fees.get(ticker) or venue.fee_schedule(ticker)
            usable.append((ticker, schedule, events.get(ticker) or venue.open_events(ticker, unread=unread)))
        except UnusableReplyError as error:
            refused = error
            unread.append(unread_object(ObjectKind.SERIES, {"ticker": ticker}, str(error), ticker))
    if refused is not None and not usable:
        raise refused
    return usable


def _together(
    venue: KalshiClient, series: Sequence[str], now: datetime
) -> tuple[dict[str, FeeSchedule], dict[str, list[Event]]]:
    """What two listings say of many series. A series that they have not, or not whole, is to be read alone: also one
    of which an event is due that the list of events omits.
    """
    if len(series) < _MANY:
        return {}, {}
    try:
        skipped: Unread = []
        listed = venue.listed_series(CATEGORY, unread=skipped)
        events = venue.events_named(_event_tickers(series, now), unread=skipped)
    except UnusableReplyError as error:
        log.warning("listing not usable", problem=str(error))
        return {}, {}
    odd = {one.series for one in skipped} | {one.subject.partition("-")[0] for one in skipped}
    twice = {ticker for ticker, number in Counter(one.ticker for one in listed).items() if number > 1}
    fees = {one.ticker: one.fees for one in listed if one.ticker not in twice | odd}
    by_series = groupby(sorted(events, key=lambda event: event.series_ticker), key=lambda event: event.series_ticker)
    found = {ticker: list(of_series) for ticker, of_series in by_series if ticker not in odd}
    return fees, {ticker: of_series for ticker, of_series in found.items() if _has_what_is_due(ticker, of_series, now)}


def _has_what_is_due(series: str, events: Sequence[Event], now: datetime) -> bool:
    return expected_days(city_of_series(series), now) <= {event.climate_day for event in events}


def _event_tickers(series: Sequence[str], now: datetime) -> list[str]:
    """The events that may be open: an event opens the day before its climate day."""
    days = [now.date() + timedelta(days=ahead) for ahead in (-1, 0, 1)]
    return [event_ticker(ticker, day) for ticker in series for day in days]


_Read = tuple[Measured | None, WeatherReadError | None, datetime | None]


class _Weather:
    """The weather of a tick. What was measured of a city's day is read once, for its high and its low."""

    def __init__(self, client: WeatherClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._measured: dict[tuple[City, date], _Read] = {}

    def of(self, series: Series, day: date) -> CityWeather:
        """What the service says of a series' climate day."""
        city, forecast, forecast_error = series.city, None, None
        read = self._client.low_forecast if series.extreme is Extreme.LOW else self._client.high_forecast
        try:
            forecast = read(city, day)
        except WeatherReadError as error:
            log.warning("forecast missing", series=series.ticker, day=day.isoformat(), problem=str(error))
            forecast_error = error
        if (city, day) not in self._measured:
            self._measured[city, day] = self._read_measured(city, day)
        measured, observation_error, read_at = self._measured[city, day]
        return CityWeather(forecast, measured, forecast_error, observation_error, read_at)

    def _read_measured(self, city: City, day: date) -> _Read:
        now = self._clock.now()
        start, end = city.day_bounds(day)
        if not start <= now < end:
            return None, None, None
        try:
            return self._client.measured(city, start, now), None, self._clock.now()
        except WeatherReadError as error:
            log.warning("observations missing", city=city.code, day=day.isoformat(), problem=str(error))
            return None, error, None
