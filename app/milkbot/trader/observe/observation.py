"""Reading events, order books, forecasts and measurements, each with its own time; storing their snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from milkbot.db import ticks
from milkbot.domain.cities import City, city_of_series
from milkbot.domain.clock import Clock
from milkbot.domain.fees import FeeSchedule
from milkbot.domain.markets import Event, Market
from milkbot.domain.modes import TradingMode
from milkbot.domain.orderbook import OrderBook
from milkbot.errors import VenueUnavailableError
from milkbot.venue.client import KalshiClient
from milkbot.weather.client import WeatherClient
from milkbot.weather.values import HighForecast, Observation

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CityWeather:
    """What the weather service said of one city and climate day; None where it said nothing."""

    forecast: HighForecast | None
    observed_max_f: float | None
    current_f: float | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Observed:
    """One event with everything that was read for it."""

    event: Event
    city: City
    fees: FeeSchedule
    weather: CityWeather
    orderbooks: dict[str, OrderBook]


def observe(venue: KalshiClient, weather: WeatherClient, series: Sequence[str], clock: Clock) -> tuple[Observed, ...]:
    """Read every open event of the series with its order books and its weather.

    Raises VenueReadError when the exchange does not answer. A silent weather service is noted, not raised: markets
    without a forecast are not traded.
    """
    fees = {ticker: venue.fee_schedule(ticker) for ticker in series}
    found = [(event, city_of_series(ticker), fees[ticker]) for ticker in series for event in venue.open_events(ticker)]
    tickers = [market.ticker for event, _, _ in found for market in event.markets]
    orderbooks = venue.orderbooks(tickers)
    return tuple(
        Observed(
            event,
            city,
            schedule,
            _weather_of(weather, city, event.climate_day, clock.now()),
            {market.ticker: orderbooks[market.ticker] for market in event.markets if market.ticker in orderbooks},
        )
        for event, city, schedule in found
    )


def oldest_forecasts(observed: Sequence[Observed]) -> dict[str, datetime]:
    """By city code, when the oldest of its forecasts was issued; cities without one are left out."""
    oldest: dict[str, datetime] = {}
    for seen in observed:
        if seen.weather.forecast is not None:
            issued = seen.weather.forecast.issued_at
            oldest[seen.city.code] = min(issued, oldest.get(seen.city.code, issued))
    return oldest


def _weather_of(weather: WeatherClient, city: City, day: date, now: datetime) -> CityWeather:
    start, end = city.day_bounds(day)
    measured: list[Observation] = []
    try:
        forecast = weather.high_forecast(city, day)
        if start <= now < end:
            measured = weather.observations(city, start, now)
    except VenueUnavailableError as error:
        log.warning("weather missing", city=city.code, day=day.isoformat(), problem=str(error))
        return CityWeather(None, None, None, str(error))
    highest = max((reading.temperature_f for reading in measured), default=None)
    newest = max(measured, key=lambda reading: reading.observed_at, default=None)
    return CityWeather(forecast, highest, newest.temperature_f if newest else None, None)


@dataclass(frozen=True, slots=True)
class SnapshotIds:
    """Ids of the stored snapshots: of the weather by event ticker, of the market by its ticker."""

    weather: dict[str, int]
    market: dict[str, int]


def store(
    session: Session, observed: Sequence[Observed], *, tick_id: int, mode: TradingMode, captured_at: datetime
) -> SnapshotIds:
    """Write the snapshots of a tick."""
    common = {"trading_mode": mode, "tick_id": tick_id}
    weather_ids = ticks.save_weather(session, [{**common, **_weather_row(seen, captured_at)} for seen in observed])
    market_ids = ticks.save_markets(
        session,
        [{**common, **_market_row(seen, market, captured_at)} for seen in observed for market in seen.event.markets],
    )
    by_event = {seen.event.ticker: row_id for seen, row_id in zip(observed, weather_ids, strict=True)}
    return SnapshotIds(by_event, market_ids)


def _weather_row(seen: Observed, captured_at: datetime) -> dict[str, Any]:
    forecast = seen.weather.forecast
    return {
        "city_code": seen.city.code,
        "climate_day": seen.event.climate_day,
        "captured_at": forecast.fetched_at if forecast else captured_at,
        "issued_at": forecast.issued_at if forecast else None,
        "forecast_high_f": forecast.high_f if forecast else None,
        "observed_max_f": seen.weather.observed_max_f,
        "current_f": seen.weather.current_f,
        "source": "nws",
    }


def _market_row(seen: Observed, market: Market, captured_at: datetime) -> dict[str, Any]:
    orderbook = seen.orderbooks.get(market.ticker)
    bid = orderbook.best_yes_bid if orderbook else None
    ask = orderbook.best_yes_ask if orderbook else None
    return {
        "ticker": market.ticker,
        "event_ticker": market.event_ticker,
        "city_code": seen.city.code,
        "captured_at": orderbook.captured_at if orderbook else captured_at,
        "status": market.status,
        "strike_type": market.strike.kind,
        "floor_strike": market.strike.floor,
        "cap_strike": market.strike.cap,
        "close_time": market.close_time,
        "yes_bid": bid.price if bid else None,
        "yes_bid_size": bid.count if bid else None,
        "yes_ask": ask.price if ask else None,
        "yes_ask_size": ask.count if ask else None,
    }
