"""Where a ticker belongs: its event, its city and its climate day, read from the ticker itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from milkbot.domain.cities import City, city_of_series
from milkbot.domain.markets import climate_day


@dataclass(frozen=True, slots=True)
class Place:
    """A market's event, city and climate day."""

    event_ticker: str
    city: City
    climate_day: date


def place_of(ticker: str) -> Place | None:
    """The place of a market's ticker; None for a market of a series that is not ours."""
    event_ticker, _, suffix = ticker.rpartition("-")
    try:
        return (
            Place(event_ticker, city_of_series(event_ticker.partition("-")[0]), climate_day(event_ticker))
            if suffix
            else None
        )
    except (KeyError, ValueError):
        return None
