"""The clients of the exchange and of the weather service, opened by the settings, and the loop that uses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Engine

from milkbot.domain.clock import Clock, SystemClock
from milkbot.settings import Settings
from milkbot.trader.trading_loop import TradingLoop
from milkbot.venue.client import KalshiClient
from milkbot.venue.signing import load_credentials
from milkbot.venue.transport import MAX_SKEW_SECONDS
from milkbot.weather.client import WeatherClient


@contextmanager
def open_venue(
    settings: Settings, clock: Clock, *, max_skew_seconds: float | None = MAX_SKEW_SECONDS
) -> Iterator[KalshiClient]:
    """The exchange client; without a key it reads public market data only. With None it works with any clock."""
    credentials = None
    if settings.kalshi_api_key_id and settings.kalshi_private_key_path:
        credentials = load_credentials(settings.kalshi_api_key_id, settings.kalshi_private_key_path)
    client = KalshiClient(settings.kalshi_api_base, credentials, clock, max_skew_seconds=max_skew_seconds)
    with closing(client):
        yield client


@contextmanager
def open_weather(settings: Settings, clock: Clock) -> Iterator[WeatherClient]:
    """The weather client; its cache outlives the process where MILKBOT_CACHE_DIRECTORY is set."""
    client = WeatherClient(
        settings.nws_api_base,
        settings.nws_user_agent,
        clock,
        settings.weather_cache_min * 60,
        cache_directory=settings.milkbot_cache_directory,
    )
    with closing(client):
        yield client


@contextmanager
def open_trading_loop(settings: Settings, engine: Engine, clock: Clock | None = None) -> Iterator[TradingLoop]:
    """A trading loop whose clients are open for the length of the block."""
    used = clock or SystemClock()
    with (
        open_venue(settings, used) as venue,
        open_weather(settings, used) as weather,
        closing(TradingLoop(settings, engine, venue, weather, used)) as loop,
    ):
        yield loop
