"""The snapshots of a tick in the database: the weather of each event, and the top of each market's order book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from milkbot.db import ticks
from milkbot.domain.cities import Extreme
from milkbot.domain.markets import Market
from milkbot.domain.modes import TradingMode
from milkbot.trader.observe.observation import Observed

_COLUMNS = {
    Extreme.HIGH: ("forecast_high_f", "observed_max_f"),
    Extreme.LOW: ("forecast_low_f", "observed_min_f"),
}
"""Of the forecast and of what was measured so far."""


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
    forecast, measured, extreme = seen.weather.forecast, seen.weather.measured, seen.series.extreme
    newest = measured.newest if measured else None
    forecast_column, so_far_column = _COLUMNS[extreme]
    return {
        **dict.fromkeys(column for columns in _COLUMNS.values() for column in columns),
        "city_code": seen.city.code,
        "climate_day": seen.event.climate_day,
        "captured_at": forecast.fetched_at if forecast else captured_at,
        "issued_at": forecast.issued_at if forecast else None,
        forecast_column: forecast.degrees_f if forecast else None,
        so_far_column: measured.so_far(extreme) if measured else None,
        "current_f": newest.temperature_f if newest else None,
        "source": "nws",
        "cell": str(forecast.cell) if forecast and forecast.cell else None,
        "observed_at": newest.observed_at if newest else None,
        "left_out": len(measured.left_out) if measured else None,
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
